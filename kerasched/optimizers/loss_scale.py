"""keras.optimizers.LossScaleOptimizer that looks at gradients where they are used."""

import contextlib
from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from kerasched.optimizers.scratch import WithoutScratchInFiles
from kerasched.optimizers.update import UpdatedAtOnce
from kerasched.optimizers.values import hold_values


@keras.saving.register_keras_serializable(package="kerasched")
class LossScaleOptimizer(WithoutScratchInFiles, keras.optimizers.LossScaleOptimizer):
    """Scale the loss for half precision, and leave out steps that overflow.

    Does what keras.optimizers.LossScaleOptimizer does. Around a kerasched.SGD whose
    compiled code runs, the gradients are read once to see that they are finite, and
    divided by the scale as they are used; Keras writes the quotients first. Around any
    other optimizer it is Keras's own.

    `model.compile` wraps an optimizer in Keras's class under the policy mixed_float16,
    unless it is wrapped already; `kerasched.accelerate(model)` turns that into this.

    Args:
        inner_optimizer: the optimizer that does the steps.
        initial_scale: by what the loss is multiplied at first. It is halved when a
            gradient is not finite.
        dynamic_growth_steps: finite steps after which it is doubled.
        name: a name of your choice.
    """

    def build(self, var_list: list[Any]) -> None:
        """Create the scale's variables and those of the inner optimizer."""
        super().build(var_list)
        if not self._trainable_variables:  # In Keras 3.11 and older.
            weights = self.inner_optimizer._trainable_variables
            # Set as an attribute, they would count as variables of this optimizer.
            vars(self)["_trainable_variables"] = weights

    def scale_loss(self, loss: Any) -> Any:
        """Return the loss from which gradients are to be made."""
        if isinstance(self.inner_optimizer, UpdatedAtOnce):
            self.inner_optimizer.expect_gradients()
        return super().scale_loss(loss)

    def apply(self, grads: Any, trainable_variables: Any = None) -> None:
        """Change the variables by their gradients, unless one is not finite.

        Args:
            grads: one tensor for each variable, of the scaled loss.
            trainable_variables: the variables; all that were built where not given.
        """
        if not self.built and trainable_variables is not None:
            with keras.name_scope(self.name, caller=self):
                self.build(trainable_variables)
        step = self._looking_first(grads, trainable_variables)
        if step is None:
            super().apply(grads, trainable_variables)
            return
        scale, count, done = self.dynamic_scale.value, self.step_counter.value, step()
        grows = ops.equal(count, self.dynamic_growth_steps - 1)
        counts = ops.logical_and(done, ops.logical_not(grows))
        factor = ops.where(done, ops.where(grows, 2.0, 1.0), 0.5)
        self.step_counter.assign(ops.where(counts, count + 1, 0))
        self.dynamic_scale.assign(scale * ops.cast(factor, scale.dtype))

    def stateless_apply(
        self, optimizer_variables: Any, grads: Any, trainable_variables: Any
    ) -> tuple[Any, Any]:
        """Return variables and state after a step, of which nothing is assigned."""
        given = (optimizer_variables, grads, trainable_variables)
        if self.built:
            state = zip(self.variables, optimizer_variables, strict=True)
            with keras.StatelessScope(state_mapping=list(state)):
                step = self._looking_first(grads, None)
            if step is not None:
                # What every optimizer but Keras's class has: it calls `apply`.
                return keras.optimizers.Optimizer.stateless_apply(self, *given)
        return super().stateless_apply(*given)

    def finalize_variable_values(self, var_list: list[Any]) -> None:
        """Put the moving averages in the weights' place, where there are any."""
        if hold_values(self.variables):  # Not on JAX after a step that raised.
            super().finalize_variable_values(var_list)

    def without_scratch(self) -> contextlib.AbstractContextManager[None]:
        """Return a context in which `variables` are those of Keras's class alone."""
        inner = self.inner_optimizer
        ours = isinstance(inner, UpdatedAtOnce)
        return inner.without_scratch() if ours else contextlib.nullcontext()

    def _looking_first(self, grads: Any, variables: Any) -> Callable[[], Any] | None:
        inner = self.inner_optimizer
        if not self.built or not isinstance(inner, UpdatedAtOnce):
            return None
        return inner.looking_first(grads, variables, self.dynamic_scale.value)
