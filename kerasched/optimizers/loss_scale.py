"""keras.optimizers.LossScaleOptimizer without separate passes over the gradients."""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from kerasched.kernels import dispatch
from kerasched.optimizers.fused_update import FusedUpdate
from kerasched.optimizers.scratch import accepts_scratch
from kerasched.optimizers.values import hold_values


@keras.saving.register_keras_serializable(package="kerasched")
class LossScaleOptimizer(keras.optimizers.LossScaleOptimizer):
    """Scale the loss for half precision, and skip steps whose gradients overflow.

    Results are those of keras.optimizers.LossScaleOptimizer. Around an
    optimizer of kerasched that uses its compiled kernel, one pass checks that all
    gradients are finite, and the update divides them by the scale. Keras writes the
    divided gradients first. Around any other optimizer, Keras's own code runs.

    Under the policy mixed_float16, `model.compile` wraps an optimizer in Keras's class
    unless it is wrapped already; `kerasched.accelerate(model)` replaces that class by
    this one.

    Args:
        inner_optimizer: the optimizer that updates the weights.
        initial_scale: the first loss scale. It is halved when a gradient is not finite.
        dynamic_growth_steps: the number of finite steps after which it is doubled.
        name: a name of your choice.
    """

    def build(self, var_list: list[Any]) -> None:
        """Create the scale's variables and those of the inner optimizer."""
        super().build(var_list)
        if not self._trainable_variables:  # In Keras 3.11 and older.
            weights = self.inner_optimizer._trainable_variables
            # Set as an attribute, they would count as variables of this optimizer.
            self.__dict__["_trainable_variables"] = weights

    def scale_loss(self, loss: Any) -> Any:
        """Return the loss, multiplied by the loss scale.

        A call while a step is traced also records that the traced program computes
        the gradients.
        """
        if isinstance(self.inner_optimizer, FusedUpdate):
            self.inner_optimizer._step_state.computes_gradients = True
        return super().scale_loss(loss)

    def apply(self, grads: Any, trainable_variables: Any = None) -> None:
        """Update the variables, unless a gradient is not finite.

        Args:
            grads: one tensor for each variable, of the scaled loss.
            trainable_variables: the variables; all that were built where not given.
        """
        if not self.built and trainable_variables is not None:
            with keras.name_scope(self.name, caller=self):
                self.build(trainable_variables)
        apply_if_finite = self._prepare_apply_if_finite(grads, trainable_variables)
        if apply_if_finite is None:
            strategy = dispatch.strategy()
            if strategy:
                grads = strategy.agreeing(list(grads))
            super().apply(grads, trainable_variables)
            return
        scale = ops.convert_to_tensor(self.dynamic_scale)
        count = ops.convert_to_tensor(self.step_counter)
        finite = apply_if_finite()
        grows = ops.equal(count, self.dynamic_growth_steps - 1)
        counts = ops.logical_and(finite, ops.logical_not(grows))
        factor = ops.where(finite, ops.where(grows, 2.0, 1.0), 0.5)
        self.step_counter.assign(ops.where(counts, count + 1, 0))
        self.dynamic_scale.assign(scale * ops.cast(factor, scale.dtype))

    @accepts_scratch
    def stateless_apply(
        self, optimizer_variables: Any, grads: Any, trainable_variables: Any
    ) -> tuple[Any, Any]:
        """Return new values of the weights and of the optimizer's variables.

        Args:
            optimizer_variables: the values of the optimizer's variables.
            grads: one gradient of the scaled loss for each weight.
            trainable_variables: the values of the weights.
        """
        given = (optimizer_variables, grads, trainable_variables)
        if self.built:
            state = zip(self.variables, optimizer_variables, strict=True)
            with keras.StatelessScope(state_mapping=list(state)):
                fused = self._prepare_apply_if_finite(grads, None) is not None
            if fused:
                # Keras's class overrides this method without calling `apply`.
                return keras.optimizers.Optimizer.stateless_apply(self, *given)
        return super().stateless_apply(*given)

    def finalize_variable_values(self, var_list: list[Any]) -> None:
        """Replace the weights by their moving averages, if there are any."""
        if hold_values(self.variables):  # Not on JAX after a step that raised.
            super().finalize_variable_values(var_list)

    def _prepare_apply_if_finite(
        self, grads: Any, variables: Any
    ) -> Callable[[], Any] | None:
        inner = self.inner_optimizer
        if not self.built or not isinstance(inner, FusedUpdate):
            return None
        scale = self.dynamic_scale.value
        return inner._prepare_apply_if_finite(grads, variables, scale)
