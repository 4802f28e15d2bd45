"""The record of a sweep is kept, read again and drawn."""

import dataclasses
import json
import math

import matplotlib
import numpy as np
import pytest

from kerasched.finder import LearningRateSweep
from kerasched.finder import suggest

matplotlib.use("Agg")
pytestmark = pytest.mark.host

RATES = np.geomspace(1e-5, 1.0, 60).tolist()
LOSSES = [2.0 - math.tanh(step / 10 - 3) + 1e-4 * step**2 for step in range(60)]


def test_a_record_comes_back_from_json():
    for losses in (LOSSES, [*LOSSES[:40], math.inf, math.nan], [1.0]):
        record = LearningRateSweep.of(RATES, losses, losses)
        text = record.to_json()
        json.loads(text, parse_constant=pytest.fail)  # No NaN, which is not JSON.
        again = LearningRateSweep.from_json(text)
        # As text: a loss that is no number does not equal itself.
        assert repr(again) == repr(record)
        assert again.to_json() == text


def test_a_record_has_the_suggestions_of_its_smoothed_losses():
    record = LearningRateSweep.of(RATES, [1.0] * 60, LOSSES)
    assert record.suggestions == suggest(RATES, LOSSES, 60)
    assert record.suggestion == record.suggestions["valley"]
    assert set(record.suggestions) == {"valley", "steepest", "minimum", "slide"}
    assert None not in record.suggestions.values()


def test_a_sweep_that_ended_at_a_nan_suggests_what_it_would_have_at_its_end():
    losses = [*LOSSES[:40], math.nan]
    record = LearningRateSweep.of(RATES, losses, losses)
    assert len(record.rates) == 41
    whole = losses + [math.nan] * 19
    assert record.suggestions == suggest(RATES, whole, 60)
    assert record.suggestions == suggest(RATES[:45], [*LOSSES[:40]] + [0.0] * 5, 60)


def test_a_record_does_not_change():
    record = LearningRateSweep.of(RATES, LOSSES, LOSSES)
    with pytest.raises(dataclasses.FrozenInstanceError):
        record.rates = ()


def test_the_plot_shows_losses_and_suggestions():
    record = LearningRateSweep.of(RATES, [2 * loss for loss in LOSSES], LOSSES)
    ax = record.plot()
    raw, smoothed, *marks = ax.lines
    np.testing.assert_array_equal(raw.get_ydata(), 2 * np.array(LOSSES))
    np.testing.assert_array_equal(smoothed.get_ydata(), LOSSES)
    assert ax.get_xscale() == "log"
    for line, (name, rate) in zip(marks, record.suggestions.items(), strict=True):
        assert line.get_xdata() == [rate]
        assert line.get_label() == f"{name}: {rate:.2g}"
        assert min(LOSSES) <= line.get_ydata()[0] <= max(LOSSES)
    assert record.plot(ax) is ax


@pytest.mark.parametrize("losses", [[1.0], [math.nan], [math.inf, math.nan], LOSSES])
def test_any_record_can_be_drawn(losses):
    ax = LearningRateSweep.of(RATES, losses, losses).plot()
    ax.figure.canvas.draw()
    assert all(math.isfinite(limit) for limit in ax.get_ylim())


def test_a_loss_far_above_does_not_squeeze_the_curve():
    record = LearningRateSweep.of(RATES, [*LOSSES[:-1], 1e9], LOSSES)
    assert record.plot().get_ylim()[1] < 10
