"""User errors of all commands, and `kerasched demo`."""

import contextlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest

from kerasched.cli import main
from kerasched.demo.trace import Reloaded
from kerasched.demo.trace import Trace

BACKEND = keras.backend.backend()
SCRIPT = shutil.which("kerasched", path=Path(sys.executable).parent)
COMMANDS = {"module": [sys.executable, "-m", "kerasched"], "script": [SCRIPT]}

# Invalid command lines, each with a part of its error message.
USER_ERRORS = {
    "long name": (f"demo --save {'m' * 300}.keras", "cannot be written: File name too"),
    "no command": ("", "required: COMMAND"),
    "unknown command": ("train", "invalid choice: 'train'"),
    "unknown option": ("demo --speed 3", "unrecognized arguments: --speed 3"),
    "no epochs": ("demo --epochs 0", "must be a positive integer. Received: '0'"),
    "epochs in words": (
        "demo --epochs six",
        "must be a positive integer. Received: 'six'",
    ),
    "negative batch": (
        "demo --batch-size -1",
        "must be a positive integer. Received: '-1'",
    ),
    "large batch": ("demo --batch-size 570", "569 rows are fewer than one batch"),
    "rate of 0": ("demo --learning-rate 0", "must be a positive number. Received: '0'"),
    "rate of nan": (
        "demo --learning-rate nan",
        "must be a positive number. Received: 'nan'",
    ),
    "infinite rate": (
        "demo --learning-rate inf",
        "must be a positive number. Received: 'inf'",
    ),
    "momentum above 1": (
        "demo --momentum 1.1",
        "must be a number from 0 to 1. Received: '1.1'",
    ),
    "momentum below 0": (
        "demo --momentum -0.1",
        "must be a number from 0 to 1. Received: '-0.",
    ),
    "negative seed": (
        "demo --seed -1",
        "must be an integer from 0 to 2**32 - 1. Received: '-",
    ),
    "large seed": ("demo --seed 4294967296", "Received: '4294967296'"),
    "unknown backend": ("demo --backend numpy", "invalid choice: 'numpy'"),
    "data alone": ("demo --data good.csv", "--data and --target go together"),
    "target alone": ("demo --target kind", "--data and --target go together"),
    "save suffix": (
        "demo --save m.h5",
        "--save m.h5: the file name must end in .keras",
    ),
    "save nowhere": ("demo --save no/m.keras", "no such directory: no"),
    "save directory": ("demo --save d.keras", "--save d.keras: is a directory"),
    "plot suffix": (
        "demo --plot p.gif",
        "--plot p.gif: the file name must end in .png or",
    ),
    "missing data": ("demo --data no.csv --target kind", "no.csv: cannot be read"),
    "empty data": ("demo --data empty.csv --target kind", "the file is empty"),
    "unknown target": ("demo --data good.csv --target b", "no column 'b'"),
    "line end in a name": ("demo --data fold.csv --target b", "columns are a b, kind"),
    "bad cell": ("demo --data words.csv --target kind", "column 'a': not a number"),
    "one class": ("demo --data one.csv --target kind", "must hold two classes"),
    "no schedule": ("show", "required: NAME"),
    "no value": ("show cosine decay_steps", "`decay_steps`: write an argument as"),
    "attribute": ("show Constant(1).clip()", "`Constant(1).clip()` is not allowed"),
    "large power": ("plot 9**9**9 -o p.png", "`9**9**9` is not allowed"),
    "deep": (f"show {'Scale(' * 300}", "is not an expression"),
    "step 0": ("show cosine --steps 0", "from 1 to 2**31 - 1. Received: '0'"),
    "late step": (
        "show cosine --steps 2147483648",
        "2**31 - 1. Received: '2147483648'",
    ),
    "no output": ("plot cosine", "required: -o/--output"),
    "output suffix": (
        "plot cosine -o p.gif",
        "p.gif: the file name must end in .png or",
    ),
    "output nowhere": ("plot cosine -o no/p.png", "no such directory: no"),
    "few rows": ("demo --data good.csv --target kind", "2 rows are fewer than one"),
}
FILES = {
    "good.csv": "a,kind\n1,no\n2,yes\n",
    "empty.csv": "",
    "fold.csv": '"a\nb",kind\n1,no\n2,yes\n',
    "words.csv": "a,kind\none,no\n2,yes\n",
    "one.csv": "a,kind\n1,no\n2,no\n",
}
# A fake Keras whose import creates a file and ends the process.
TRAP = """
from pathlib import Path
Path(__file__).with_name("imported").touch()
raise SystemExit("Keras was imported")
"""


# Runs several command lines in one process, started without Keras like the command.
RUN_ALL = """
import contextlib, io, json, sys
sys.argv = ["kerasched"]
from kerasched.cli import main
answers = {}
for name, words in json.load(sys.stdin).items():
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main(words)
        except SystemExit as error:
            code = error.code
    answers[name] = [code, out.getvalue(), err.getvalue()]
print(json.dumps(answers))
"""


def call(command, folder, backend="numpy", search_path=(), text=None):
    """Run a command in a folder.

    Args:
        command: the words of the command line.
        folder: the working directory.
        backend: KERAS_BACKEND. The default is a backend that cannot train.
        search_path: folders to prepend to PYTHONPATH.
        text: standard input.
    """
    places = [*map(str, search_path), os.environ.get("PYTHONPATH", "")]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, places)),
        "PYTHONUTF8": "1",
        "COLUMNS": "200",
        "KERAS_BACKEND": backend,
    }
    environment.pop("FORCE_COLOR", None)
    return subprocess.run(
        command,
        cwd=folder,
        env=environment,
        input=text,
        capture_output=True,
        encoding="utf-8",
        timeout=300,
    )


def listing(folder):
    """Return the files of a folder with their contents and modification times."""
    return {
        path.relative_to(folder): (
            path.stat().st_mtime_ns,
            path.read_bytes() if path.is_file() else None,
        )
        for path in folder.rglob("*")
    }


class Answers:
    """The results of command lines in a folder whose fake Keras cannot be imported."""

    def __init__(self, folder):
        self.work, self.trap = folder / "work", folder / "trap"
        (self.work / "d.keras").mkdir(parents=True)
        for name, text in FILES.items():
            (self.work / name).write_text(text)
        (self.trap / "keras").mkdir(parents=True)
        (self.trap / "keras" / "__init__.py").write_text(TRAP)
        self.before = listing(self.work)

    def call(self, command, text=None):
        return call(command, self.work, BACKEND, [self.trap], text)

    @property
    def keras_was_imported(self):
        return (self.trap / "keras" / "imported").exists()


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    """All user errors in one process, and some of them in separate processes."""
    answers = Answers(tmp_path_factory.mktemp("user_errors"))
    lines = {name: words.split() for name, (words, _) in USER_ERRORS.items()}
    done = answers.call([sys.executable, "-c", RUN_ALL], json.dumps(lines))
    answers.all = {
        ("together", n): a for n, a in json.loads(done.stdout or "{}").items()
    }
    for start, name in CALLS:
        done = answers.call([*COMMANDS[start], *lines[name]])
        answers.all[start, name] = done.returncode, done.stdout, done.stderr
    return answers


CALLS = [(start, name) for start in COMMANDS for name in ("no command", "one class")]
each_user_error = pytest.mark.parametrize(
    ("start", "name"), [*(("together", name) for name in USER_ERRORS), *CALLS]
)


@pytest.mark.host
@each_user_error
def test_a_user_error_ends_with_exit_code_2(start, name, answers):
    code, _, _ = answers.all[start, name]
    assert code == 2


@pytest.mark.host
@each_user_error
def test_a_user_error_is_one_line_that_names_the_command(start, name, answers):
    _, _, errors = answers.all[start, name]
    assert errors.startswith("kerasched: error: ")
    assert errors.endswith("\n")
    assert errors.count("\n") == 1


@pytest.mark.host
@each_user_error
def test_a_user_error_names_the_problem(start, name, answers):
    _, _, errors = answers.all[start, name]
    assert USER_ERRORS[name][1] in errors


@pytest.mark.host
@each_user_error
def test_a_user_error_leaves_standard_output_empty(start, name, answers):
    _, output, _ = answers.all[start, name]
    assert output == ""


@pytest.mark.host
def test_user_errors_leave_the_folder_unchanged(answers):
    assert listing(answers.work) == answers.before


@pytest.mark.host
def test_user_errors_are_reported_without_keras(answers):
    assert not answers.keras_was_imported


@pytest.mark.host
@pytest.mark.parametrize(
    "words", ["-mkerasched", "-Im kerasched", "-W ignore -m kerasched"]
)
def test_python_can_run_the_module_in_other_ways(words, tmp_path):
    process = call([sys.executable, *words.split(), "demo", "--epochs", "0"], tmp_path)
    assert process.stderr.startswith("kerasched: error: ")
    assert process.stderr.count("\n") == 1


@pytest.mark.host
def test_a_closed_pipe_prints_no_traceback(here, monkeypatch, capfd):
    def close(*arguments):
        monkeypatch.setattr("os.dup2", lambda *descriptors: None)
        raise BrokenPipeError

    monkeypatch.setattr("kerasched.demo.run.run", close)
    assert main(["demo", "--json"]) == 1
    assert capfd.readouterr().err == ""


@pytest.mark.host
def test_a_valid_command_line_imports_the_trap(tmp_path):
    (tmp_path / "keras").mkdir()
    (tmp_path / "keras" / "__init__.py").write_text(TRAP)
    call([*COMMANDS["module"], "demo"], tmp_path, BACKEND, [tmp_path])
    assert (tmp_path / "keras" / "imported").exists()


@pytest.mark.host
def test_an_unknown_backend_in_the_environment_is_a_user_error(tmp_path):
    process = call([*COMMANDS["module"], "demo"], tmp_path, "numpy")
    assert process.stderr == (
        "kerasched: error: backend 'numpy' cannot train: "
        "choose --backend tensorflow, jax, torch\n"
    )


def enter(folder, patch):
    """Change to a folder, and let the patch restore what the command sets."""
    patch.chdir(folder)
    patch.setenv("KERAS_BACKEND", BACKEND)
    patch.setenv("TF_CPP_MIN_LOG_LEVEL", "2")


@pytest.fixture
def here(tmp_path, monkeypatch):
    """Change to an empty folder, and restore the environment afterwards."""
    enter(tmp_path, monkeypatch)


@pytest.mark.parametrize(("iterations_loaded", "code"), [(90, 0), (89, 1)])
def test_the_exit_code_is_1_if_the_model_was_not_restored(
    iterations_loaded, code, here, monkeypatch
):
    trace = Trace(BACKEND, "made by the test", ("no", "yes"))
    trace.reloaded = Reloaded(
        "model.keras", True, True, 90, iterations_loaded, 0.0125, 0.0125, 91
    )
    monkeypatch.setattr("kerasched.demo.run.run", lambda *arguments: trace)
    assert main(["demo", "--json"]) == code


def test_an_interrupt_prints_one_line(here, monkeypatch, capsys):
    def interrupt(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr("kerasched.demo.run.run", interrupt)
    assert main(["demo"]) == 130
    assert capsys.readouterr().err == "kerasched: interrupted\n"


def test_another_backend_than_the_loaded_one_is_a_user_error(here, monkeypatch, capsys):
    monkeypatch.setattr(
        "kerasched.commands.backend.check_installed", lambda *arguments: None
    )
    other = "torch" if BACKEND == "jax" else "jax"
    assert main(["demo", "--backend", other]) == 2
    assert capsys.readouterr().err == (
        f"kerasched: error: Keras already runs on {BACKEND} in this process: "
        f"start a new process to use {other}\n"
    )


@pytest.fixture(scope="module")
def json_folder(tmp_path_factory):
    return tmp_path_factory.mktemp("json")


@pytest.fixture(scope="module")
def json_run(json_folder):
    """The process of a run with --json on the built-in table."""
    arguments = ["demo", "--json", "--backend", BACKEND, "--save", "model.keras"]
    return call([*COMMANDS["module"], *arguments], json_folder)


@pytest.fixture(scope="module")
def trace(json_run):
    return json.loads(json_run.stdout)


def test_a_valid_run_ends_with_exit_code_0(json_run):
    assert json_run.returncode == 0, json_run.stderr


def test_log_messages_of_tensorflow_are_not_printed(json_run):
    assert "oneDNN" not in json_run.stderr


def test_json_output_is_one_object_on_one_line(json_run):
    assert type(json.loads(json_run.stdout)) is dict
    assert json_run.stdout.count("\n") == 1


def test_the_run_uses_the_given_backend(trace):
    assert trace["backend"] == BACKEND


def test_the_rate_is_halved_every_second_epoch(trace):
    rates = [epoch["learning_rate"] for epoch in trace["epochs"]]
    assert rates == [0.1, 0.1, 0.05, 0.05, 0.025, 0.025]


def test_the_loss_falls_from_the_first_epoch_to_the_last(trace):
    assert trace["epochs"][-1]["loss"] < trace["epochs"][0]["loss"]


# 455 of the 569 rows are for training: 15 batches of at most 32 rows, for 6 epochs.
def test_the_last_batch_of_an_epoch_counts_as_a_step(trace):
    assert trace["steps_per_epoch"] == 15


def test_every_step_has_its_rate(trace):
    rates = [0.1] * 30 + [0.05] * 30 + [0.025] * 30
    assert trace["step_learning_rates"] == rates


def test_every_step_has_its_loss(trace):
    losses = trace["step_losses"]
    assert len(losses) == 90
    assert all(type(loss) is float for loss in losses)


def test_the_stages_are_in_order(trace):
    stages = [(stage["name"], stage["shape"]) for stage in trace["stages"]]
    assert stages == [
        ("data", [569, 10]),
        ("normalised", [455, 10]),
        ("model input", [32, 10]),
        ("prediction", [1, 1]),
    ]


def test_a_fifth_of_the_rows_is_held_out(trace):
    assert (trace["training"]["rows"], trace["held_out"]["rows"]) == (455, 114)


# After 90 steps the rate has been halved three times to 0.1 / 2**3, in float32.
def test_a_fresh_process_restores_everything(trace):
    assert trace["reloaded"] == {
        "path": "model.keras",
        "predictions_equal": True,
        "schedule_equal": True,
        "iterations_saved": 90,
        "iterations_loaded": 90,
        "next_learning_rate": float(np.float32(0.0125)),
        "next_learning_rate_expected": 0.0125,
        "iterations_after_next_step": 91,
    }


def test_the_model_is_saved_and_nothing_else(json_run, json_folder):
    assert [path.name for path in json_folder.iterdir()] == ["model.keras"]


def test_the_saved_model_is_an_archive_of_keras(json_run, json_folder):
    names = zipfile.ZipFile(json_folder / "model.keras").namelist()
    assert {"config.json", "model.weights.h5"} <= set(names)


@pytest.fixture(scope="module")
def text_folder(tmp_path_factory):
    """A folder with a table of 60 points, labelled by whether y is above x."""
    folder = tmp_path_factory.mktemp("text")
    points = np.random.default_rng(0).uniform(-1.0, 1.0, (60, 2))
    # The class names look like the markup of rich.
    rows = [f"{x},{'[above]' if y > x else '[/below]'},{y}" for x, y in points]
    (folder / "points.csv").write_text("\n".join(["x,[b]side,y", *rows]))
    return folder


@pytest.fixture(scope="module")
def text_run(text_folder):
    """A run with text output on that table, in this process."""
    arguments = "--data points.csv --target [b]side --batch-size 8 --plot picture.png"
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        enter(text_folder, patch)
        patch.setenv("COLUMNS", "200")
        patch.delenv("FORCE_COLOR", raising=False)
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main(["demo", "--backend", BACKEND, *arguments.split()])
    return subprocess.CompletedProcess(arguments, code, out.getvalue(), err.getvalue())


@pytest.mark.host
def test_class_names_are_printed_without_markup(text_run):
    text = " ".join(text_run.stdout.split())
    names = r"\[(above|/below)\]"
    assert re.search(
        f"a held-out row is predicted as {names}, its class is {names}", text
    )


@pytest.mark.host
def test_a_run_on_a_csv_file_ends_with_exit_code_0(text_run):
    assert text_run.returncode == 0, text_run.stderr


@pytest.mark.host
@pytest.mark.parametrize(
    "line",
    [
        "data  60 x 2  (points.csv)",
        "normalised  48 x 2  (scaled to 0..1 by the range of these 48 rows)",
        "model input  8 x 2  (the first batch)",
        "prediction  1 x 1  (1 x 2 -> 1 x 1: a held-out row is predicted as ",
        "saved  kerasched-demo.keras, loaded in a fresh process:",
        "picture  picture.png",
    ],
)
def test_a_stage_is_printed_with_name_and_shape(line, text_run):
    assert any(shown.startswith(line) for shown in text_run.stdout.splitlines())


@pytest.mark.host
@pytest.mark.parametrize(
    "heading", ["epoch", "learning rate", "loss", "accuracy", "observation"]
)
def test_the_table_of_epochs_has_a_heading(heading, text_run):
    headings = [line for line in text_run.stdout.splitlines() if line.startswith("┃")]
    assert heading in [cell.strip() for cell in headings[0].split("┃")]


@pytest.mark.host
def test_the_table_of_epochs_has_a_row_for_each(text_run):
    rows = [line for line in text_run.stdout.splitlines() if line.startswith("│")]
    shown = [[cell.strip() for cell in row.split("│")][1:3] for row in rows]
    rates = ["0.1", "0.1", "0.05", "0.05", "0.025", "0.025"]
    assert shown == [[str(n), rate] for n, rate in enumerate(rates, start=1)]


@pytest.mark.host
def test_the_loss_of_each_epoch_is_shown_as_a_bar(text_run):
    bars = [line for line in text_run.stdout.splitlines() if line.startswith("epoch ")]
    assert [bar[:9] for bar in bars] == [f"epoch {n} █" for n in range(1, 7)]


@pytest.mark.host
def test_the_largest_loss_has_the_longest_bar(text_run):
    bars = [line for line in text_run.stdout.splitlines() if line.startswith("epoch ")]
    losses = [float(bar.split()[-1]) for bar in bars]
    assert bars[losses.index(max(losses))].count("█") == 40


@pytest.mark.host
@pytest.mark.parametrize(
    "fact",
    [
        "predictions are bit-equal",
        "the schedule is equal",
        # 6 steps in each of 6 epochs. Then the rate has been halved three times.
        "optimizer.iterations was restored: 36",
        "training continued at learning rate 0.0125",
    ],
)
def test_each_restored_fact_is_shown_with_a_yes(fact, text_run):
    assert f"    yes  {fact}" in text_run.stdout.splitlines()


@pytest.mark.host
def test_the_picture_is_a_png(text_run, text_folder):
    content = (text_folder / "picture.png").read_bytes()
    assert content.startswith(b"\x89PNG\r\n\x1a\n")


@pytest.mark.host
def test_the_model_is_saved_under_its_default_name(text_run, text_folder):
    assert zipfile.is_zipfile(text_folder / "kerasched-demo.keras")
