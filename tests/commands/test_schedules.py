"""The output and the errors of `kerasched list`, `show` and `plot`."""

import json
import os
import re
import subprocess
import sys

import keras
import pytest
from support import run_in_terminal

from kerasched import LinearDecay
from kerasched import Warmup
from kerasched import list_schedules
from kerasched.cli import main

pytestmark = pytest.mark.host

BACKEND = keras.backend.backend()


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """Change to an empty folder, and restore the environment afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.setenv("KERAS_BACKEND", BACKEND)
    return tmp_path


def run(*words, **environment):
    """Run the command in its own process, with its output in a pipe."""
    kept = {**os.environ, "PYTHONUTF8": "1", "KERAS_BACKEND": BACKEND, **environment}
    kept.pop("FORCE_COLOR", None)
    kept = {name: value for name, value in kept.items() if value is not None}
    command = [sys.executable, "-m", "kerasched", *words]
    return subprocess.run(command, env=kept, capture_output=True, timeout=300)


def shown(capsys, *words):
    """Return what the command prints in this process."""
    assert main(words) == 0
    return capsys.readouterr().out


def test_every_schedule_is_listed_in_a_row(capsys):
    lines = shown(capsys, "list").splitlines()
    rows = [line.strip("│ ").split(" │ ") for line in lines if line.startswith("│")]
    assert [[cell.strip() for cell in row] for row in rows] == [
        [entry.name, entry.cls.__name__, entry.summary] for entry in list_schedules()
    ]


@pytest.fixture
def cosine(capsys):
    return shown(capsys, "show", "cosine", "decay_steps=500", "exponent=2")


@pytest.mark.parametrize(
    "part",
    [
        "CosineDecay (cosine)\nGo from one rate to another on half a cosine wave.\n",
        "\n    end + (initial - end) * ((1 + cos(pi * p)) / 2)**exponent,\n    p = ",
        "\nsource: Loshchilov and Hutter, 2017, arXiv:1608.03983, equation 5; k-decay",
        "\nCosineDecay(initial_learning_rate=0.1, decay_steps=500, exponent=2.0)\n",
        "\nsteps 0 to 550, rates 0 to 0.1\n",
    ],
)
def test_a_schedule_is_shown(part, cosine):
    assert part in cosine


def test_arguments_are_shown_with_value_default_and_meaning(cosine):
    rows = [line for line in cosine.splitlines() if line.startswith("│")]
    cells = [[cell.strip() for cell in row.strip("│").split("│")] for row in rows]
    assert cells[0][:3] == ["initial_learning_rate", "0.1", "required"]
    assert ["exponent", "2.0", "1.0"] in [row[:3] for row in cells]
    assert ["decay_steps", "500", "required", "steps until the end is reached."] in (
        cells
    )


def test_the_curve_is_drawn_from_its_peak_to_its_end(cosine):
    curve = [line for line in cosine.splitlines() if " | " in line]
    assert len(curve) == 6
    assert curve[0].startswith("0.1 | █")
    assert curve[0].endswith(" ")
    assert curve[-1].startswith("  0 | █")
    assert curve[-1].endswith("▁")


# 0.1 for the first of 2 steps, and for steps 0 to 4 of 6.
@pytest.mark.parametrize(
    ("boundary", "last_step", "full"), [(1, 1, 30), (5, 5, 50), (3, 5, 30)]
)
def test_the_columns_of_the_curve_are_at_equal_distances(
    boundary, last_step, full, capsys
):
    schedule = f"PiecewiseConstant(({boundary},), (0.1, 0.0))"
    text = shown(capsys, "show", schedule, "--steps", str(last_step))
    curve = [line for line in text.splitlines() if line.startswith("0.1 | ")]
    assert curve == [f"0.1 | {'█' * full}{' ' * (60 - full)}"]


def test_the_last_step_shown_can_be_chosen(capsys):
    assert "\nsteps 0 to 7, rates" in shown(capsys, "show", "cosine", "--steps", "7")


def test_a_narrow_terminal_truncates_nothing(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert "…" not in shown(capsys, "show", "warmup")


def test_brackets_of_a_formula_are_no_markup(capsys):
    text = shown(capsys, "show", "chain")
    assert "schedules[i](step - boundaries[i - 1]), i = number" in text


def test_a_diverging_rate_is_shown(capsys):
    text = shown(capsys, "show", "ExponentialDecay(1.0, 1, 10.0)", "--steps", "400")
    assert "steps 0 to 400, rates 1 to 8.98847e+307" in text


def test_a_picture_is_written_and_reported(capsys, here):
    text = shown(capsys, "plot", "Warmup(cosine(0.1, 900), 100)", "-o", "picture.png")
    assert text == "picture  picture.png  (Warmup, steps 0 to 1100)\n"
    assert (here / "picture.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_the_last_step_drawn_can_be_chosen(capsys):
    text = shown(capsys, "plot", "step", "--steps=9", "--output", "picture.svg")
    assert text == "picture  picture.svg  (StepDecay, steps 0 to 9)\n"


def read(capsys, *words):
    """Return the value that a command prints as JSON, on one line."""
    text = shown(capsys, *words)
    assert text.count("\n") == 1
    return json.loads(text, parse_constant=pytest.fail)


def test_the_list_is_printed_as_json(capsys):
    assert read(capsys, "list", "--json") == [
        {
            "name": entry.name,
            "class": entry.cls.__name__,
            "summary": entry.summary,
            "reference": entry.reference,
        }
        for entry in list_schedules()
    ]


def test_a_schedule_is_printed_as_json(capsys):
    found = read(capsys, "show", "Warmup(LinearDecay(0.1, 4), 2)", "--json")
    assert (found["name"], found["class"]) == ("warmup", "Warmup")
    assert found["repr"] == repr(Warmup(LinearDecay(0.1, 4), 2))
    # The end is at step 6, and one more step is shown.
    assert found["steps"] == list(range(8))
    rates = [0.0, 0.05, 0.1, 0.075, 0.05, 0.025, 0.0, 0.0]
    assert found["learning_rates"] == pytest.approx(rates)
    by_name = {argument["name"]: argument for argument in found["arguments"]}
    assert by_name["warmup_steps"]["value"] == 2
    assert by_name["warmup_steps"]["default"] is None
    assert by_name["shape"]["default"] == "'linear'"
    nested = keras.saving.deserialize_keras_object(by_name["schedule"]["value"])
    assert nested == LinearDecay(0.1, 4)


def test_a_picture_is_reported_as_json(capsys):
    words = ("plot", "step", "--steps=9", "-o", "picture.svg", "--json")
    assert read(capsys, *words) == {
        "picture": "picture.svg",
        "class": "StepDecay",
        "last_step": 9,
    }


@pytest.mark.parametrize("words", [["list"], ["show", "step"]], ids=" ".join)
def test_colours_can_be_forced(words, capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert re.search(r"\x1b\[[\d;]*3\d", shown(capsys, *words))
    assert "\x1b" not in shown(capsys, *words, "--json")


USER_ERRORS = {
    "unknown name": ["show", "cosin"],
    "wrong value": ["show", "step", "decay_steps=0"],
    "import": ["show", "__import__('os')"],
    "nested in vain": ["plot", "Sum((Constant(1), 1))", "-o", "picture.png"],
    "wrong argument": ["plot", "step", "speed=1", "-o", "picture.png"],
}


@pytest.mark.parametrize("words", USER_ERRORS.values(), ids=USER_ERRORS)
def test_a_user_error_is_one_line(words, capsys, here):
    assert main(words) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("kerasched: error: ")
    assert printed.err.count("\n") == 1
    assert list(here.iterdir()) == []


def test_a_picture_that_cannot_be_written_is_a_user_error(capsys, monkeypatch):
    def refuse(*arguments, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("matplotlib.figure.Figure.savefig", refuse)
    assert main(["plot", "step", "-o", "picture.png"]) == 2
    line = "picture.png: cannot be written: No space left on device"
    assert capsys.readouterr().err == f"kerasched: error: {line}\n"


def test_a_pipe_gets_wide_lines_without_colours():
    done = run("list", COLUMNS=None)
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"\x1b" not in done.stdout
    longest = max(list_schedules(), key=lambda entry: len(entry.summary))
    assert longest.summary.encode() in done.stdout


def test_a_user_error_found_after_loading_keras_is_one_line():
    done = run("show", "cosin")
    assert (done.returncode, done.stdout) == (2, b"")
    line = "kerasched: error: unknown schedule `cosin`: did you mean cosine"
    assert done.stderr.decode().startswith(line)
    assert done.stderr.count(b"\n") == 1


def test_ascii_output_has_an_ascii_chart():
    done = run("show", "cosine", PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, b"")
    assert re.search(rb"\n0.1 \| ###", done.stdout)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals")
def test_no_color_is_respected_in_a_terminal():
    command = [sys.executable, "-m", "kerasched", "show", "constant"]
    code, text = run_in_terminal(command, "1", ["stdout", "stderr"])
    assert code == 0
    assert b"learning_rate" in text
    assert not re.search(rb"\x1b\[[\d;]*[349]\d", text)
