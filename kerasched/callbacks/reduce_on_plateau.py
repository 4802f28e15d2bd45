"""Reduce the learning rate when a metric stops improving, with schedules too."""

import math
from typing import Any

from kerasched.callbacks.arguments import PLATEAU
from kerasched.callbacks.base import ModelCallback
from kerasched.callbacks.best_weights import BestWeights
from kerasched.callbacks.monitor import check_monitor
from kerasched.callbacks.monitor import direction_of
from kerasched.callbacks.plateau_rule import INCREASE
from kerasched.callbacks.plateau_rule import PlateauRule
from kerasched.callbacks.plateau_rule import moved
from kerasched.errors import checked
from kerasched.errors import message
from kerasched.training.levels import Level
from kerasched.training.levels import levels_of
from kerasched.training.levels import set_levels

OWNER = "ReduceOnPlateau"


class ReduceOnPlateau(ModelCallback):
    """Reduce the learning rate when a metric has stopped improving.

    The first arguments are those of keras.callbacks.ReduceLROnPlateau. A rate that is a
    number is assigned. A schedule is replaced by Scale(schedule, factor), which is
    saved with the model; each such change compiles the step again. In a MultiOptimizer
    the rate of each optimizer is changed.

    The counters are kept from one `fit` to the next and reset for another model, or by
    `reset`. Optimizer, schedule and metric are checked before the first epoch; the
    metric after it where Keras builds metrics in the first batch, as on TensorFlow.

    Args:
        monitor: name of the metric in the logs.
        factor: the factor of a reduction, above 0 and below 1.
        patience: epochs without improvement after which the rate is reduced. 0 is as 1.
        verbose: 1 to print each change.
        mode: "min" or "max", whether low or high values are good; "auto" for what
            Keras's own callbacks infer. Where they cannot tell, an error asks for it.
        min_delta: absolute difference that counts as an improvement.
        cooldown: epochs after a reduction until epochs without improvement count again.
            As in Keras the last of them counts, so that 0 and 1 are the same.
        min_lr: the rate is not reduced below it. A schedule may itself go lower later.
        relative_delta: fraction of the best value that a value must be better by, in
            addition to `min_delta`. A negative best value reverses its effect, as in
            torch; a warning says so.
        min_scale: the rate is not reduced below this fraction of what it would be
            without this callback, 0 to 1.
        max_lr: the rate is not increased above it; None for no such limit.
        increase_factor: the factor of an increase, above 1, after `patience`
            improvements in a row; None for no increase.
        increase_cooldown: the same as `cooldown`, after an increase.
        reset_after: number of reductions at the lower limit after which rate and
            counters are reset; None for never.
        eps: a change of the rate by this or less is skipped.
        window: epochs over which the metric is averaged, the latest ones.
        accumulation_size: epochs whose mean counts as one value, each in one mean only.
        watch_in_cooldown: whether an epoch within a cooldown may become the best.
        start_from_epoch: epochs before this index are ignored.
        on_nan: what a NaN or an infinitely bad value does: "count" as no improvement,
            "reduce" the rate at once, or "ignore" for nothing.
        restore_best_weights: whether a reduction restores the best epoch's weights and
            momentum. They are kept in memory, and returned by `get_arrays()`.

    Raises:
        TypeError: an argument is of the wrong kind.
        ValueError: an argument has a wrong value; when `fit` begins, the model trains
            with several optimizers of its own, or will not log the metric.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int = 0,
        mode: str = "auto",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
        *,
        relative_delta: float = 0.0,
        min_scale: float = 0.0,
        max_lr: float | None = None,
        increase_factor: float | None = None,
        increase_cooldown: int = 0,
        reset_after: int | None = None,
        eps: float = 0.0,
        window: int = 1,
        accumulation_size: int = 1,
        watch_in_cooldown: bool = True,
        start_from_epoch: int = 0,
        on_nan: str = "count",
        restore_best_weights: bool = False,
    ) -> None:
        super().__init__()
        self.__dict__.update(checked(OWNER, PLATEAU, locals()))
        if self.max_lr is not None and self.max_lr < self.min_lr:
            what = f"at least `min_lr`, which is {self.min_lr!r}"
            raise ValueError(message(OWNER, "max_lr", what, max_lr))
        self.reset()

    def reset(self) -> None:
        """Reset the counters; the rate does not change."""
        self._decide(None if self.mode == "auto" else self.mode)
        self._state = self.rule.start()
        self._bases: list[float] | None = None
        self._levels: list[float] | None = None
        self._restored = False
        self._best = BestWeights()

    def get_state(self) -> dict[str, Any]:
        """Return best value, counters and rate levels, as JSON-native values."""
        return {**self._state, "bases": self._bases, "levels": self._levels}

    def set_state(self, state: dict[str, Any]) -> None:
        """Restore what `get_state` returned, now or when the next `fit` begins.

        Raises:
            ValueError: the state has another form.
        """
        self._check_state(state)
        self.reset()
        state = dict(state)
        self._bases, self._levels = state.pop("bases"), state.pop("levels")
        self._state, self._restored = state, self._levels is not None
        self._of_model = None
        if self.callback_list is not None:
            self._begin()

    def get_arrays(self) -> dict[str, Any]:
        """Return the best weights, an empty dict if there are none."""
        return self._best.get_arrays()

    def set_arrays(self, arrays: dict[str, Any]) -> None:
        """Restore what `get_arrays` returned, after `set_state`."""
        self._best.set_arrays(arrays)

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Keras's hook: check the arguments before the first epoch."""
        self._enter_fit()
        check_monitor(self, self.monitor)
        self._begin()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Keras's hook."""
        logs = logs or {}
        if self.monitor not in logs:
            check_monitor(self, self.monitor, has_trained=True)
            listed = ", ".join(logs) or "nothing"
            text = f"finds no {self.monitor!r} in the logs of an epoch, but {listed}"
            self._warn_once(f"{text}. It looks again after each epoch", "missing")
            return
        if not self._decided:
            self._decide(direction_of(self, self.monitor, has_trained=True))
        if epoch >= self.start_from_epoch:
            self.observe(self._mean(float(logs[self.monitor])), epoch)

    def observe(self, value: float, epoch: int) -> None:
        """Process a value of the metric, and change the rate if the rule says so."""
        before = self._state["best"]
        self._state, action = self.rule.step(self._state, value)
        best = self._state["best"]
        if self.relative_delta and best is not None and best < 0.0:
            self._warn_once(
                f"compares a negative {self.monitor!r} by a fraction of it, so that "
                "even a value that is a little worse is better. Use min_delta",
                "negative",
            )
        if self.restore_best_weights and best != before:
            self._best.take(self.model)
        if action is not None:
            self._act(action, epoch)

    def _begin(self) -> None:
        if self.mode == "auto":
            self._decide(direction_of(self, self.monitor, has_trained=False))
        self._prepare()

    def _decide(self, direction: str | None) -> None:
        """Set the metric's direction, None until the first epoch that has it."""
        self._decided = direction is not None
        self.rule = PlateauRule(
            mode=direction or "min",
            patience=self.patience,
            min_delta=self.min_delta,
            relative_delta=self.relative_delta,
            cooldown=self.cooldown,
            increases=self.increase_factor is not None,
            increase_cooldown=self.increase_cooldown,
            watch_in_cooldown=self.watch_in_cooldown,
            window=self.window,
            accumulation_size=self.accumulation_size,
            on_nan=self.on_nan,
        )

    def _prepare(self) -> list[Level]:
        """Return the current levels, after restoring those of a state."""
        levels = levels_of(self.model, OWNER)
        if not self._bases:
            self._bases = [level.value for level in levels]
        if self._restored and levels and self._levels is not None:
            self._restore_levels(levels, self._levels)
            levels = levels_of(self.model, OWNER)
        self._levels = [level.value for level in levels]
        return levels

    def _act(self, action: str, epoch: int) -> None:
        levels = self._prepare()
        bases = self._bases or []
        new = [self._next(action, *pair) for pair in zip(levels, bases, strict=True)]
        back = self.restore_best_weights and action != INCREASE
        if back and not self._best.restore(self.model):
            text = "has no best weights to restore since it was restarted"
            self._warn_once(text, "restarted")
        if self._reset_is_due(action, levels, new):
            waits = {"cooldown": self._state["cooldown"]}
            new, self._state = list(bases), {**self.rule.start(), **waits}
        set_levels(self.model, levels, new)
        self._levels = new
        for level, value in zip(levels, new, strict=True):
            if self.verbose and value != level.value:
                rate = f"{value * level.unit:.6g}"
                what = f"sets the learning rate of {level.name} to {rate}"
                print(f"\nEpoch {epoch + 1}: {OWNER} {what}.")

    def _next(self, action: str, level: Level, base: float) -> float:
        """Return the new level of one optimizer."""
        unit = level.unit
        factor = self.increase_factor if action == INCREASE else self.factor
        high = math.inf if self.max_lr is None or not unit else self.max_lr / unit
        eps = self.eps / unit if unit else 0.0
        return moved(level.value, factor, self._low(level, base), high, eps)

    def _low(self, level: Level, base: float) -> float:
        by_rate = self.min_lr / level.unit if level.unit else 0.0
        return max(by_rate, self.min_scale * base)

    def _reset_is_due(self, action: str, levels: list[Level], new: list[float]) -> bool:
        """Return whether a reset is due.

        A reduction that leaves all rates at their lower limits is counted.
        """
        if action == INCREASE or self.reset_after is None:
            return False
        limits = map(self._low, levels, self._bases or [])
        if all(value <= limit for value, limit in zip(new, limits, strict=True)):
            self._state = {**self._state, "at_min": self._state["at_min"] + 1}
        return self._state["at_min"] >= self.reset_after

    def _restore_levels(self, levels: list[Level], before: list[float]) -> None:
        """Restore the factors of the schedules, which a new model does not have."""
        if len(before) != len(levels):
            what = f"that of a model whose number of optimizers is {len(levels)}"
            raise ValueError(message(f"{OWNER}.set_state", "state", what, before))
        self._restored = False
        pairs = zip(levels, before, strict=True)
        kept = [old if level.schedule else level.value for level, old in pairs]
        set_levels(self.model, levels, kept)
