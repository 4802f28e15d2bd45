"""Describes the step of an optimizer to the kernels.

Another update rule needs a class with the three hooks below, and the kernels its
options, hyperparameters and slots as fields of Options, Scalars and Arrays.
"""

from typing import Any

import keras

from kerasched.kernels.options import Arrays
from kerasched.kernels.options import Options
from kerasched.kernels.options import Scalars
from kerasched.kernels.options import Step
from kerasched.optimizers.arguments import is_schedule
from kerasched.optimizers.step_state import StepCache
from kerasched.optimizers.step_state import StepState


class StepBuilder(keras.optimizers.Optimizer):
    """An optimizer whose steps can be described as a Step."""

    independent_weight_decay: bool

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._step_state = StepState()
        self._step_cache = StepCache()

    def _rule_options(self) -> dict[str, Any]:
        """Return the options of the update rule, by the fields of Options."""
        raise NotImplementedError

    def _rule_scalars(self) -> dict[str, Any]:
        """Return the hyperparameters of the update rule, by the fields of Scalars."""
        raise NotImplementedError

    def _rule_slots(self, options: Options) -> dict[str, list[Any]]:
        """Return the slots that the update rule changes, by the fields of Arrays."""
        raise NotImplementedError

    def _needs_reference(self) -> bool:
        """Return whether Keras's own update lacks an option that is set."""
        independent = bool(self.weight_decay) and self.independent_weight_decay
        return is_schedule(self.weight_decay) or independent

    def _build_step(
        self,
        gradients: list[Any],
        weights: list[Any],
        rate: Any,
        loss_scale: Any,
        skips_nonfinite: bool = False,
    ) -> Step:
        """Return the step of these weights.

        Args:
            gradients: one gradient for each weight.
            weights: the variables; those without a gradient are left out.
            rate: the learning rate.
            loss_scale: the factor that divides the gradients, or None.
            skips_nonfinite: whether to skip the step if a gradient is not finite.
        """
        options = self._options(loss_scale is not None, skips_nonfinite)
        slots = self._rule_slots(options)
        if options.accumulates:
            slots["sums"] = self._accumulated_gradients
        if options.use_ema:
            slots["averages"] = self._model_variables_moving_average
        places = [self._get_variable_index(weight) for weight in weights]
        scratch = self._step_state.scratch
        return Step(
            options,
            self._scalars(rate, loss_scale),
            gradients,
            Arrays(weights, **{n: [v[i] for i in places] for n, v in slots.items()}),
            tuple(not options.weight_decay or self._decays(w) for w in weights),
            [scratch[i] for i in places] if scratch else [],
            self._step_cache.entries,
        )

    def _options(self, unscales: bool, skips_nonfinite: bool) -> Options:
        return Options(
            **self._rule_options(),
            clipvalue=float(self.clipvalue or 0),
            clipnorm=float(self.clipnorm or 0),
            global_clipnorm=float(self.global_clipnorm or 0),
            use_ema=bool(self.use_ema),
            ema_momentum=float(self.ema_momentum),
            ema_overwrite_frequency=int(self.ema_overwrite_frequency or 0),
            gradient_accumulation_steps=int(self.gradient_accumulation_steps or 0),
            unscales=unscales,
            skips_nonfinite=skips_nonfinite,
        )

    def _scalars(self, rate: Any, loss_scale: Any = None) -> Scalars:
        def current(value: Any) -> Any:
            value = value(self.iterations) if is_schedule(value) else value
            return value.value if isinstance(value, keras.Variable) else value

        return Scalars(
            learning_rate=current(rate),
            weight_decay=current(self.weight_decay or 0.0),
            iterations=self._iterations.value,
            loss_scale=1.0 if loss_scale is None else loss_scale,
            **{name: current(value) for name, value in self._rule_scalars().items()},
        )

    def _decays(self, weight: Any) -> bool:
        on_tensorflow = keras.backend.backend() == "tensorflow"
        if on_tensorflow and isinstance(weight, keras.Variable):
            weight = weight.value  # Keras looks it up by TensorFlow's variable.
        return self._use_weight_decay(weight)
