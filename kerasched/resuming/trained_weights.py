"""The weights that the optimizer in a `.keras` file was built on.

The file numbers an optimizer's variables. The weights that they belong to follow from
the layers that were trainable, which the model's config says. Like Keras this matches
weights by order, not by path.
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
        The weights in the order of the saved model, None if its model cannot be created
        or has other weights.
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
    """Yield all values of `trainable` in a config, in order."""
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
    """Create a model from its config, None if that is not possible.

    It is created on the CPU, and the random numbers drawn for its weights are undone.
    """
    config = {k: v for k, v in copy.deepcopy(config).items() if k != "compile_config"}
    before = random_states()
    try:
        with keras.device("cpu"):
            original = keras.saving.deserialize_keras_object(config)
    except Exception:  # Custom layers may raise anything.
        return None
    finally:
        set_random_states(before)
    known = isinstance(original, keras.Model) and original.built
    return original if known else None
