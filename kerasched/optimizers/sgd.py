"""keras.optimizers.SGD with its whole update in one pass over memory."""

from typing import TYPE_CHECKING
from typing import Any
from typing import ClassVar
from typing import TypeAlias

import keras

from kerasched.optimizers.arguments import passed_on
from kerasched.optimizers.fused_optimizer import FusedOptimizer
from kerasched.optimizers.fused_optimizer import backend_class

if TYPE_CHECKING:
    KerasSGD: TypeAlias = keras.optimizers.SGD
else:
    KerasSGD = backend_class(keras.optimizers.SGD)


@keras.saving.register_keras_serializable(package="kerasched")
class SGD(FusedOptimizer, KerasSGD):
    """Descend the gradient, with momentum, in one pass over memory.

    velocity = momentum * velocity - learning_rate * gradient
    weight = weight + velocity

    With `nesterov`, weight = weight + momentum * velocity - learning_rate * gradient.
    Results are those of keras.optimizers.SGD up to rounding, and files are
    interchangeable with it.
    On a CPU the update runs as compiled code; elsewhere as Keras's own operations.

    Args:
        learning_rate: a number, a schedule, or a function without arguments. Under
            `gradient_accumulation_steps` a schedule counts updates, where Keras's own
            optimizer lets it count micro-batches.
        momentum: the factor by which velocities are kept, 0 to 1, or a schedule of it.
        nesterov: whether to look one step ahead.
        weight_decay: the fraction of each weight subtracted in a step, times the
            learning rate; or a schedule of it. None for no decay.
        clipnorm: the largest norm of each gradient.
        clipvalue: the largest absolute value in a gradient.
        global_clipnorm: the largest norm of all gradients together.
        use_ema: whether to keep a moving average of the weights, which replaces them at
            the end of `fit`.
        ema_momentum: the factor by which that average is kept, 0 to 1.
        ema_overwrite_frequency: updates between two replacements, None for none.
        loss_scale_factor: a number by which the loss was multiplied.
        gradient_accumulation_steps: micro-batches to one update, 2 or more.
        name: a name of your choice.
        independent_weight_decay: whether the decay is not multiplied by the learning
            rate (Loshchilov and Hutter, 2019, arXiv:1711.05101, section 3).
        fused: "auto" to use compiled code where it was measured to be at least as
            fast, True to insist on it, False to do without.

    Raises:
        ValueError: an argument is out of its range, or a schedule holds a PerUpdate
            together with `gradient_accumulation_steps`.
        RuntimeError: at the first step, if `fused` is True and the compiled kernel
            cannot run it, or if XLA compiles the step under a tf.distribute strategy
            of several replicas.
    """

    scheduled: ClassVar[dict[str, float]] = {"momentum": 0.0, "weight_decay": 0.0}

    def __init__(
        self,
        learning_rate: Any = 0.01,
        momentum: Any = 0.0,
        nesterov: bool = False,
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
        is_zero = isinstance(self.momentum, (int, float)) and self.momentum == 0
        if is_zero or not self.momentums:  # Keras leaves the velocities unchanged.
            return "sgd"
        return "sgd_nesterov" if self.nesterov else "sgd_momentum"

    def _slots(self) -> list[list[Any]]:
        return [self.momentums]

    def _hyperparameters(self) -> tuple[Any, ...]:
        return () if self._rule() == "sgd" else (self._current(self.momentum),)
