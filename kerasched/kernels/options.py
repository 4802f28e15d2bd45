"""The description of one update that every kernel takes."""

import dataclasses
from collections.abc import Callable
from collections.abc import Sequence
from typing import Any

from kerasched.kernels.rules import RULES

# Scalars that every rule has, before its hyperparameters.
SHARED_SCALARS = 4
# Indices in `Scalars.flat()`; csrc/xla_handler.h lists them too.
LOSS_SCALE, ITERATIONS = 2, 3


@dataclasses.dataclass(frozen=True)
class Options:
    """The options of an optimizer, under the names of keras.optimizers.Optimizer.

    `rule` is a name in RULES. A number of 0 turns its option off. `weight_decay` and
    `unscales` only say that there is such a value, as the value itself may change at
    each step: Scalars holds it. `skips_nonfinite` skips a step if a gradient is not
    finite.
    """

    rule: str = "sgd"
    weight_decay: bool = False
    independent_weight_decay: bool = False
    clipvalue: float = 0.0
    clipnorm: float = 0.0
    global_clipnorm: float = 0.0
    use_ema: bool = False
    ema_momentum: float = 0.0
    ema_overwrite_frequency: int = 0
    gradient_accumulation_steps: int = 0
    unscales: bool = False
    skips_nonfinite: bool = False

    @property
    def slots(self) -> int:
        """The number of slots that the rule changes, for each weight."""
        return RULES[self.rule].slots

    @property
    def scalars(self) -> int:
        """The number of scalars, among them the rule's hyperparameters."""
        return SHARED_SCALARS + RULES[self.rule].hyperparameters

    @property
    def accumulates(self) -> bool:
        """Whether gradients of several micro-batches are added up."""
        return self.gradient_accumulation_steps > 1

    @property
    def clips_norm(self) -> bool:
        """Whether gradients are clipped by a norm, after a pass that computes it."""
        return self.clipnorm > 0 or self.global_clipnorm > 0

    @property
    def clips(self) -> bool:
        """Whether gradients are clipped, by value or by norm."""
        return self.clips_norm or self.clipvalue > 0

    @property
    def changes_gradients(self) -> bool:
        """Whether gradients are changed, in their own type, before they are used."""
        return self.clips or self.accumulates or self.unscales


@dataclasses.dataclass
class Scalars:
    """The values of one step: Python numbers, or tensors of rank 0.

    `iterations` counts the micro-batches before this one, as the optimizer does. The
    hyperparameters are those of the rule.
    """

    learning_rate: Any
    weight_decay: Any
    iterations: Any
    loss_scale: Any = 1.0
    hyperparameters: tuple[Any, ...] = ()

    def flat(self) -> tuple[Any, ...]:
        """Return all of them, in the order of a kernel's operands."""
        shared = (self.learning_rate, self.weight_decay, self.loss_scale)
        return (*shared, self.iterations, *self.hyperparameters)

    @staticmethod
    def like(flat: Sequence[Any]) -> "Scalars":
        """Return the scalars of these values, in the order of `flat()`."""
        rate, decay, loss_scale, iterations, *hyperparameters = flat
        return Scalars(rate, decay, iterations, loss_scale, tuple(hyperparameters))


@dataclasses.dataclass
class Arrays:
    """What an update reads and writes: in every list one entry for each weight.

    `slots` has a list for each slot of the rule. The lists that the options do not need
    are empty. Entries are tensors for functions that return new ones, and variables for
    those that assign.
    """

    weights: list[Any]
    slots: list[list[Any]] = dataclasses.field(default_factory=list)
    sums: list[Any] = dataclasses.field(default_factory=list)
    averages: list[Any] = dataclasses.field(default_factory=list)

    def groups(self) -> list[list[Any]]:
        """Return the lists that are not empty, in the order of a kernel's operands."""
        return [x for x in (self.weights, *self.slots, self.sums, self.averages) if x]

    def flat(self) -> list[Any]:
        """Return all entries, list after list."""
        return [item for group in self.groups() for item in group]

    def like(self, flat: Sequence[Any]) -> "Arrays":
        """Return arrays with these entries, in the order of `flat()`."""
        items = iter(flat)
        return self.map(lambda group: [next(items) for _ in group])

    def map(self, function: Callable[[list[Any]], list[Any]]) -> "Arrays":
        """Return arrays of function(group) for each list that is not empty."""

        def of(group: list[Any]) -> list[Any]:
            return function(group) if group else []

        weights, slots = of(self.weights), list(map(of, self.slots))
        return Arrays(weights, slots, of(self.sums), of(self.averages))


@dataclasses.dataclass
class Step:
    """One update: options, scalars, gradients, and the variables to change.

    Args:
        decays: for each weight whether weight decay applies to it.
        scratch: for each weight memory for its gradient, or an empty list; the kernel
            replaces the entries by the gradients (JAX).
        cache: a dictionary that lives as long as the optimizer, for the kernel's use.
    """

    options: Options
    scalars: Scalars
    gradients: list[Any]
    variables: Arrays
    decays: tuple[bool, ...]
    scratch: list[Any] = dataclasses.field(default_factory=list)
    cache: dict[Any, Any] = dataclasses.field(default_factory=dict)

    def map(self, function: Callable[[Any], Any]) -> "Step":
        """Return the step with function(array) for each gradient and variable."""
        return dataclasses.replace(
            self,
            gradients=list(map(function, self.gradients)),
            variables=self.variables.map(lambda group: list(map(function, group))),
        )

    def part(self, places: list[int]) -> "Step":
        """Return the step on the weights with these indices."""

        def at(items: Sequence[Any]) -> list[Any]:
            return [items[i] for i in places] if items else []

        return dataclasses.replace(
            self,
            gradients=at(self.gradients),
            variables=self.variables.map(at),
            decays=tuple(at(self.decays)),
            scratch=at(self.scratch),
        )
