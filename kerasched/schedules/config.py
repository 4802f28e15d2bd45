"""Arguments of schedules as the values of a JSON config, and back.

Schedules may be nested up to a limit, because saving, printing and tracing recurse
through them: a step of TensorFlow takes some 15 frames a level, of the 1000 that Python
allows.
"""

from collections.abc import Iterable
from typing import Any

import keras
from keras.optimizers.schedules import LearningRateSchedule

from kerasched.errors import message

MOST_LEVELS = 32
# Each level of schedules takes three levels of lists and dicts in a config.
MOST_CONFIG_LEVELS = 3 * MOST_LEVELS + 2
TOO_DEEP = f"nested at most {MOST_LEVELS} levels deep"
FEWER_LEVELS = "Use a schedule with fewer levels inside it"


def to_config(value: Any) -> Any:
    """Return an argument as a JSON-native value."""
    if isinstance(value, tuple):
        return [to_config(item) for item in value]
    if isinstance(value, LearningRateSchedule):
        return keras.saving.serialize_keras_object(value)
    return value


def arguments_from_config(owner: str, config: Any) -> dict[str, Any]:
    """Return the arguments that a config describes, nested schedules restored.

    Raises:
        TypeError: the config is not a dict of arguments by name.
        ValueError: an argument is nested too deeply or cannot be restored.
    """
    if not (isinstance(config, dict) and all(isinstance(key, str) for key in config)):
        what = "a dict of the arguments by name, as get_config returns it"
        raise TypeError(message(f"{owner}.from_config", "config", what, config))
    for name, value in config.items():
        if _is_deeper(value, MOST_CONFIG_LEVELS):
            raise ValueError(message(owner, name, TOO_DEEP, "...", FEWER_LEVELS))
    return {name: _from_config(owner, name, value) for name, value in config.items()}


def depth_of(owner: str, arguments: Iterable[tuple[str, Any]]) -> int:
    """Return the number of nested levels of a schedule with these arguments.

    Raises:
        ValueError: there are more than MOST_LEVELS.
    """
    depth = 1
    for name, value in arguments:
        several = isinstance(value, tuple)
        for item in value if several else (value,):
            if isinstance(item, LearningRateSchedule):
                depth = max(depth, 1 + getattr(item, "_depth", 1))
        if depth > MOST_LEVELS:
            flat = f"Give all schedules to one {owner} instead of nesting them"
            fix = flat if several else FEWER_LEVELS
            raise ValueError(message(owner, name, TOO_DEEP, value, fix))
    return depth


def _is_deeper(value: Any, most: int) -> bool:
    """Return whether lists and dicts are nested in more than `most` levels."""
    level = [value]
    for _ in range(most):
        nested = [x for x in level if isinstance(x, (dict, list, tuple))]
        level = [y for x in nested for y in (x.values() if isinstance(x, dict) else x)]
    return bool(level)


def _from_config(owner: str, argument: str, value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return tuple(
            _from_config(owner, f"{argument}[{index}]", item)
            for index, item in enumerate(value)
        )
    if not isinstance(value, dict):
        return value
    try:
        return keras.saving.deserialize_keras_object(value)
    except (TypeError, ValueError) as error:
        error.add_note(f"In argument `{argument}` of {owner}.")
        raise
    except Exception as error:  # Keras raises many types of error on a foreign config.
        what = "an object as Keras serialises it"
        raise ValueError(message(owner, argument, what, value)) from error
