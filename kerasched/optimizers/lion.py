"""keras.optimizers.Lion with its whole update in one pass over memory."""

from typing import TYPE_CHECKING
from typing import Any
from typing import ClassVar
from typing import TypeAlias

import keras

from kerasched.optimizers.arguments import passed_on
from kerasched.optimizers.fused_optimizer import FusedOptimizer
from kerasched.optimizers.fused_optimizer import backend_class

if TYPE_CHECKING:
    KerasLion: TypeAlias = keras.optimizers.Lion
else:
    KerasLion = backend_class(keras.optimizers.Lion)


@keras.saving.register_keras_serializable(package="kerasched")
class Lion(FusedOptimizer, KerasLion):
    """Step by the sign of a momentum, in one pass over memory.

    weight = weight - learning_rate * sign(beta_1 * momentum + (1 - beta_1) * gradient)
    momentum = beta_2 * momentum + (1 - beta_2) * gradient

    (Chen et al., 2023, arXiv:2302.06675, algorithm 2.) Results are those of
    keras.optimizers.Lion up to rounding, and files are interchangeable with it. A sign
    may differ where its argument is 0 up to rounding.
    On a CPU the update runs as compiled code; elsewhere as Keras's own operations.

    Args:
        learning_rate: a number, a schedule, or a function without arguments. Under
            `gradient_accumulation_steps` a schedule counts updates, where Keras's own
            optimizer lets it count micro-batches.
        beta_1: the share of the momentum in a step, above 0, at most 1; or a schedule.
        beta_2: the factor by which momentums are kept, 0 to 1, or a schedule of it.
        weight_decay, clipnorm, clipvalue, global_clipnorm: as for `kerasched.SGD`.
        use_ema, ema_momentum, ema_overwrite_frequency: as for `kerasched.SGD`.
        loss_scale_factor, gradient_accumulation_steps, name: as for `kerasched.SGD`.
        independent_weight_decay, fused: as for `kerasched.SGD`.

    Raises:
        ValueError: an argument is out of its range, or a schedule holds a PerUpdate
            together with `gradient_accumulation_steps`.
        RuntimeError: at the first step, as for `kerasched.SGD`.
    """

    scheduled: ClassVar[dict[str, float]] = {
        "beta_1": 0.9,
        "beta_2": 0.99,
        "weight_decay": 0.0,
    }

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: Any = 0.9,
        beta_2: Any = 0.99,
        weight_decay: Any = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
        *,
        independent_weight_decay: bool = False,
        fused: bool | str = "auto",
        **kwargs: Any,
    ) -> None:
        super().__init__(**passed_on(locals()))

    def _rule(self) -> str:
        return "lion"

    def _slots(self) -> list[list[Any]]:
        return [self._momentums]

    def _hyperparameters(self) -> tuple[Any, ...]:
        return self._current(self.beta_1), self._current(self.beta_2)
