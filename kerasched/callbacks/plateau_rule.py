"""The rule of ReduceOnPlateau, without a framework or a model.

A state is a dict of JSON-native values. A step is a pure function from a state and a
value to the next state and an action.
"""

import math
import sys
from dataclasses import dataclass
from typing import Any

State = dict[str, Any]

LARGEST = sys.float_info.max
REDUCE, INCREASE = "reduce", "increase"


@dataclass(frozen=True)
class PlateauRule:
    """When to reduce a rate, and when to increase it.

    The arguments are those of ReduceOnPlateau, counted in values instead of epochs.
    `increases` tells whether good values in a row lead to an increase.
    """

    mode: str = "min"
    patience: int = 10
    min_delta: float = 0.0
    relative_delta: float = 0.0
    cooldown: int = 0
    increases: bool = False
    increase_cooldown: int = 0
    watch_in_cooldown: bool = True
    window: int = 1
    accumulation_size: int = 1
    on_nan: str = "count"

    def start(self) -> State:
        """Return the state before the first value."""
        counts = {"wait": 0, "good": 0, "cooldown": 0, "at_min": 0}
        return {"best": None, **counts, "recent": [], "pending": []}

    def step(self, state: State, value: float) -> tuple[State, str | None]:
        """Return the state after a value, and "reduce", "increase" or None."""
        if self.accumulation_size > 1:
            pending = [*state["pending"], None if self._broken(value) else value]
            if len(pending) < self.accumulation_size:
                return {**state, "pending": pending}, None
            state, value = {**state, "pending": []}, _mean(pending)
        if self._broken(value):
            return self._after_nan(state)
        recent = [*state["recent"], value][-self.window :] if self.window > 1 else []
        state = {**state, "recent": recent}
        return self._judge(state, _mean(recent) if recent else value)

    def better(self, value: float, best: float | None) -> bool:
        """Return whether a value is better than the best one by enough."""
        if best is None:
            return True
        if self.mode == "min":
            return value < best * (1.0 - self.relative_delta) - self.min_delta
        return value > best * (1.0 + self.relative_delta) + self.min_delta

    def _after_nan(self, state: State) -> tuple[State, str | None]:
        if self.on_nan == "ignore":
            return state, None
        if self.on_nan == "reduce":
            return self._changed(state, self.cooldown), REDUCE
        return self._judge(state, None)

    def _judge(self, state: State, value: float | None) -> tuple[State, str | None]:
        """Count a value, None for one that is always bad."""
        cooldown = max(state["cooldown"] - 1, 0)
        watched = cooldown == 0 or self.watch_in_cooldown
        better = False
        state = {**state, "cooldown": cooldown}
        if value is not None and watched and self.better(value, state["best"]):
            better = True
            state["best"] = min(max(value, -LARGEST), LARGEST)  # JSON has no infinity.
        state["wait"] = 0 if better or cooldown else state["wait"] + 1
        state["good"] = state["good"] + 1 if better and not cooldown else 0
        patience = max(self.patience, 1)
        if self.increases and state["good"] >= patience:
            return {
                **self._changed(state, self.increase_cooldown),
                "at_min": 0,
            }, INCREASE
        if state["wait"] >= patience:
            return self._changed(state, self.cooldown), REDUCE
        return state, None

    def _changed(self, state: State, cooldown: int) -> State:
        return {**state, "wait": 0, "good": 0, "cooldown": cooldown}

    def _broken(self, value: float) -> bool:
        worst = math.inf if self.mode == "min" else -math.inf
        return math.isnan(value) or value == worst


def moved(rate: float, factor: float, low: float, high: float, eps: float) -> float:
    """Return a rate times a factor within bounds, unchanged if the change is small.

    Args:
        rate: the rate.
        factor: below 1 to reduce it, above 1 to increase it.
        low: a reduction stops here.
        high: an increase stops here.
        eps: a change of this size or less is skipped.
    """
    if factor < 1.0:
        new = min(rate, max(rate * factor, low))
    else:
        new = max(rate, min(rate * factor, high))
    return rate if abs(new - rate) <= eps else new


def _mean(values: list[float | None]) -> float:
    known = [value for value in values if value is not None]
    return math.nan if len(known) < len(values) else sum(known) / len(known)
