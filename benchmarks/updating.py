"""Times several who do the same updates, on any backend."""

import dataclasses
from collections.abc import Callable
from collections.abc import Mapping
from functools import partial
from typing import Any

import keras
import ratios
from cases import repeats
from tensors import agree
from twins import in_turn
from twins import twice

import kerasched

CHECKED = 8  # Steps after which all must agree; their roundings add up.


@dataclasses.dataclass
class Updated:
    """Weights that are updated.

    Attributes:
        run: does as many steps as it is told, and waits for them.
        weights: returns the weights as they are.
    """

    run: Callable[[int], None]
    weights: Callable[[], list[Any]]


def repeated(step: Callable[[], Any]) -> Callable[[int], None]:
    """Return what does a step as often as it is told."""

    def run(times: int) -> None:
        for _ in range(times):
            step()

    return run


def both(make: Callable[..., Any], *arguments: Any) -> dict[str, Callable[[], Any]]:
    """Return by name what makes something of Keras's class, and of ours.

    Args:
        make: called with a class of optimizers, and then the arguments.
        arguments: what else it is called with.
    """
    classes = {"keras": keras.optimizers.SGD, "ours": kerasched.SGD}
    return {name: partial(make, cls, *arguments) for name, cls in classes.items()}


def row(
    case: dict[str, str], makers: Mapping[str, Callable[[], Updated]], rounds: int
) -> dict[str, Any]:
    """Return the row of a case, once all who take part agree.

    Args:
        case: the backend, way, model, which is a set of tensors, and option.
        makers: what makes each who takes part; "keras" and "ours" among them.
        rounds: how often each is timed.
    """
    times = repeats(case["option"], case["model"])
    made = twice(makers, lambda each: each.run(1))
    for pair in made.values():
        for each in pair:
            each.run(CHECKED)
    for i in range(2):
        agree(case["model"], {name: pair[i].weights() for name, pair in made.items()})
    functions = {
        name: in_turn([partial(each.run, times) for each in pair])
        for name, pair in made.items()
    }
    return ratios.row(case, ratios.taking_turns(functions, rounds))
