"""The base of optimizers whose whole update is one call to a kernel or to Keras.

Keras has no public way to replace a whole update. This file overrides and reads private
parts of keras.optimizers.Optimizer; tests/optimizers/test_internals.py fails if they
change.
"""

from collections.abc import Callable
from functools import partial
from types import ModuleType
from typing import Any

import keras

from kerasched.kernels import dispatch
from kerasched.kernels import reference
from kerasched.kernels.options import Arrays
from kerasched.kernels.options import Step
from kerasched.kernels.scope import in_stateless_scope
from kerasched.optimizers import scratch
from kerasched.optimizers.arguments import is_schedule
from kerasched.optimizers.repeated_step import RepeatedStep
from kerasched.optimizers.repeated_step import same_variables
from kerasched.optimizers.step_builder import StepBuilder
from kerasched.optimizers.values import hold_values
from kerasched.training.fit_call import record_fit_calls


class FusedUpdate(StepBuilder):
    """An optimizer that updates all variables in one call.

    Stands before the Keras class among the bases of an optimizer.
    """

    fused: bool | str
    # Read by callbacks: with Keras's own optimizers a schedule counts micro-batches.
    schedule_counts_updates = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        scratch.install()
        if keras.backend.backend() == "torch":
            record_fit_calls()  # It warns of processes that train models of their own.

    @property
    def loss_scale_factor(self) -> Any:
        """The factor by which the loss is multiplied, or None.

        Keras's `apply` divides all gradients by it, in a separate pass. In a step whose
        update divides them it is None, for the thread of that step alone.
        """
        state = self.__dict__.get("_step_state")
        if state is not None and state.loss_scale is not None:
            return None
        return self.__dict__.get("loss_scale_factor")

    @loss_scale_factor.setter
    def loss_scale_factor(self, value: Any) -> None:
        self.__dict__["loss_scale_factor"] = value

    def scale_loss(self, loss: Any) -> Any:
        """Return the loss, multiplied by the loss scale.

        A call while a step is traced also records that the traced program computes
        the gradients.
        """
        self._step_state.computes_gradients = True
        return super().scale_loss(loss)

    def apply(self, grads: Any, trainable_variables: Any = None) -> None:
        """Update the variables. A gradient may be None.

        Args:
            grads: one tensor for each variable, of its shape and type.
            trainable_variables: the variables; all that were built where not given.
        """
        repeated = self._step_cache.repeated
        if repeated is not None and self._repeat(repeated, grads, trainable_variables):
            return
        scale = self.loss_scale_factor
        if scale is None:
            super().apply(grads, trainable_variables)
            return
        # Keras would divide all gradients in a separate pass.
        self._step_state.loss_scale = scale
        try:
            super().apply(grads, trainable_variables)
        finally:
            self._step_state.loss_scale = None

    @scratch.accepts_scratch
    def stateless_apply(
        self, optimizer_variables: Any, grads: Any, trainable_variables: Any
    ) -> tuple[Any, Any]:
        """Return new values of the weights and of the optimizer's variables.

        Args:
            optimizer_variables: the values of the optimizer's variables.
            grads: one gradient for each weight.
            trainable_variables: the values of the weights.
        """
        return super().stateless_apply(optimizer_variables, grads, trainable_variables)

    def _prepare_apply_if_finite(
        self, grads: Any, trainable_variables: Any, loss_scale: Any
    ) -> Callable[[], Any] | None:
        """Return a function that applies the step only if every gradient is finite.

        The function returns whether it applied the step: a bool, or a tensor where the
        result is not known yet.

        Args:
            grads: one tensor for each variable.
            trainable_variables: the variables; all that were built where None.
            loss_scale: the factor by which the loss was multiplied.

        Returns:
            None where the kernel cannot do this, or is no faster than Keras.
        """
        weights = self._trainable_variables
        if not same_variables(trainable_variables, weights):
            return None
        if len(grads) != len(weights) or not all(map(_is_plain, grads, weights)):
            return None
        rate = self._get_current_learning_rate()
        step = self._build_step(
            list(grads), weights, rate, loss_scale, skips_nonfinite=True
        )
        kernel, _ = dispatch.select(step, self.fused)
        return None if kernel is None else partial(self._apply_if_finite, kernel, step)

    def _apply_if_finite(self, kernel: ModuleType, step: Step) -> Any:
        self._step_cache.path = ("kernel", "")
        applied = self._run(kernel, step)
        self._step_state.computes_gradients = False
        increment = keras.ops.cast(applied, self._iterations.dtype)
        self._iterations.assign_add(increment)
        return applied

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        cache = self.__dict__.get("_step_cache")
        if cache is not None:
            cache.repeated = None

    def finalize_variable_values(self, var_list: list[Any]) -> None:
        """Replace the weights by their moving averages, if there are any.

        On JAX Keras calls this after a step that raised, too.
        """
        if not hold_values(self.variables):
            return
        super().finalize_variable_values(var_list)
        if self.use_ema and keras.backend.backend() == "jax":
            # Keras gives both the same array, and a next `fit` donates it twice.
            for average in self._model_variables_moving_average:
                if average is not None:
                    average.assign(keras.ops.copy(average.value))

    def _get_current_learning_rate(self) -> Any:
        if self._step_state.rate is not None:
            return self._step_state.rate
        if is_schedule(self._learning_rate):
            return self._learning_rate(self.iterations)
        return super()._get_current_learning_rate()

    def _backend_apply_gradients(self, grads: Any, trainable_variables: Any) -> None:
        # Keras computes the rate again for every variable that decays.
        state = self._step_state
        state.rate = self._get_current_learning_rate()
        try:
            self._update(list(grads), list(trainable_variables))
        finally:
            state.rate, state.computes_gradients = None, False

    def _update(self, gradients: list[Any], weights: list[Any]) -> None:
        rate, loss_scale = self._step_state.rate, self._step_state.loss_scale
        step = self._build_step(gradients, weights, rate, loss_scale)
        kernel, reason = dispatch.select(step, self.fused)
        if kernel is None and self._keras_supports(step):
            self._step_cache.path = ("keras", reason)
            if loss_scale is not None:
                gradients = [keras.ops.divide(g, loss_scale) for g in gradients]
            super()._backend_apply_gradients(gradients, weights)
            return
        path = dispatch.path_of(kernel) if kernel else "reference"
        self._step_cache.path = (path, reason)
        self._run(kernel or reference, step)
        self._average_idle_weights(step)
        self._clear_idle_sums(step)
        if kernel and keras.backend.backend() == "torch":
            self._remember(step)

    def _keras_supports(self, step: Step) -> bool:
        """Return whether Keras's own update can run this step, as fast as ours."""
        if self._needs_reference():
            return False
        strategy = dispatch.strategy()
        if strategy:
            return bool(strategy.left_to_keras(step))
        # On JAX Keras computes the whole update at every micro-batch.
        return not (step.options.accumulates and keras.backend.backend() == "jax")

    def _run(self, module: ModuleType, step: Step) -> Any:
        """Run a step, and return whether it was applied."""
        strategy = dispatch.strategy()
        if strategy:
            step = strategy.summed(step, self._clip_gradients)
        # A program that also computes the gradients already runs on another thread.
        if not (self._step_state.computes_gradients or step.scratch):
            step = dispatch.in_background(step)
        applied = dispatch.run(module.update, step)
        if step.scratch:
            places = map(self._get_variable_index, step.variables.weights)
            for place, array in zip(places, step.scratch, strict=True):
                self._step_state.scratch[place] = array
        return applied

    def _repeat(self, repeated: RepeatedStep, grads: Any, variables: Any) -> bool:
        """Run a step if the last one can be repeated; return whether it was run."""
        gradients = list(grads)
        known = None if variables is None else list(variables)
        if dispatch.disabled(self.fused) or in_stateless_scope():
            return False
        if not repeated.fits(gradients, known):
            return False
        scalars = self._scalars(self._get_current_learning_rate())
        repeated.run(scalars, gradients)
        scalars.iterations.add_(1)
        return True

    def _remember(self, step: Step) -> None:
        """Keep a step on torch, if nothing but its gradients and scalars can change."""
        weights = step.variables.weights
        everything = same_variables(weights, self._trainable_variables)
        plain = everything and all(isinstance(w, keras.Variable) for w in weights)
        if plain and not step.options.unscales:
            program = dispatch.torch_program(step)
            count = len(step.gradients)
            variables = step.variables.flat()
            self._step_cache.repeated = RepeatedStep(program, variables, count)

    def _average_idle_weights(self, step: Step) -> None:
        """Update the averages of weights without a gradient, as Keras does."""
        if not self.use_ema:
            return
        idle = self._idle(step, self._model_variables_moving_average)
        if idle:
            arrays = Arrays([w for w, _ in idle], averages=[a for _, a in idle])
            self._run_idle(reference.update_averages, step, arrays)

    def _clear_idle_sums(self, step: Step) -> None:
        """Clear the sums of weights without a gradient after an update, as Keras does.

        On JAX Keras leaves them as they are.
        """
        if not step.options.accumulates or keras.backend.backend() == "jax":
            return
        idle = self._idle(step, self._accumulated_gradients)
        if idle:
            arrays = Arrays([w for w, _ in idle], sums=[total for _, total in idle])
            self._run_idle(reference.clear_sums, step, arrays)

    def _run_idle(
        self, update: Callable[[Step], None], step: Step, arrays: Arrays
    ) -> None:
        """Run an update of weights that have no gradient in a step."""
        dispatch.run(update, Step(step.options, step.scalars, [], arrays, ()))

    def _idle(self, step: Step, slots: list[Any]) -> list[tuple[Any, Any]]:
        """Return the weights without a gradient, each with its slot if it has one."""
        every = self._trainable_variables
        if len(step.gradients) == len(every):
            return []
        busy = set(map(self._get_variable_index, step.variables.weights))
        return [
            (weight, slot)
            for place, (weight, slot) in enumerate(zip(every, slots, strict=True))
            if slot is not None and place not in busy
        ]


def _is_plain(gradient: Any, weight: Any) -> bool:
    """Return whether a step changes a weight by the update alone.

    A constraint or a variable that its gradient overwrites needs Keras. Keras divides a
    gradient of half precision in float32, so that the weight must not be of it.
    """
    return (
        isinstance(weight, keras.Variable)
        and weight.constraint is None
        and not weight.overwrite_with_gradient
        and keras.backend.standardize_dtype(weight.dtype) in ("float32", "float64")
        and keras.ops.is_tensor(gradient)
    )
