"""Names of an optimizer's variables that are the same in every run.

Keras saves the variables of an optimizer by index, which shifts if the rate becomes a
schedule or a momentum is added. Here a variable has its own name, or the name of its
role and the index of the weight that it belongs to among all weights of the model.
Paths of layers may differ from run to run; indices do not, and freezing a layer does
not shift them.
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
    """Return the state of a built optimizer by name, in the order of its variables.

    Args:
        optimizer: a built optimizer; it may have others inside.
        weights: the model's weights in its order; all of them if names must not
            change when layers are frozen.
    """
    return dict(_walk(optimizer, list(weights), ""))


def members(optimizer: Any, weights: Sequence[Any]) -> dict[str, frozenset[int]]:
    """Return the indices of the weights that each plain optimizer inside trains.

    The keys are the prefixes of the optimizer's variable names: "0/", "1/" and so on in
    a MultiOptimizer, otherwise "".
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
    """Rename values for other members, so that each keeps the state for its weights.

    The index of a member may depend on which layers are trainable, as in layerwise.

    Args:
        values: the state by the names of `named_variables`.
        theirs: the `members` that the names refer to.
        ours: the `members` to rename them for.
    """
    if theirs == ours:
        return values
    own = {name: value for name, value in values.items() if _prefix(name) in theirs}
    named = {name: v for name, v in values.items() if not _prefix(name)}
    shared = {  # The same index decides between equal candidates.
        (our, their): (len(ours[our] & theirs[their]), our == their)
        for our in ours
        for their in theirs
    }
    used = {their for (_, their), (weights, _) in shared.items() if weights}
    for prefix, places in ours.items():
        before = max(theirs, key=lambda their: shared[prefix, their])
        if places and not shared[prefix, before][0]:
            continue  # All its weights are new.
        used.add(before)
        for name, value in own.items():
            of_a_part = _prefix(name) == before and " of " not in name
            # The rate of one member is not that of a whole optimizer.
            if of_a_part and (bool(prefix) == bool(before) or not is_rate(name)):
                named[prefix + name.removeprefix(before)] = value
    lost = [name for name in own if _prefix(name) and _prefix(name) not in used]
    return {**named, **{name + LOST: own[name] for name in lost}}


def is_rate(name: str) -> bool:
    """Return whether a name is that of a settable learning rate."""
    return name.rpartition("/")[2] == "learning_rate"


def describe(names: Sequence[str], weights: Sequence[Any]) -> str:
    """Return at most three of the names in readable form, and the number of others."""
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
            # Each weight is trained by one optimizer only: no prefix is needed.
            yield name if " of " in name else prefix + name, variable
    for number, part in enumerate(inside):
        below = f"{number}/" if kind == "optimizers" else ""
        yield from _walk(part, weights, prefix + below)


def _name(variable: Any, weights: list[Any]) -> str:
    """Return a variable's name with the index of the weight that it belongs to.

    If two paths match, as "a/w" and "a/w_2" do for "a_w_2_momentum", the longer one
    counts.
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
    """Return the prefix of a name that identifies a member."""
    number, slash, _ = name.partition("/")
    return number + slash if slash and number.isdigit() else ""
