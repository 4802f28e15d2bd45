"""Names of an optimizer's variables that are the same in every run.

Keras saves the variables of an optimizer by index, which shifts if the rate becomes a
schedule or a momentum is added. Here a variable has its own name, or the name of its
role and the index of the weight that it belongs to among all weights of the model.
Paths of layers may differ from run to run; indices do not, and freezing a layer does
not shift them.
"""

from collections import Counter
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any

from kerasched.training.leaves import parts
from kerasched.training.leaves import trained_by

# The suffix of the state of a MultiOptimizer's member without a counterpart.
LOST = " in the file"
# Variables that a wrapper has but never uses.
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
            for weight in trained_by(part) or ()
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
    own = [v for v in optimizer.variables if id(v) not in theirs]
    for name, variable in _named(own, _places(optimizer, weights)):
        if not (kind and name in UNUSED[kind]):
            # Each weight is trained by one optimizer only: no prefix is needed.
            yield name if " of " in name else prefix + name, variable
    for number, part in enumerate(inside):
        below = f"{number}/" if kind == "optimizers" else ""
        yield from _walk(part, weights, prefix + below)


def _named(
    variables: list[Any], places: dict[str, list[int]]
) -> Iterator[tuple[str, Any]]:
    """Yield the variables of an optimizer by name.

    A slot has the name of its role and the index of its weight. Weights may have the
    same path: their slots of a role are in the order of the weights. Variables that
    would still have the same name are numbered.
    """
    seen: Counter[str] = Counter()
    for variable in variables:
        path = _longest_start(variable.name, places)
        number = seen[variable.name]
        seen[variable.name] += 1
        again, index = divmod(number, len(places[path]) if path else 1)
        name = variable.name.removeprefix(path) + (f"#{again + 1}" if again else "")
        yield (f"{name} of {places[path][index]}" if path else name), variable


def _places(optimizer: Any, weights: list[Any]) -> dict[str, list[int]]:
    """Return the indices of the weights that an optimizer trains, by flat path.

    Those of an optimizer that trains another model are found by their paths alone.
    """
    indices = {id(weight): index for index, weight in enumerate(weights)}
    trained = [w for w in trained_by(optimizer) or () if id(w) in indices] or weights
    places: dict[str, list[int]] = {}
    for weight in trained:
        flat = weight.path.replace("/", "_") + "_"
        places.setdefault(flat, []).append(indices[id(weight)])
    return places


def _longest_start(name: str, places: dict[str, list[int]]) -> str:
    """Return the longest path that a name starts with, "" for none.

    Both "a/w" and "a/w_2" match "a_w_2_momentum".
    """
    starts = (name[: end + 1] for end in range(len(name) - 1, 0, -1))
    return next((start for start in starts if start in places), "")


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
