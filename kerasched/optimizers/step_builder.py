"""Describes the step of an optimizer to the kernels.

Another update rule needs a class with the first three hooks below, a row in
kerasched/kernels/rules.py, and a header in csrc: docs/adding_an_optimizer.md.
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

    def _rule(self) -> str:
        """Return the name of the update rule, one of kerasched.kernels.rules.RULES."""
        raise NotImplementedError

    def _slots(self) -> list[list[Any]]:
        """Return a list of variables for each slot of the rule, in its order."""
        raise NotImplementedError

    def _hyperparameters(self) -> tuple[Any, ...]:
        """Return the values of the rule's hyperparameters, in its order."""
        raise NotImplementedError

    def _needs_reference(self) -> bool:
        """Return whether Keras's own update lacks an option that is set."""
        raise NotImplementedError

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
        places = [self._get_variable_index(weight) for weight in weights]

        def at(variables: list[Any]) -> list[Any]:
            return [variables[i] for i in places]

        slots = self._slots() if options.slots else []
        sums = at(self._accumulated_gradients) if options.accumulates else []
        averages = at(self._model_variables_moving_average) if options.use_ema else []
        scratch = self._step_state.scratch
        return Step(
            options,
            self._scalars(rate, loss_scale),
            gradients,
            Arrays(weights, list(map(at, slots)), sums, averages),
            tuple(not options.weight_decay or self._decays(w) for w in weights),
            at(scratch) if scratch else [],
            self._step_cache.entries,
        )

    def _options(self, unscales: bool, skips_nonfinite: bool) -> Options:
        return Options(
            rule=self._rule(),
            weight_decay=bool(self.weight_decay),
            independent_weight_decay=bool(self.independent_weight_decay),
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
        return Scalars(
            learning_rate=self._current(rate),
            weight_decay=self._current(self.weight_decay or 0.0),
            iterations=self._iterations.value,
            loss_scale=1.0 if loss_scale is None else loss_scale,
            hyperparameters=self._hyperparameters(),
        )

    def _current(self, value: Any) -> Any:
        """Return the value of a hyperparameter in this step."""
        value = value(self.iterations) if is_schedule(value) else value
        return value.value if isinstance(value, keras.Variable) else value

    def _decays(self, weight: Any) -> bool:
        on_tensorflow = keras.backend.backend() == "tensorflow"
        if on_tensorflow and isinstance(weight, keras.Variable):
            weight = weight.value  # Keras looks it up by TensorFlow's variable.
        return self._use_weight_decay(weight)
