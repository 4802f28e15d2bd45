"""Times several optimizers on the same updates, on any backend."""

import dataclasses
from collections.abc import Callable
from collections.abc import Mapping
from functools import partial
from typing import Any

import keras
import kernel_alone
import ratios
from cases import class_name
from cases import dtype
from cases import repeats
from tensors import agree
from twins import in_turn
from twins import twice

import kerasched

CHECKED = 8  # Steps after which all must agree; their roundings add up.


@dataclasses.dataclass
class Updated:
    """An optimizer with its weights.

    Attributes:
        run: runs a number of steps and waits for their end.
        weights: returns the current weights.
    """

    run: Callable[[int], None]
    weights: Callable[[], list[Any]]


def repeated(step: Callable[[], Any]) -> Callable[[int], None]:
    """Return a function that calls `step` a given number of times."""

    def run(times: int) -> None:
        for _ in range(times):
            step()

    return run


def both(
    make: Callable[..., Any], option: str, *arguments: Any
) -> dict[str, Callable[[], Any]]:
    """Return `make` bound to Keras's class and to ours, by name.

    Args:
        make: called with a class, `option` and `arguments`.
        option: the case, which says what class it is.
        arguments: the remaining arguments.
    """
    packages = {"keras": keras.optimizers, "ours": kerasched}
    classes = {k: getattr(p, class_name(option)) for k, p in packages.items()}
    return {k: partial(make, cls, option, *arguments) for k, cls in classes.items()}


def row(
    case: dict[str, str],
    makers: Mapping[str, Callable[[], Updated]],
    rounds: int,
) -> dict[str, Any]:
    """Check that all optimizers give the same weights, and return the row of a case.

    Args:
        case: the backend, way, model (a set of tensors) and option.
        makers: a function that creates each optimizer, among them "keras" and "ours".
        rounds: the number of measurements of each.
    """
    times = repeats(case["option"], case["model"])
    made = twice(makers, lambda each: each.run(1))
    for pair in made.values():
        for each in pair:
            each.run(CHECKED)
    for i in range(2):
        found = {name: pair[i].weights() for name, pair in made.items()}
        agree(case["model"], found, dtype(case["option"]))
    functions = {
        name: in_turn([partial(each.run, times) for each in pair])
        for name, pair in made.items()
    }
    return ratios.row(case, ratios.taking_turns(functions, rounds))


def limit(option: str, tensors: str, call: Callable[[], Any] = lambda: None) -> Updated:
    """Return the updates of a case by the kernel alone, each after a `call`."""
    alone = kernel_alone.CaseAlone(option, tensors)

    def step() -> None:
        call()
        alone.step()

    return Updated(repeated(step), alone.weights)
