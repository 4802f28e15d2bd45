"""An SGD of Keras whose whole update is done at once, by a kernel or by Keras.

Keras has no public way to replace the whole of an update. This file overrides and reads
the private parts that it takes; tests/optimizers/test_internals.py tells when they
change.
"""

import contextlib
import threading
from collections.abc import Callable
from functools import partial
from types import ModuleType
from typing import TYPE_CHECKING
from typing import Any

import keras

from kerasched.kernels import choice
from kerasched.kernels import reference
from kerasched.kernels.options import Arrays
from kerasched.kernels.options import Options
from kerasched.kernels.options import Scalars
from kerasched.kernels.options import Step
from kerasched.kernels.scope import in_stateless_scope
from kerasched.optimizers.arguments import is_schedule
from kerasched.optimizers.repeated import RepeatedStep
from kerasched.optimizers.repeated import same
from kerasched.optimizers.scratch import Scratch
from kerasched.optimizers.scratch import WithoutScratchInFiles
from kerasched.optimizers.scratch import called_by_a_model
from kerasched.optimizers.values import hold_values

if TYPE_CHECKING:
    KerasSGD = keras.optimizers.SGD
else:
    # The class that Keras makes: on torch a subclass, which is faster there.
    KerasSGD = type(keras.optimizers.SGD.__new__(keras.optimizers.SGD))


class _StepState(threading.local):
    """State of the step under way in this thread.

    Replicas of a tf.distribute strategy are threads that share one optimizer, and a
    checkpoint may be written by another thread. A step sets nothing else that Keras
    reads, least of all a public attribute.
    """

    rate: Any = None
    loss_scale: Any = None
    gradients_made_here: bool = False


class _Now:
    """The path that the last step took, and what a kernel keeps between steps.

    A plain object, so that neither Keras nor TensorFlow tracks what is in it.
    """

    path: tuple[str, str] = ("", "")
    repeated: RepeatedStep | None = None

    def __init__(self) -> None:
        self.cache: dict[Any, Any] = {}


class UpdatedAtOnce(WithoutScratchInFiles, KerasSGD):
    """keras.optimizers.SGD with its update taken out of Keras's hands."""

    fused: bool | str
    independent_weight_decay: bool
    # What callbacks ask: Keras's own optimizers let a schedule count micro-batches.
    schedule_counts_updates = True
    # Whether it is known, before it is built, that a model's own step applies it.
    in_a_model = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._scratch = Scratch()
        self._step_state = _StepState()
        self._now = _Now()

    @property
    def loss_scale_factor(self) -> Any:
        """The number by which the loss is multiplied, or None.

        Keras's `apply` divides all gradients by it, in a pass of its own. In a step
        whose update divides them it is None, for the thread of that step alone.
        """
        state = self.__dict__.get("_step_state")
        if state is not None and state.loss_scale is not None:
            return None
        return self.__dict__.get("loss_scale_factor")

    @loss_scale_factor.setter
    def loss_scale_factor(self, value: Any) -> None:
        self.__dict__["loss_scale_factor"] = value

    def build(self, variables: list[Any]) -> None:
        """Make the optimizer's variables, one set for each of the model's."""
        if self.built:
            return
        in_a_model = self.in_a_model or called_by_a_model(self)
        super().build(variables)
        if in_a_model and choice.wants_scratch(variables, self.fused):
            # The last of all, so that the others have the places that Keras gives them.
            made = self.add_optimizer_variables(variables, "scratch")
            self._scratch.variables = made

    @property
    def variables(self) -> list[Any]:
        """The optimizer's variables: those of Keras's SGD, then scratch if there is."""
        return self._scratch.without(super().variables)

    def without_scratch(self) -> contextlib.AbstractContextManager[None]:
        """Return a context in which `variables` are those of Keras's SGD alone."""
        return self._scratch.hidden()

    def scale_loss(self, loss: Any) -> Any:
        """Return the loss from which gradients are to be made.

        Called in the step that applies them, it tells that they are made there.
        """
        self.expect_gradients()
        return super().scale_loss(loss)

    def expect_gradients(self) -> None:
        """Mark this step's gradients as computed in the same compiled program."""
        self._step_state.gradients_made_here = True

    def apply(self, grads: Any, trainable_variables: Any = None) -> None:
        """Change the variables by their gradients, which may be None.

        Args:
            grads: one tensor for each variable, of its shape and type.
            trainable_variables: the variables; all that were built where not given.
        """
        repeated = self._now.repeated
        if repeated is not None and self._repeat(repeated, grads, trainable_variables):
            return
        scale = self.loss_scale_factor
        if scale is None:
            super().apply(grads, trainable_variables)
            return
        # Keras would pass over all gradients to divide them; the update does it better.
        self._step_state.loss_scale = scale
        try:
            super().apply(grads, trainable_variables)
        finally:
            self._step_state.loss_scale = None

    def looking_first(
        self, grads: Any, trainable_variables: Any, loss_scale: Any
    ) -> Callable[[], Any] | None:
        """Return what does a step on all variables, if all gradients are finite.

        It returns whether it did: a bool, or a tensor where that is not known yet.

        Args:
            grads: one tensor for each variable.
            trainable_variables: the variables; all that were built where None.
            loss_scale: by what the loss was multiplied from which they were made.

        Returns:
            None where only Keras can do it, or as fast.
        """
        weights = self._trainable_variables
        if not same(trainable_variables, weights) or len(grads) != len(weights):
            return None
        if not all(map(_is_plain, grads, weights)):
            return None
        rate = self._get_current_learning_rate()
        step = self._step(list(grads), weights, rate, loss_scale, skips_nonfinite=True)
        kernel, _ = choice.choose(step, self.fused)
        return None if kernel is None else partial(self._do_if_finite, kernel, step)

    def _do_if_finite(self, kernel: ModuleType, step: Step) -> Any:
        self._now.path = ("kernel", "")
        done = self._do(kernel, step)
        self._step_state.gradients_made_here = False
        self._iterations.assign_add(keras.ops.cast(done, self._iterations.dtype))
        return done

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        now = self.__dict__.get("_now")
        if now is not None:
            now.repeated = None

    def finalize_variable_values(self, var_list: list[Any]) -> None:
        """Put the moving average in the weights' place, where there is one.

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

    def _apply_weight_decay(self, variables: list[Any]) -> None:
        if not self.weight_decay or not choice.has_replicas():
            super()._apply_weight_decay(variables)
            return
        # Keras asks for the rate in a thread that does not know that of this step.
        rate = self._get_current_learning_rate()
        decaying = [v for v in variables if self._decays(v)]
        choice.decay_in_replicas(decaying, rate, self.weight_decay)

    def _backend_apply_gradients(self, grads: Any, trainable_variables: Any) -> None:
        # Keras computes the rate anew for every variable that decays.
        state = self._step_state
        state.rate = self._get_current_learning_rate()
        try:
            self._update(list(grads), list(trainable_variables))
        finally:
            state.rate, state.gradients_made_here = None, False

    def _update(self, gradients: list[Any], weights: list[Any]) -> None:
        rate, loss_scale = self._step_state.rate, self._step_state.loss_scale
        step = self._step(gradients, weights, rate, loss_scale)
        kernel, reason = choice.choose(step, self.fused)
        if kernel is None and self._keras_can(step):
            self._now.path = ("keras", reason)
            if loss_scale is not None:
                gradients = [g / loss_scale for g in gradients]
            super()._backend_apply_gradients(gradients, weights)
            return
        if kernel is None and choice.has_replicas():
            # Only Keras's own update sums the gradients of all replicas.
            raise NotImplementedError(
                f"{self.name} takes no schedule as momentum or weight decay, and no "
                "independent_weight_decay, under a tf.distribute strategy of several "
                "replicas. Give a number, or train on JAX with keras.distribution"
            )
        path = choice.path_of(kernel) if kernel else "reference"
        self._now.path = (path, reason)
        self._do(kernel or reference, step)
        self._average_the_idle(step)
        self._clear_the_idle(step)
        if kernel and keras.backend.backend() == "torch":
            self._remember(step)

    def _do(self, module: ModuleType, step: Step) -> Any:
        """Do a step, and return whether it was done."""
        # A program that makes the gradients, too, XLA runs in the background anyway.
        if not self._step_state.gradients_made_here:
            step = choice.in_background(step)
        return module.update(step)

    def _repeat(self, repeated: RepeatedStep, grads: Any, variables: Any) -> bool:
        """Do a step if it is like the one before, and return whether it was done."""
        gradients = list(grads)
        known = None if variables is None else list(variables)
        if choice.forbidden(self.fused) or in_stateless_scope():
            return False
        if not repeated.fits(gradients, known):
            return False
        scalars = self._scalars(self._get_current_learning_rate())
        repeated.run(scalars, gradients)
        scalars.iterations.add_(1)
        return True

    def _remember(self, step: Step) -> None:
        """Keep what a step on torch found out, where the next can do with just that."""
        weights = step.variables.weights
        everything = same(weights, self._trainable_variables)
        plain = everything and all(isinstance(w, keras.Variable) for w in weights)
        if plain and not step.options.unscales:
            program = choice.program(step)
            count = len(step.gradients)
            self._now.repeated = RepeatedStep(program, step.variables.flat(), count)

    def _step(
        self,
        gradients: list[Any],
        weights: list[Any],
        rate: Any,
        loss_scale: Any,
        skips_nonfinite: bool = False,
    ) -> Step:
        options = self._options(loss_scale is not None, skips_nonfinite)
        places = [self._get_variable_index(weight) for weight in weights]

        def of_weights(there: bool, attribute: str) -> list[Any]:
            return [getattr(self, attribute)[i] for i in places] if there else []

        accumulates = options.gradient_accumulation_steps > 1
        made_here = self._scratch.variables and self._step_state.gradients_made_here
        return Step(
            options,
            self._scalars(rate, loss_scale),
            gradients,
            Arrays(
                weights,
                of_weights(options.momentum, "momentums"),
                of_weights(accumulates, "_accumulated_gradients"),
                of_weights(options.use_ema, "_model_variables_moving_average"),
            ),
            tuple(not options.weight_decay or self._decays(w) for w in weights),
            [self._scratch.variables[i] for i in places] if made_here else [],
            self._now.cache,
        )

    def _options(self, unscales: bool, skips_nonfinite: bool) -> Options:
        return Options(
            # As Keras: without a momentum the velocities stay as they are.
            momentum=bool(self.momentums) and not _is_zero(self.momentum),
            nesterov=bool(self.nesterov),
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
        def now(value: Any) -> Any:
            value = value(self.iterations) if is_schedule(value) else value
            return value.value if isinstance(value, keras.Variable) else value

        return Scalars(
            now(rate),
            now(self.momentum),
            now(self.weight_decay or 0.0),
            self._iterations.value,
            1.0 if loss_scale is None else loss_scale,
        )

    def _decays(self, weight: Any) -> bool:
        if keras.backend.backend() == "tensorflow" and isinstance(
            weight, keras.Variable
        ):
            weight = weight.value  # What Keras asks by.
        return self._use_weight_decay(weight)

    def _keras_can(self, step: Step) -> bool:
        """Return whether Keras's own update does what is asked, and as fast."""
        if is_schedule(self.momentum) or is_schedule(self.weight_decay):
            return False
        if self.weight_decay and self.independent_weight_decay:
            return False
        # In JAX Keras does the whole update at every micro-batch.
        accumulates = step.options.gradient_accumulation_steps > 1
        return not (accumulates and keras.backend.backend() == "jax")

    def _average_the_idle(self, step: Step) -> None:
        """Let the averages of weights without a gradient follow them, as Keras does."""
        if not self.use_ema:
            return
        idle = self._idle(step, "_model_variables_moving_average")
        if idle:
            reference.average(step, [w for w, _ in idle], [a for _, a in idle])

    def _clear_the_idle(self, step: Step) -> None:
        """Clear the sums of weights without a gradient after an update, as Keras does.

        On JAX Keras leaves them as they are.
        """
        accumulates = step.options.gradient_accumulation_steps > 1
        if not accumulates or keras.backend.backend() == "jax":
            return
        idle = self._idle(step, "_accumulated_gradients")
        if idle:
            reference.clear_sums(step, [total for _, total in idle])

    def _idle(self, step: Step, attribute: str) -> list[tuple[Any, Any]]:
        """Return the weights without a gradient, each with its slot if it has one."""
        every = self._trainable_variables
        if len(step.gradients) == len(every):
            return []
        busy = set(map(self._get_variable_index, step.variables.weights))
        pairs = zip(every, getattr(self, attribute), strict=True)
        return [
            (weight, slot)
            for place, (weight, slot) in enumerate(pairs)
            if slot is not None and place not in busy
        ]


def _is_zero(value: Any) -> bool:
    return isinstance(value, (int, float)) and value == 0


def _is_plain(gradient: Any, weight: Any) -> bool:
    """Return whether Keras does nothing but a step: no constraint, no dense copy.

    A gradient of a half type is float32 to Keras once it is divided.
    """
    return (
        isinstance(weight, keras.Variable)
        and weight.constraint is None
        and not weight.overwrite_with_gradient
        and keras.backend.standardize_dtype(weight.dtype) in ("float32", "float64")
        and keras.ops.is_tensor(gradient)
    )
