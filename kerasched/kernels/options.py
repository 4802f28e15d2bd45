"""The description of one update that every kernel takes."""

import dataclasses
from collections.abc import Sequence
from typing import Any


@dataclasses.dataclass(frozen=True)
class Options:
    """The options of an optimizer, under the names of keras.optimizers.SGD.

    A number of 0 turns its option off. `momentum`, `weight_decay` and `unscales` only
    say that there is such a value, as the value itself may change at each step: Scalars
    holds it. `skips_nonfinite` skips a step if a gradient is not finite.
    """

    momentum: bool = False
    nesterov: bool = False
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
    def accumulates(self) -> bool:
        """Whether gradients of several micro-batches are added up."""
        return self.gradient_accumulation_steps > 1

    @property
    def clips_norm(self) -> bool:
        """Whether all gradients must exist before the first weight can be changed."""
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
    """The hyperparameters of one step: Python numbers, or tensors of rank 0.

    `iterations` counts the micro-batches before this one, as the optimizer does.
    """

    learning_rate: Any
    momentum: Any
    weight_decay: Any
    iterations: Any
    loss_scale: Any = 1.0


@dataclasses.dataclass
class Arrays:
    """What an update reads and writes: in every list one entry for each weight.

    The lists that the options do not need are empty. Entries are tensors for functions
    that return new ones, and variables for those that assign.
    """

    weights: list[Any]
    velocities: list[Any] = dataclasses.field(default_factory=list)
    sums: list[Any] = dataclasses.field(default_factory=list)
    averages: list[Any] = dataclasses.field(default_factory=list)

    def groups(self) -> tuple[list[Any], ...]:
        """Return the lists that are not empty, in the order of a kernel's operands."""
        lists = (self.weights, self.velocities, self.sums, self.averages)
        return tuple(group for group in lists if group)

    def flat(self) -> list[Any]:
        """Return all entries, list after list."""
        return [item for group in self.groups() for item in group]

    def like(self, flat: list[Any]) -> "Arrays":
        """Return arrays with these entries, in the order of `flat()`."""
        count, items = len(self.weights), iter(flat)
        return Arrays(
            *(
                [next(items) for _ in range(count if group else 0)]
                for group in (self.weights, self.velocities, self.sums, self.averages)
            )
        )


@dataclasses.dataclass
class Step:
    """One update: options, hyperparameters, gradients, and the variables to change.

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

    def part(self, places: list[int]) -> "Step":
        """Return the step on the weights with these indices."""

        def at(items: Sequence[Any]) -> list[Any]:
            return [items[i] for i in places] if items else []

        return dataclasses.replace(
            self,
            gradients=at(self.gradients),
            variables=Arrays(
                at(self.variables.weights),
                at(self.variables.velocities),
                at(self.variables.sums),
                at(self.variables.averages),
            ),
            decays=tuple(at(self.decays)),
            scratch=at(self.scratch),
        )
