"""A name for each variable of an optimizer, which is the same in every run.

Keras saves the variables of an optimizer by their numbers, and these shift as soon as
the rate is a schedule instead of a number, or a momentum is added. Here a variable is
known by what it is: its own name, or its role for one of the model's weights, which is
known by its place among all weights of the model. Paths of layers may differ from run
to run; places do not, and freezing a layer does not shift them.
"""

from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any

from kerasched.training.leaves import parts

# Not state: room that an optimizer works in, and what a wrapper has without using it.
SCRATCH = "scratch"
# The end of a name from a member that no member goes on for.
LOST = " in the file"
UNUSED = {
    "inner_optimizer": ("iteration", "learning_rate"),
    "optimizers": ("learning_rate",),
}


def named_variables(optimizer: Any, weights: Sequence[Any]) -> dict[str, Any]:
    """Return the state of a built optimizer by names, in the order of its variables.

    Args:
        optimizer: a built optimizer; it may have others inside.
        weights: the model's weights, in the model's order: all of them where names
            must stay when layers are frozen.
    """
    return dict(_walk(optimizer, list(weights), ""))


def members(optimizer: Any, weights: Sequence[Any]) -> dict[str, frozenset[int]]:
    """Return the places of the weights that each plain optimizer inside trains.

    By what the names of its own variables begin with: "0/", "1/" and so on in a
    MultiOptimizer, nothing in any other.
    """
    while getattr(optimizer, "inner_optimizer", None) is not None:
        optimizer = optimizer.inner_optimizer
    places = {id(weight): place for place, weight in enumerate(weights)}
    inside = parts(optimizer)
    prefixes = {f"{n}/": part for n, part in enumerate(inside)} or {"": optimizer}
    return {
        prefix: frozenset(
            places[id(weight)]
            for weight in getattr(part, "_trainable_variables", ())
            if id(weight) in places
        )
        for prefix, part in prefixes.items()
    }


def for_members(
    values: dict[str, Any],
    theirs: dict[str, frozenset[int]],
    ours: dict[str, frozenset[int]],
) -> dict[str, Any]:
    """Return values named for other members: each goes on as what trained its weights.

    The number of a member may depend on which layers are trainable, as in layerwise.

    Args:
        values: the state by the names of `named_variables`.
        theirs: the `members` whose names these are.
        ours: the `members` to name the values for.
    """
    if theirs == ours:
        return values
    own = {name: value for name, value in values.items() if _prefix(name) in theirs}
    named = {name: v for name, v in values.items() if not _prefix(name)}
    shared = {  # With members of the same number where nothing else decides.
        (our, their): (len(ours[our] & theirs[their]), our == their)
        for our in ours
        for their in theirs
    }
    used = {their for (_, their), (weights, _) in shared.items() if weights}
    for prefix, places in ours.items():
        before = max(theirs, key=lambda their: shared[prefix, their])
        if places and not shared[prefix, before][0]:
            continue  # All that it trains is new.
        used.add(before)
        for name, value in own.items():
            of_a_part = _prefix(name) == before and " of " not in name
            # A rate is that of a part, and none of a whole.
            if of_a_part and (bool(prefix) == bool(before) or not is_rate(name)):
                named[prefix + name.removeprefix(before)] = value
    lost = [name for name in own if _prefix(name) and _prefix(name) not in used]
    return {**named, **{name + LOST: own[name] for name in lost}}


def is_rate(name: str) -> bool:
    """Return whether a name is that of a settable learning rate."""
    return name.rpartition("/")[2] == "learning_rate"


def describe(names: Sequence[str], weights: Sequence[Any]) -> str:
    """Return names as a reader knows them, at most three of them, and their number."""
    shown = [_readable(name, weights) for name in names[:3]]
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(shown) + more


def _walk(optimizer: Any, weights: list[Any], prefix: str) -> Iterator[tuple[str, Any]]:
    inside = parts(optimizer)
    theirs = {id(v) for part in inside for v in part.variables}
    kind = next((kind for kind in UNUSED if hasattr(optimizer, kind)), "")
    for variable in optimizer.variables:
        name = _name(variable, weights)
        unused = kind and name in UNUSED[kind]
        unused = unused or variable.name.endswith(SCRATCH)
        if id(variable) not in theirs and not unused:
            # Each weight is trained by one optimizer alone, whatever its number.
            yield name if " of " in name else prefix + name, variable
    for number, part in enumerate(inside):
        below = f"{number}/" if kind == "optimizers" else ""
        yield from _walk(part, weights, prefix + below)


def _name(variable: Any, weights: list[Any]) -> str:
    """Return a variable's name with the place of the one that it belongs to.

    Of two paths that fit, as "a/w" and "a/w_2" do for "a_w_2_momentum", it is the
    longer one.
    """
    fits = [
        (len(path), place)
        for place, path in enumerate(_flat(each) for each in weights)
        if variable.name.startswith(path)
    ]
    if not fits:
        return variable.name
    length, place = max(fits)
    return f"{variable.name[length:]} of {place}"


def _flat(variable: Any) -> str:
    return variable.path.replace("/", "_") + "_"


def _readable(name: str, weights: Sequence[Any]) -> str:
    role, of, place = name.removesuffix(LOST).partition(" of ")
    if of:
        return f"{role} of {weights[int(place)].path}"
    number, _, own = role.rpartition("/")
    return f"{own} of optimizers[{number}]" if number else own


def _prefix(name: str) -> str:
    """Return the beginning of a name that stands for a member."""
    number, slash, _ = name.partition("/")
    return number + slash if slash and number.isdigit() else ""
