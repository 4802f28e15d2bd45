"""What needs a newer Keras than the oldest one that the package supports."""

import operator

import keras

# The first version that has each of them.
ADDED_IN = {"keras.optimizers.MultiOptimizer": "3.15"}


def require_keras(owner: str, name: str) -> None:
    """Raise RuntimeError if the installed Keras does not have what `owner` needs."""
    _, _, path = name.partition(".")
    try:
        operator.attrgetter(path)(keras)
    except AttributeError:
        raise RuntimeError(
            f"{owner} needs Keras {ADDED_IN[name]} or later, which has {name}. "
            f"Installed: Keras {keras.__version__}. Upgrade keras."
        ) from None
