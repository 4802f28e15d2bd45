"""The record of a sweep can be saved, loaded and plotted."""

import dataclasses
import json
import math

import matplotlib
import numpy as np
import pytest
from matplotlib import pyplot

from kerasched.finder import LearningRateSweep
from kerasched.finder import suggest
from kerasched.finder.sweep import Smoothing

matplotlib.use("Agg")
pytestmark = pytest.mark.host


@pytest.fixture(autouse=True)
def _closed_figures():
    yield
    pyplot.close("all")


RATES = np.geomspace(1e-5, 1.0, 60).tolist()
LOSSES = [2.0 - math.tanh(step / 10 - 3) + 1e-4 * step**2 for step in range(60)]


def test_a_record_survives_json():
    for losses in (LOSSES, [*LOSSES[:40], math.inf, math.nan], [1.0]):
        record = LearningRateSweep.of(RATES, losses, losses)
        text = record.to_json()
        json.loads(text, parse_constant=pytest.fail)  # NaN is not valid JSON.
        again = LearningRateSweep.from_json(text)
        # Compared as text, because NaN does not equal itself.
        assert repr(dataclasses.astuple(again)) == repr(dataclasses.astuple(record))
        assert again.to_json() == text


def test_a_record_has_the_suggestions_of_its_smoothed_losses():
    record = LearningRateSweep.of(RATES, [1.0] * 60, LOSSES)
    assert record.suggestions == suggest(RATES, LOSSES, 60)
    assert record.suggestion == record.suggestions["middle"]
    rules = ["middle", "valley", "steepest", "minimum", "slide"]
    assert list(record.suggestions) == rules
    assert None not in record.suggestions.values()


def test_a_sweep_that_ended_at_a_nan_gives_the_same_suggestions():
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


def test_a_record_is_printed_as_one_line():
    whole = LearningRateSweep.of(RATES, LOSSES, LOSSES)
    named = f"suggestion {whole.suggestion:.3g} (middle)"
    line = f"<LearningRateSweep: 60 of 60 rates from 1e-05 to 1, {named}>"
    assert str(whole) == repr(whole) == line
    # Too few losses for a rule. The third of 60 rates is 1e-5 * 1e5 ** (2 / 59).
    short = LearningRateSweep.of(RATES, LOSSES[:3], LOSSES[:3])
    rates = "3 of 60 rates from 1e-05 to 1.48e-05"
    assert repr(short) == f"<LearningRateSweep: {rates}, suggestion none (middle)>"
    none = "0 of 60 rates, suggestion none (middle)"
    assert repr(LearningRateSweep.of(RATES, [], [])) == f"<LearningRateSweep: {none}>"


def test_a_record_of_version_0_1_0_gets_the_default_suggestion():
    record = LearningRateSweep.of(RATES, LOSSES, LOSSES)
    values = json.loads(record.to_json())
    del values["suggestions"]["middle"]
    assert LearningRateSweep.from_json(json.dumps(values)) == record


# The losses fall to a minimum at step 70 of 100 and then rise more steeply.
FALL = [2.0 - max(step - 40, 0) / 20 + max(step - 70, 0) / 4 for step in range(100)]
MINIMUM = 70


def swept(losses):
    """Return the record of a sweep with these losses and the default smoothing."""
    smoothing = Smoothing(0.98, None)
    rates = np.geomspace(1e-7, 10.0, len(losses)).tolist()
    return LearningRateSweep.of(rates, losses, [smoothing.add(loss) for loss in losses])


def test_the_plotted_curve_has_the_minimum_of_the_losses():
    record = swept(FALL)
    losses, curve, smoothed = (line.get_ydata() for line in record.plot().lines[:3])
    assert np.argmin(losses) == MINIMUM
    # The tolerance is the median's window of seven. In the window around the minimum,
    # four losses are at most 0.15 above it; in the windows beside it, at most 0.2.
    assert abs(np.argmin(curve) - MINIMUM) <= 3
    assert curve[MINIMUM] <= losses[MINIMUM] + 0.2
    # The smoothed losses, which the rules use, lag far behind.
    assert np.argmin(smoothed) > MINIMUM + 3
    assert smoothed[MINIMUM] >= losses[MINIMUM] + 0.75


def test_the_plot_shows_losses_and_suggestions():
    record = swept(FALL)
    ax = record.plot()
    raw, curve, smoothed, *marks = ax.lines
    assert tuple(raw.get_ydata()) == record.losses
    assert tuple(smoothed.get_ydata()) == record.smoothed_losses
    assert ax.get_xscale() == "log"
    for line, (name, rate) in zip(marks, record.suggestions.items(), strict=True):
        assert line.get_xdata() == [rate]
        assert line.get_label() == f"{name}: {rate:.2g}"
        expected = np.interp(np.log(rate), np.log(record.rates), curve.get_ydata())
        np.testing.assert_allclose(line.get_ydata(), expected)
    assert record.plot(ax) is ax


def test_the_default_suggestion_is_the_largest_marker():
    sizes = [line.get_markersize() for line in swept(FALL).plot().lines[3:]]
    assert len(sizes) == 5
    assert sizes[0] > max(sizes[1:])


@pytest.mark.parametrize("losses", [[1.0], [math.nan], [math.inf, math.nan], LOSSES])
def test_any_record_can_be_drawn(losses):
    ax = LearningRateSweep.of(RATES, losses, losses).plot()
    ax.figure.canvas.draw()
    assert all(math.isfinite(limit) for limit in ax.get_ylim())


# The losses up to the minimum lie between 0.5 and 2.
@pytest.mark.parametrize("last", [1e9, math.inf, math.nan])
def test_a_divergence_does_not_compress_the_plotted_curve(last):
    low, high = swept([*FALL[:-15], *[last] * 15]).plot().get_ylim()
    assert 0.0 < low < 0.5
    assert 2.0 < high < 2.5


# The median of 1, 2, ..., 60 is 30.5.
def test_half_of_a_curve_that_rises_from_its_start_is_visible():
    low, high = swept([float(step + 1) for step in range(60)]).plot().get_ylim()
    assert low < 1.0
    assert 30.0 < high < 60.0
