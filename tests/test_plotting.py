"""Plots of a training run and of a schedule."""

import math
import re
import struct
import sys
import xml.etree.ElementTree

import keras
import numpy as np
import pytest
from matplotlib import pyplot
from matplotlib.figure import Figure

from kerasched import Chain
from kerasched import Constant
from kerasched import CosineWave
from kerasched import ExponentialDecay
from kerasched import InverseSqrtDecay
from kerasched import LinearDecay
from kerasched import PerEpoch
from kerasched import PerUpdate
from kerasched import PowerDecay
from kerasched import Scale
from kerasched import StepDecay
from kerasched import plot
from kerasched.plotting import plot_training
from kerasched.plotting import save_plot
from kerasched.schedules.sampling import sample

RATES = [0.1, 0.1, 0.05, 0.05]
LOSSES = [0.7, 0.5, 0.4, 0.35]


def test_a_png_begins_with_its_signature(tmp_path):
    plot_training(RATES, LOSSES, tmp_path / "picture.png")
    assert (tmp_path / "picture.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


# 8 by 5 inches at 150 dots per inch. In the file, the size follows the signature and
# the first 8 bytes of the first chunk.
def test_a_png_has_1200_by_750_dots(tmp_path):
    plot_training(RATES, LOSSES, tmp_path / "picture.png")
    header = (tmp_path / "picture.png").read_bytes()[16:24]
    assert struct.unpack(">II", header) == (1200, 750)


def test_an_svg_is_an_xml_document_of_its_kind(tmp_path):
    plot_training(RATES, LOSSES, tmp_path / "picture.svg")
    root = xml.etree.ElementTree.parse(tmp_path / "picture.svg").getroot()
    assert root.tag == "{http://www.w3.org/2000/svg}svg"


# Matplotlib draws letters as curves and adds their text as a comment.
@pytest.mark.parametrize(
    "label", ["learning rate", "optimizer step", "loss of the batch"]
)
def test_the_axes_are_labelled(label, tmp_path):
    plot_training(RATES, LOSSES, tmp_path / "picture.svg")
    assert f"<!-- {label} -->" in (tmp_path / "picture.svg").read_text()


def test_losses_that_are_not_finite_leave_gaps(tmp_path):
    losses = [0.7, math.nan, math.inf, 0.35]
    plot_training(RATES, losses, tmp_path / "picture.png")
    assert (tmp_path / "picture.png").stat().st_size > 0


def test_a_run_without_any_finite_loss_is_drawn(tmp_path):
    plot_training(RATES, [math.nan] * 4, tmp_path / "picture.png")
    assert (tmp_path / "picture.png").stat().st_size > 0


def drawn(schedule, steps=None):
    """Return the steps and rates of the line that `plot` draws."""
    axes = Figure().subplots()
    (line,) = plot(schedule, steps, axes).get_lines()
    return line.get_xdata(), line.get_ydata()


def test_every_step_has_its_own_rate():
    steps, rates = drawn(StepDecay(0.1, 2), 5)
    assert steps.tolist() == [0, 1, 2, 3, 4, 5]
    assert rates.tolist() == [0.1, 0.1, 0.05, 0.05, 0.025, 0.025]


def test_a_jump_is_drawn_as_a_jump():
    (line,) = plot(StepDecay(0.1, 2), 5, Figure().subplots()).get_lines()
    assert line.get_drawstyle() == "steps-post"


# By row: 200 + 200 // 10; 5 + 1; a constant; 3 * 400; 3 * 100, which is below the
# minimum; 3 * 5000; 3 * 10 * 500 and 3 * 2000 * 4 for epochs and updates; an offset and
# a boundary, which count as lengths; a schedule of another library of unknown length.
@pytest.mark.parametrize(
    ("schedule", "last"),
    [
        (LinearDecay(0.1, 200), 220),
        (LinearDecay(0.1, 5), 6),
        (Constant(0.1), 1000),
        (CosineWave(0.1, 0.0, 400), 1200),
        (CosineWave(0.1, 0.0, 100), 1000),
        (2 * InverseSqrtDecay(0.1, timescale=5000), 15_000),
        (PerEpoch(InverseSqrtDecay(0.1, timescale=10), 500), 15_000),
        (PerUpdate(InverseSqrtDecay(0.1, timescale=2000), 4), 24_000),
        (PowerDecay(0.1, -0.5, offset=4000), 12_000),
        (Chain((Constant(0.1), InverseSqrtDecay(0.1, 10)), (4000,)), 12_000),
        (Scale(keras.optimizers.schedules.CosineDecay(0.1, 9000), 1.0), 1000),
        (LinearDecay(0.1, 2**31 - 1), 2**31 - 1),
        (CosineWave(0.1, 0.0, 2**31 - 1), 2**31 - 1),
    ],
    ids=repr,
)
def test_the_last_step_is_a_little_after_the_end_of_the_schedule(schedule, last):
    assert drawn(schedule)[0][-1] == last


def test_4000_steps_at_most_are_evaluated_from_the_first_to_the_last():
    steps, _ = drawn(LinearDecay(0.1, 10**6), 10**6)
    assert len(steps) == 4000
    assert (steps[0], steps[-1]) == (0, 10**6)


# 10**6 steps in 3999 intervals are 250.06 steps each, rounded to an integer.
def test_steps_at_equal_distances_differ_by_one_at_most():
    distances = np.diff(sample(10**6, 4000))
    assert set(distances.tolist()) == {250, 251}


def test_the_axes_are_returned():
    axes = Figure().subplots()
    assert plot(Constant(0.1), 5, axes) is axes


def test_a_new_figure_is_made_without_axes():
    first, second = plot(Constant(0.1)), plot(Constant(0.1))
    assert first.figure is not second.figure
    pyplot.close(first.figure)
    pyplot.close(second.figure)


def test_the_axis_of_two_schedules_starts_at_0():
    axes = Figure().subplots()
    plot(Constant(0.1), 10, axes)
    plot(Constant(0.5), 100, axes)
    low, high = axes.get_ylim()
    assert low <= 0.0
    assert high >= 0.5
    assert axes.get_xlim()[1] >= 100


def test_a_line_is_labelled_with_its_schedule():
    axes = plot(Constant(0.1), 5, Figure().subplots())
    assert axes.get_legend_handles_labels()[1] == ["Constant(learning_rate=0.1)"]


def test_several_schedules_have_a_legend_and_end_at_the_same_step():
    axes = plot([LinearDecay(0.1, 200), StepDecay(0.1, 5)], ax=Figure().subplots())
    # The first schedule is drawn for 220 steps, the second, which never ends, for 1000.
    assert [line.get_xdata()[-1] for line in axes.get_lines()] == [1000, 1000]
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert [label.partition("(")[0] for label in labels] == ["LinearDecay", "StepDecay"]


def test_a_long_repr_is_broken_into_lines():
    schedule = Chain((Constant(0.1), InverseSqrtDecay(0.1, 10)), (4000,))
    (line,) = plot((schedule,), ax=Figure().subplots()).get_lines()
    lines = line.get_label().splitlines()
    assert len(lines) > 1
    assert max(map(len, lines)) <= 60
    assert " ".join(map(str.strip, lines)) == repr(schedule)


def test_schedules_can_have_labels():
    pair = {"steady": Constant(0.1), "falling": LinearDecay(0.1, 10)}
    axes = plot(pair, 20, Figure().subplots())
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels == ["steady", "falling"]
    lines = dict(zip(labels, axes.get_lines(), strict=True))
    assert lines["falling"].get_ydata()[10] == 0.0
    assert lines["steady"].get_ydata()[10] == 0.1


class Dataset:
    num_batches = 4


@pytest.mark.parametrize("steps_per_epoch", [4, Dataset()], ids=["number", "dataset"])
def test_the_axis_can_be_in_epochs(steps_per_epoch):
    axes = Figure().subplots()
    plot(LinearDecay(0.1, 8), 8, axes, steps_per_epoch=steps_per_epoch)
    (line,) = axes.get_lines()
    # 8 steps are 2 epochs.
    assert line.get_xdata().tolist() == [n / 4 for n in range(9)]
    assert line.get_ydata()[-1] == 0.0
    assert axes.get_xlabel() == "epoch"


def test_the_axis_is_in_steps_otherwise():
    assert plot(Constant(0.1), 5, Figure().subplots()).get_xlabel() == "optimizer step"


def test_an_epoch_of_no_steps_is_refused():
    text = "Argument `steps_per_epoch` of plot must be a positive integer. Received: "
    with pytest.raises(ValueError, match=re.escape(f"{text}steps_per_epoch=0") + "$"):
        plot(Constant(0.1), steps_per_epoch=0)


@pytest.mark.parametrize("nothing", [[], (), {}], ids=repr)
def test_no_schedule_at_all_is_refused(nothing):
    text = "Argument `schedule` of plot must be a schedule, or a list or dict of at "
    with pytest.raises(ValueError, match=re.escape(f"{text}least one. Received: ")):
        plot(nothing)


@pytest.mark.parametrize("steps", [0, -5])
def test_a_last_step_below_1_is_refused(steps):
    text = "Argument `steps` of plot must be a positive integer. Received: steps="
    with pytest.raises(ValueError, match=re.escape(f"{text}{steps}") + "$"):
        plot(Constant(0.1), steps)


def test_another_librarys_schedule_is_refused():
    foreign = keras.optimizers.schedules.CosineDecay(0.1, 5)
    text = r"^Argument `schedule` of plot must be a schedule of kerasched\. Received: "
    for given in (foreign, [Constant(0.1), foreign], {"theirs": foreign}):
        with pytest.raises(TypeError, match=text + ".*Put another library's inside"):
            plot(given)


# The error above advises this. Keras computes step 3 in float32: 0.5 * (1 + cos(pi/2)).
def test_another_librarys_schedule_is_drawn_inside_one_of_ours():
    _, rates = drawn(Scale(keras.optimizers.schedules.CosineDecay(1.0, 6), 1.0), 6)
    assert rates[3] == pytest.approx(0.5, abs=1e-6)


def test_a_missing_matplotlib_raises(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    text = r"^Plots need matplotlib, .* Install matplotlib\.$"
    with pytest.raises(RuntimeError, match=text):
        plot(Constant(0.1))


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
def test_a_picture_of_a_schedule_has_the_same_bytes_again(suffix, tmp_path):
    for name in ("one", "two"):
        save_plot(StepDecay(0.1, 100), tmp_path / f"{name}.{suffix}")
    one, two = (tmp_path / f"{name}.{suffix}" for name in ("one", "two"))
    assert one.read_bytes() == two.read_bytes()
    # Both files may be written in the same second, so also check for a date.
    assert b"Date" not in one.read_bytes()


@pytest.mark.filterwarnings("error")
def test_a_rate_that_is_not_finite_leaves_a_gap(tmp_path):
    rising = ExponentialDecay(1.0, 1, 10.0)  # 10**step is infinite after step 308.
    save_plot(rising, tmp_path / "picture.png", 400)
    assert (tmp_path / "picture.png").stat().st_size > 0
