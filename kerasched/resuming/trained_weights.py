"""Which weights of a model the optimizer in a `.keras` file was built for.

The file keeps an optimizer's variables by numbers. Which weights they belong to follows
from the layers that were trainable, and those are in the model's config. Keras restores
weights by their places, not by their paths, and so does this.
"""

import copy
from collections.abc import Iterator
from typing import Any

import keras

from kerasched.resuming.random_states import random_states
from kerasched.resuming.random_states import set_random_states


def trained_weights(model: keras.Model, config: Any) -> list[Any] | None:
    """Return the weights of a model that were trainable in the one of a config.

    Args:
        model: a model that is built.
        config: the config of a saved model, as Keras writes it.

    Returns:
        The weights in the order of the saved model, None where the config does not
        tell: its model cannot be made, or has other weights.
    """
    then, now = list(_flags(config)), list(_flags(_config_of(model)))
    if then == now or all([*then, *now]):
        return model.trainable_variables
    original = _model_from(config)
    if original is None:
        return None
    shapes = [[w.shape for w in one.weights] for one in (model, original)]
    if shapes[0] != shapes[1]:
        return None
    same = {
        id(theirs): ours
        for theirs, ours in zip(original.weights, model.weights, strict=True)
    }
    return [same[id(weight)] for weight in original.trainable_variables]


def _config_of(model: keras.Model) -> Any:
    try:
        return keras.saving.serialize_keras_object(model)
    except (TypeError, ValueError, NotImplementedError):
        return None


def _flags(config: Any) -> Iterator[Any]:
    """Return what a config says of being trainable, from its beginning to its end."""
    if isinstance(config, dict):
        for key, value in config.items():
            if key == "trainable":
                yield value
            elif key != "compile_config":
                yield from _flags(value)
    elif isinstance(config, (list, tuple)):
        for item in config:
            yield from _flags(item)


def _model_from(config: Any) -> Any:
    """Return a model as the config describes it, None where that cannot be.

    Its weights draw random numbers, which is undone, and need no accelerator.
    """
    config = {k: v for k, v in copy.deepcopy(config).items() if k != "compile_config"}
    before = random_states()
    try:
        with keras.device("cpu"):
            original = keras.saving.deserialize_keras_object(config)
    except Exception:  # Code of the user's layers may raise anything.
        return None
    finally:
        set_random_states(before)
    known = isinstance(original, keras.Model) and original.built
    return original if known else None
