"""keras.optimizers.Adam and AdamW with their whole update in one pass over memory."""

from typing import TYPE_CHECKING
from typing import Any
from typing import ClassVar
from typing import TypeAlias

import keras
import numpy as np

from kerasched.optimizers.arguments import passed_on
from kerasched.optimizers.fused_optimizer import FusedOptimizer
from kerasched.optimizers.fused_optimizer import backend_class

if TYPE_CHECKING:
    KerasAdam: TypeAlias = keras.optimizers.Adam
    KerasAdamW: TypeAlias = keras.optimizers.AdamW
else:
    KerasAdam = backend_class(keras.optimizers.Adam)
    KerasAdamW = backend_class(keras.optimizers.AdamW)


@keras.saving.register_keras_serializable(package="kerasched")
class Adam(FusedOptimizer, KerasAdam):
    """Adapt each step to the moments of the gradient, in one pass over memory.

    momentum = beta_1 * momentum + (1 - beta_1) * gradient
    velocity = beta_2 * velocity + (1 - beta_2) * gradient ** 2
    weight = weight - rate * momentum / (sqrt(velocity) + epsilon)

    where rate = learning_rate * sqrt(1 - beta_2 ** t) / (1 - beta_1 ** t) in the t-th
    update (Kingma and Ba, 2015, arXiv:1412.6980, section 2). With `amsgrad` the largest
    velocity so far replaces it in the last line (Reddi et al., 2018, arXiv:1904.09237).
    Results are those of keras.optimizers.Adam up to rounding, and files are
    interchangeable with it. For bfloat16 weights the rate is computed in float32: in
    bfloat16 the default `beta_2` is 1, and Keras never moves a weight.
    On a CPU the update runs as compiled code; elsewhere as Keras's own operations.

    Args:
        learning_rate: a number, a schedule, or a function without arguments. Under
            `gradient_accumulation_steps` a schedule counts updates, where Keras's own
            optimizer lets it count micro-batches.
        beta_1: the factor by which momentums are kept, from 0 to below 1, or a schedule
            of it. With a schedule, beta_1 ** t is a power of its current value.
        beta_2: the same for velocities.
        epsilon: the number that keeps the divisor above 0.
        amsgrad: whether to divide by the largest velocity so far instead.
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
        "beta_2": 0.999,
        "weight_decay": 0.0,
    }

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: Any = 0.9,
        beta_2: Any = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
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
        return "adam_amsgrad" if self.amsgrad else "adam"

    def _slots(self) -> list[list[Any]]:
        slots = [self._momentums, self._velocities]
        return [*slots, self._velocity_hats] if self.amsgrad else slots

    def _hyperparameters(self) -> tuple[Any, ...]:
        beta_1, beta_2 = self._current(self.beta_1), self._current(self.beta_2)
        # Keras casts the betas, and uses 1 - beta and epsilon as Python numbers. Here
        # TensorFlow would round Python numbers to float32, but not those of NumPy.
        uncast = (1 - beta_1, 1 - beta_2, self.epsilon)
        exact = (np.float64(x) if isinstance(x, float) else x for x in uncast)
        return beta_1, beta_2, *exact

    def _needs_reference(self) -> bool:
        weights = self._trainable_variables
        types = {keras.backend.standardize_dtype(w.dtype) for w in weights}
        return bool(types & {"bfloat16", "float16"}) or super()._needs_reference()


@keras.saving.register_keras_serializable(package="kerasched")
class AdamW(Adam, KerasAdamW):
    """Adam whose weights decay apart from the gradient, in one pass over memory.

    Each update first takes learning_rate * weight_decay * weight from the weight
    (Loshchilov and Hutter, 2019, arXiv:1711.05101), and then is that of
    `kerasched.Adam`. Results are those of keras.optimizers.AdamW up to rounding, and
    files are interchangeable with it.

    Args:
        learning_rate: as for `kerasched.Adam`.
        weight_decay: the fraction of each weight subtracted in a step, times the
            learning rate; or a schedule of it.
        beta_1, beta_2, epsilon, amsgrad: as for `kerasched.Adam`.
        clipnorm, clipvalue, global_clipnorm: as for `kerasched.SGD`.
        use_ema, ema_momentum, ema_overwrite_frequency: as for `kerasched.SGD`.
        loss_scale_factor, gradient_accumulation_steps, name: as for `kerasched.SGD`.
        independent_weight_decay, fused: as for `kerasched.SGD`.

    Raises:
        ValueError: as for `kerasched.Adam`, or `weight_decay` is None.
        RuntimeError: at the first step, as for `kerasched.SGD`.
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        weight_decay: Any = 0.004,
        beta_1: Any = 0.9,
        beta_2: Any = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
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
