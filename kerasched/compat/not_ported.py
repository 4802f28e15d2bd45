"""Stand-ins for schedulers that are no function of the step: each says what to use."""

from collections.abc import Callable
from typing import Any
from typing import NoReturn

PLATEAU = "Use the callback kerasched.callbacks.ReduceOnPlateau(monitor, ...)"
PRODUCT = (
    "Use {0} with a function that returns the product up to the step, or {1} where the "
    "factor is the same at every step"
)


def follows_a_metric(owner: str) -> Callable[..., NoReturn]:
    """Return a stand-in for a scheduler that is driven by a metric."""
    return _stand_in(
        owner, "follows a metric, which is not known from the step", PLATEAU
    )


def multiplies(owner: str, function: str, constant: str) -> Callable[..., NoReturn]:
    """Return a stand-in for a scheduler that multiplies the rate it finds."""
    why = "multiplies the rate of the step before, which is not known from the step"
    return _stand_in(owner, why, PRODUCT.format(function, constant))


def _stand_in(owner: str, why: str, instead: str) -> Callable[..., NoReturn]:
    def refuse(*args: Any, **kwargs: Any) -> NoReturn:
        raise NotImplementedError(f"{owner} {why}. {instead}.")

    refuse.__name__ = refuse.__qualname__ = owner.rpartition(".")[2]
    refuse.__doc__ = f"Raise NotImplementedError: {owner} {why}. {instead}."
    return refuse
