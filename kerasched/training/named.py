"""A name for each variable of an optimizer, which is the same in every run.

Keras saves the variables of an optimizer by their numbers, and these shift as soon as
the rate is a schedule instead of a number, or a momentum is added. Here a variable is
known by what it is: its own name, or its role for one of the model's variables, which
is known by its place among the trainable ones. Paths of layers may differ from run to
run; places do not.
"""

from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any

from kerasched.training.leaves import parts

# Not state: room that an optimizer works in, and what a wrapper has without using it.
SCRATCH = "scratch"
UNUSED = {
    "inner_optimizer": ("iteration", "learning_rate"),
    "optimizers": ("learning_rate",),
}


def named_variables(optimizer: Any, trainable: Sequence[Any]) -> dict[str, Any]:
    """Return the state of a built optimizer by names, in the order of its variables.

    Args:
        optimizer: a built optimizer; it may have others inside.
        trainable: the model's trainable variables, in the model's order.
    """
    return dict(_walk(optimizer, list(trainable), ""))


def is_rate(name: str) -> bool:
    """Return whether a name is that of a settable learning rate."""
    return name.rpartition("/")[2] == "learning_rate"


def describe(names: Sequence[str], trainable: Sequence[Any]) -> str:
    """Return names as a reader knows them, at most three of them, and their number."""
    shown = [_readable(name, trainable) for name in names[:3]]
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(shown) + more


def _walk(
    optimizer: Any, trainable: list[Any], prefix: str
) -> Iterator[tuple[str, Any]]:
    inside = parts(optimizer)
    theirs = {id(v) for part in inside for v in part.variables}
    kind = next((kind for kind in UNUSED if hasattr(optimizer, kind)), "")
    for variable in optimizer.variables:
        name = _name(variable, trainable)
        unused = kind and name in UNUSED[kind]
        unused = unused or variable.name.endswith(SCRATCH)
        if id(variable) not in theirs and not unused:
            yield prefix + name, variable
    for number, part in enumerate(inside):
        below = f"{number}/" if kind == "optimizers" else ""
        yield from _walk(part, trainable, prefix + below)


def _name(variable: Any, trainable: list[Any]) -> str:
    """Return a variable's name with the place of the one that it belongs to.

    Of two paths that fit, as "a/w" and "a/w_2" do for "a_w_2_momentum", it is the
    longer one.
    """
    fits = [
        (len(path), place)
        for place, path in enumerate(_flat(each) for each in trainable)
        if variable.name.startswith(path)
    ]
    if not fits:
        return variable.name
    length, place = max(fits)
    return f"{variable.name[length:]} of {place}"


def _flat(variable: Any) -> str:
    return variable.path.replace("/", "_") + "_"


def _readable(name: str, trainable: Sequence[Any]) -> str:
    role, of, place = name.partition(" of ")
    return f"{role} of {trainable[int(place)].path}" if of else name
