"""Each example runs as a program, and its output shows what its text describes."""

import ast
import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import keras
import pytest
from support import BACKEND
from support import run_python

import kerasched

FOLDER = Path(__file__).parents[1] / "examples"
FILES = sorted(FOLDER.glob("*.py"))
NUMBER = re.compile(r"(?<![\w.])\d+(?:\.\d+)?(?:e-?\d+)?(?![\w.])")


def needs(package):
    """Skip a test if a package of the `examples` extra is not installed."""
    lacks = importlib.util.find_spec(package) is None
    reason = f'{package} is not installed: pip install ".[examples]"'
    return pytest.mark.skipif(lacks, reason=reason)


def output_of(name):
    """Run an example as a program, and return the lines that it prints."""
    environment = {
        **os.environ,
        "KERAS_BACKEND": BACKEND,
        "TF_CPP_MIN_LOG_LEVEL": "2",
        "PYTHONSAFEPATH": "1",
    }
    command = [sys.executable, str(FOLDER / f"{name}.py")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr
    return done.stdout.splitlines()


def numbers_in(line):
    return [float(number) for number in NUMBER.findall(line)]


def columns_of(lines):
    """Return the columns of the rows that start with a number."""
    rows = [numbers_in(line) for line in lines if re.match(r" *\d", line)]
    return list(zip(*rows, strict=True))


def falls(values):
    return list(values) == sorted(values, reverse=True) and values[-1] < values[0]


@pytest.mark.host
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_an_example_is_short(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) < 80


@pytest.mark.host
def test_the_table_has_a_row_for_each_example():
    page = (FOLDER / "README.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| \[(\w+\.py)\]\((\w+\.py)\) \|", page, re.MULTILINE)
    assert sorted(listed) == [(path.name, path.name) for path in FILES]


@needs("sklearn")
# Newcomers run this example first, and it is cheap: the first tier runs it once.
@pytest.mark.parametrize(
    "name", [pytest.param("step_decay", marks=[pytest.mark.slow] * (BACKEND != "jax"))]
)
def test_the_rate_is_halved_every_ten_epochs(name):
    lines = output_of(name)
    epochs, rates, losses = columns_of(lines)
    assert list(epochs) == [1, 5, 10, 11, 15, 20, 21, 25, 30]
    assert list(rates) == [0.1] * 3 + [0.05] * 3 + [0.025] * 3
    assert falls(losses)
    assert numbers_in(lines[-1])[-1] > 0.93


@needs("sklearn")
@pytest.mark.slow
def test_the_cycle_peaks_at_the_rate_of_the_finder():
    lines = output_of("one_cycle_with_finder")
    (suggestion,) = numbers_in(lines[0])
    _, rates, momenta, losses, accuracies = columns_of(lines)
    assert max(rates) == pytest.approx(suggestion, rel=0.06)  # Printed with two digits.
    assert rates.index(max(rates)) == momenta.index(min(momenta)) == 1
    assert rates[-1] < rates[0] / 100
    assert losses[-1] < losses[0] / 3
    assert accuracies[-1] > 0.93


@pytest.mark.slow
def test_a_transformer_learns_under_the_inverse_square_root():
    lines = output_of("transformer_inverse_sqrt")
    (guess,) = numbers_in(lines[0])
    epochs, rates, losses, held_out = columns_of(lines)
    # Long after the warmup the rate is proportional to 1 / sqrt(step). It is printed
    # with two digits.
    by_root = [rates[0] / epoch**0.5 for epoch in epochs]
    assert list(rates) == pytest.approx(by_root, rel=0.03)
    assert falls(losses)
    assert held_out[-1] < min(held_out[0], guess - 1)


@needs("sklearn")
@pytest.mark.slow
def test_two_cooldowns_share_the_stable_run():
    code = f"""
import json, runpy
names = runpy.run_path({str(FOLDER / "cooldowns.py")!r}, run_name="__main__")
for branch, schedule in zip(names["BRANCHES"], names["schedules"], strict=True):
    steps = list(range(branch * names["steps_per_epoch"]))
    ours, stable = (s.evaluate(steps).tolist() for s in (schedule, names["stable"]))
    print(json.dumps({{"shared": ours == stable, "steps": len(steps)}}))
"""
    *lines, first, second = run_python(code).stdout.splitlines()
    short, long = json.loads(first), json.loads(second)
    assert short["shared"]
    assert long["shared"]
    # The columns are the step, the rate of the next update and the loss.
    runs = [numbers_in(line.rpartition("  cooldown at ")[2]) for line in lines[1:]]
    stable, cooled = runs[::2], [run[1:] for run in runs[1::2]]
    assert [run[0] for run in stable] == [short["steps"], long["steps"]]
    assert [run[1] for run in stable] == [0.1, 0.1]
    assert [run[1] for run in cooled] == [0.0, 0.0]
    for before, after in zip(stable, cooled, strict=True):
        assert after[2] < before[2]


@needs("sklearn")
@pytest.mark.slow
@pytest.mark.skipif(
    not hasattr(keras.optimizers, "MultiOptimizer"), reason="layerwise needs Keras 3.15"
)
def test_layerwise_moves_lower_layers_less():
    one_rate, layerwise = map(numbers_in, output_of("fine_tuning")[-2:])
    lowest, middle, highest, accuracy = layerwise[-4:]
    assert lowest < middle < highest
    assert lowest < one_rate[-4] / 4
    assert accuracy > one_rate[-1]


@needs("sklearn")
@pytest.mark.slow
def test_a_killed_run_ends_with_the_weights_of_an_unbroken_one():
    lines = output_of("killed_run")
    titles = [number for number, line in enumerate(lines) if line[0] != " "]
    killed, resumed, unbroken = (
        lines[begin + 1 : end] for begin, end in zip(titles, titles[1:], strict=False)
    )
    assert len(killed) == 3
    assert len(unbroken) == 9
    assert killed + resumed == unbroken
    assert lines[-1] == "the same weights: yes"


@needs("sklearn")
@pytest.mark.slow
def test_the_optimizer_counts_the_updates_of_an_own_loop():
    lines = output_of(f"own_loop_{BACKEND}")
    epochs, rates, losses = columns_of(lines)
    steps = 1347 // 32
    schedule = kerasched.Warmup(kerasched.CosineDecay(0.5, 4 * steps), steps)
    expected = [schedule.evaluate(int(epoch) * steps - 1) for epoch in epochs]
    assert list(rates) == pytest.approx(expected, abs=0.0005)
    assert falls(losses)
    assert numbers_in(lines[-2]) == [5 * steps]
    assert numbers_in(lines[-1])[0] > 0.9


@needs("sklearn")
@needs("optuna")
@pytest.mark.slow
def test_the_search_prints_its_best_schedule_as_code():
    lines = output_of("tune_schedule")
    losses = columns_of(lines)[0]
    assert len(losses) == 10
    assert list(losses) == sorted(losses)
    printed = lines[-2].removeprefix("best schedule: ")
    assert isinstance(ast.parse(printed, mode="eval").body, ast.Call)
    schedule = eval(printed, vars(kerasched))
    peak = schedule.evaluate(range(schedule.constant_after or 500)).max()
    row = lines[1].split()
    assert peak == pytest.approx(float(row[2]), abs=0.001)
    assert numbers_in(lines[-1])[0] > 0.85
