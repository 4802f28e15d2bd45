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
        move: returns the weight and its slots after one update. It takes a Moment, the
            gradient, the weight, and the slots; all are of the weight's type.
    """

    slots: int
    hyperparameters: int
    move: Callable[..., tuple[Any, ...]]


@dataclasses.dataclass(frozen=True)
class Moment:
    """The values of one update for weights of a type.

    Args:
        learning_rate: the learning rate.
        hyperparameters: those of the rule.
        update: the number of this update, from 1.
        dtype: the type of the weights.
    """

    learning_rate: Any
    hyperparameters: tuple[Any, ...]
    update: Any
    dtype: str

    def cast(self, value: Any) -> Any:
        """Return a value in the type of the weights."""
        return ops.cast(value, self.dtype)


def _sgd(moment: Moment, gradient: Any, weight: Any) -> tuple[Any, ...]:
    return (weight - gradient * moment.cast(moment.learning_rate),)


def _sgd_momentum(
    moment: Moment, gradient: Any, weight: Any, velocity: Any
) -> tuple[Any, ...]:
    velocity, _ = _velocity(moment, gradient, velocity)
    return weight + velocity, velocity


def _sgd_nesterov(
    moment: Moment, gradient: Any, weight: Any, velocity: Any
) -> tuple[Any, ...]:
    velocity, step = _velocity(moment, gradient, velocity)
    momentum = moment.cast(moment.hyperparameters[0])
    return weight + (velocity * momentum - step), velocity


def _velocity(moment: Moment, gradient: Any, velocity: Any) -> tuple[Any, Any]:
    """Return the next velocity, and the part of it that the gradient adds."""
    step = gradient * moment.cast(moment.learning_rate)
    return velocity * moment.cast(moment.hyperparameters[0]) - step, step


def _adam(moment: Moment, gradient: Any, weight: Any, *slots: Any) -> tuple[Any, ...]:
    beta_1, beta_2, rest_1, rest_2, epsilon = moment.hyperparameters
    momentum, velocity, *largest = slots
    momentum = momentum + (gradient - momentum) * moment.cast(rest_1)
    velocity = velocity + (ops.square(gradient) - velocity) * moment.cast(rest_2)
    largest = [ops.maximum(x, velocity) for x in largest]
    divisor = ops.sqrt([velocity, *largest][-1]) + moment.cast(epsilon)
    rate = moment.cast(_corrected_rate(moment, beta_1, beta_2))
    return weight - momentum * rate / divisor, momentum, velocity, *largest


def _corrected_rate(moment: Moment, beta_1: Any, beta_2: Any) -> Any:
    """Return Adam's learning rate with its bias corrections.

    In half precision 0.999 is 1, and the corrected rate would be 0: it is computed in
    float32.
    """
    dtype = "float64" if moment.dtype == "float64" else "float32"

    def power(beta: Any) -> Any:
        return ops.power(ops.cast(beta, dtype), ops.cast(moment.update, dtype))

    rate = ops.cast(moment.learning_rate, dtype)
    return rate * ops.sqrt(1 - power(beta_2)) / (1 - power(beta_1))


def _lion(moment: Moment, gradient: Any, weight: Any, momentum: Any) -> tuple[Any, ...]:
    beta_1, beta_2 = map(moment.cast, moment.hyperparameters)
    direction = ops.sign(momentum * beta_1 + gradient * (1.0 - beta_1))
    weight = weight - moment.cast(moment.learning_rate) * direction
    return weight, momentum * beta_2 + gradient * (1.0 - beta_2)


RULES = {
    "sgd": Rule(0, 0, _sgd),
    "sgd_momentum": Rule(1, 1, _sgd_momentum),
    "sgd_nesterov": Rule(1, 1, _sgd_nesterov),
    "adam": Rule(2, 5, _adam),
    "adam_amsgrad": Rule(3, 5, _adam),
    "lion": Rule(1, 2, _lion),
}
