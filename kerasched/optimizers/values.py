"""Whether variables hold values, which Keras takes from them during `fit` on JAX.

Keras moves the values of a model's variables into its step, which returns new ones. If
the step raises, the variables are left without any, and reading one raises a second
error that hides the first. Keras has no public way to ask;
tests/optimizers/test_internals.py tells when the private one changes.
"""

from collections.abc import Iterable
from typing import Any


def hold_values(variables: Iterable[Any]) -> bool:
    """Return whether all variables hold values that can be read."""
    return all(map(_holds_value, variables))


def _holds_value(variable: Any) -> bool:
    value = getattr(variable, "_value", variable)
    if value is None:
        return False
    is_deleted = getattr(value, "is_deleted", None)  # Given to a step that failed.
    return is_deleted is None or not is_deleted()
