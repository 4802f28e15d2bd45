"""The picture of a training."""

import math
import struct
import xml.etree.ElementTree

import pytest

from kerasched.plotting import plot_training

RATES = [0.1, 0.1, 0.05, 0.05]
LOSSES = [0.7, 0.5, 0.4, 0.35]


def test_a_png_begins_with_its_signature(tmp_path):
    plot_training(RATES, LOSSES, tmp_path / "picture.png")
    assert (tmp_path / "picture.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


# 8 inches by 5 inches at 150 dots an inch; the size follows the signature and the
# 8 bytes that open the first chunk.
def test_a_png_has_1200_by_750_dots(tmp_path):
    plot_training(RATES, LOSSES, tmp_path / "picture.png")
    header = (tmp_path / "picture.png").read_bytes()[16:24]
    assert struct.unpack(">II", header) == (1200, 750)


def test_an_svg_is_an_xml_document_of_its_kind(tmp_path):
    plot_training(RATES, LOSSES, tmp_path / "picture.svg")
    root = xml.etree.ElementTree.parse(tmp_path / "picture.svg").getroot()
    assert root.tag == "{http://www.w3.org/2000/svg}svg"


# Matplotlib draws letters as curves and writes the text beside them as a comment.
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


def test_a_training_that_never_was_finite_is_drawn(tmp_path):
    plot_training(RATES, [math.nan] * 4, tmp_path / "picture.png")
    assert (tmp_path / "picture.png").stat().st_size > 0
