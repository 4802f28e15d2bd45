"""The update rules: one row for each, and what it does in keras.ops.

csrc/rules.h lists the same rules for the compiled kernel. The formulas and their order
are those of csrc/*_rule.h and of Keras, so that all round alike.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

from keras import ops


@dataclasses.dataclass(frozen=True)
class Rule:
    """An update rule, as every kernel needs to know it.

    Args:
        slots: the number of arrays of a weight's shape that it changes beside it.
        hyperparameters: the number of values that it takes beside those of all rules.
        prepare: returns the numbers of an update that are the same for all weights. It
            takes the Scalars, the number of the update, from 1, and float32 or float64.
        move: returns a weight and its slots after one update. It takes these numbers,
            the gradient, the weight, and the slots; all are of the weight's type.
    """

    slots: int
    hyperparameters: int
    prepare: Callable[[Any, Any, str], tuple[Any, ...]]
    move: Callable[..., tuple[Any, ...]]


Numbers = tuple[Any, ...]


def _given(scalars: Any, update: Any, dtype: str) -> Numbers:
    """Return the learning rate and the hyperparameters as they are."""
    return scalars.learning_rate, *scalars.hyperparameters


def _sgd(numbers: Numbers, gradient: Any, weight: Any) -> tuple[Any, ...]:
    (rate,) = numbers
    return (weight - gradient * rate,)


def _sgd_momentum(
    numbers: Numbers, gradient: Any, weight: Any, velocity: Any
) -> tuple[Any, ...]:
    rate, momentum = numbers
    velocity = velocity * momentum - gradient * rate
    return weight + velocity, velocity


def _sgd_nesterov(
    numbers: Numbers, gradient: Any, weight: Any, velocity: Any
) -> tuple[Any, ...]:
    rate, momentum = numbers
    step = gradient * rate
    velocity = velocity * momentum - step
    return weight + (velocity * momentum - step), velocity


def _adam_numbers(scalars: Any, update: Any, dtype: str) -> Numbers:
    """Return the rate with its bias corrections, and what the rule uses as it is.

    In half precision 0.999 is 1, and the corrected rate would be 0: it is computed in
    float32.
    """
    beta_1, beta_2, *others = scalars.hyperparameters

    def power(beta: Any) -> Any:
        return ops.power(ops.cast(beta, dtype), ops.cast(update, dtype))

    rate = ops.cast(scalars.learning_rate, dtype)
    rate = rate * ops.sqrt(1 - power(beta_2)) / (1 - power(beta_1))
    return rate, *others


def _adam(numbers: Numbers, gradient: Any, weight: Any, *slots: Any) -> tuple[Any, ...]:
    rate, rest_1, rest_2, epsilon = numbers
    momentum, velocity, *largest = slots
    momentum = momentum + (gradient - momentum) * rest_1
    velocity = velocity + (ops.square(gradient) - velocity) * rest_2
    largest = [ops.maximum(x, velocity) for x in largest]
    divisor = ops.sqrt([velocity, *largest][-1]) + epsilon
    return weight - momentum * rate / divisor, momentum, velocity, *largest


def _lion(
    numbers: Numbers, gradient: Any, weight: Any, momentum: Any
) -> tuple[Any, ...]:
    rate, beta_1, beta_2 = numbers
    direction = ops.sign(momentum * beta_1 + gradient * (1.0 - beta_1))
    weight = weight - rate * direction
    return weight, momentum * beta_2 + gradient * (1.0 - beta_2)


RULES = {
    "sgd": Rule(0, 0, _given, _sgd),
    "sgd_momentum": Rule(1, 1, _given, _sgd_momentum),
    "sgd_nesterov": Rule(1, 1, _given, _sgd_nesterov),
    "adam": Rule(2, 5, _adam_numbers, _adam),
    "adam_amsgrad": Rule(3, 5, _adam_numbers, _adam),
    "lion": Rule(1, 2, _given, _lion),
}
