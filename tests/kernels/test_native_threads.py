"""The compiled update with different threads and instruction sets, and after fork."""

import os
import re
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from support import run_python

from kerasched.kernels import native
from kerasched.kernels.options import Options
from kerasched.kernels.rules import RULES
from kernels.arrays import DTYPES
from kernels.arrays import all_bits
from kernels.arrays import drawn
from kernels.arrays import needs_extension
from kernels.arrays import scalars
from kernels.arrays import updated

pytestmark = [needs_extension, pytest.mark.host]

# Options whose results would show another order of sums or another precision.
OPTIONS = {
    "weight_decay": True,
    "global_clipnorm": 0.5,
    "use_ema": True,
    "ema_momentum": 0.99,
    "gradient_accumulation_steps": 2,
    "unscales": True,
    "skips_nonfinite": True,
}
# Large enough for several threads, with partial chunks.
SHAPES = [(3,), (70_001,), (), (300, 333), (65_537,), (1025,)]


def runs_here(name):
    """Return whether this machine supports an instruction set."""
    os.environ["KERASCHED_ISA"] = name
    try:
        return native.instruction_set() == name
    except (RuntimeError, ValueError):
        return False
    finally:
        del os.environ["KERASCHED_ISA"]


SETS = [name for name in ("baseline", "avx2") if runs_here(name)]


def result(dtype, iterations, rule="sgd_nesterov"):
    options = Options(rule, **OPTIONS)
    arrays, gradients = drawn(options, SHAPES, dtype)
    numbers = scalars(rule, iterations=iterations)
    return all_bits(updated(options, arrays, gradients, numbers))


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize(
    ("rule", "iterations"), [("sgd_nesterov", 2), *((rule, 3) for rule in RULES)]
)
def test_results_do_not_depend_on_threads_or_instruction_sets(
    rule, iterations, dtype, monkeypatch
):
    results = {}
    for name in SETS:
        for threads in (1, 2, 3, 8):
            monkeypatch.setenv("KERASCHED_ISA", name)
            monkeypatch.setenv("KERASCHED_NUM_THREADS", str(threads))
            results[name, threads] = result(dtype, iterations, rule)
    first = results[SETS[0], 1]
    assert [key for key, value in results.items() if value != first] == []


def test_an_environment_variable_sets_the_number_of_threads(monkeypatch):
    monkeypatch.setenv("KERASCHED_NUM_THREADS", "3")
    assert native.threads() == 3


# Earlier tests may have started up to eight threads.
@pytest.mark.skipif(
    not os.path.isdir("/proc/self/task"), reason="needs /proc/self/task"
)
def test_the_variable_number_of_threads_is_started(monkeypatch):
    before = len(os.listdir("/proc/self/task"))
    monkeypatch.setenv("KERASCHED_NUM_THREADS", "40")
    result(DTYPES[0], 3)
    assert len(os.listdir("/proc/self/task")) >= before + 39 - 8


def test_the_default_is_one_thread_per_core(monkeypatch):
    monkeypatch.delenv("KERASCHED_NUM_THREADS", raising=False)
    assert native.threads() == os.cpu_count()


@pytest.mark.parametrize("name", SETS)
def test_an_environment_variable_sets_the_instruction_set(name, monkeypatch):
    monkeypatch.setenv("KERASCHED_ISA", name)
    assert native.instruction_set() == name


@pytest.mark.parametrize("variable", ["KERASCHED_NUM_THREADS", "KERASCHED_ISA"])
def test_an_empty_variable_counts_as_unset(variable, monkeypatch):
    monkeypatch.setenv(variable, "")
    weight = np.ones(3, "float32")
    native.update(Options(), [weight], [weight.copy()], learning_rate=0.5)
    assert weight.tolist() == [0.5] * 3


WRONG = [
    *(("KERASCHED_NUM_THREADS", value) for value in ("0", "-1", "two", "1.5", " ")),
    *(("KERASCHED_NUM_THREADS", value) for value in ("2 threads", "1025", "9" * 30)),
    *(("KERASCHED_ISA", value) for value in ("sse9", "AVX2", " avx2", "avx")),
]


def words(variable, value):
    numbers = "a positive integer of at most 1024"
    names = f"one of: {', '.join(reversed(SETS))}"
    requirement = numbers if variable == "KERASCHED_NUM_THREADS" else names
    return (
        f"Environment variable {variable} must be {requirement}. "
        f"Received: {variable}={value}"
    )


@pytest.mark.parametrize(("variable", "value"), WRONG)
def test_an_invalid_variable_is_refused(variable, value, monkeypatch):
    monkeypatch.setenv(variable, value)
    weight = np.ones(3, "float32")
    with pytest.raises(ValueError, match=f"^{re.escape(words(variable, value))}$"):
        native.update(Options(), [weight], [weight.copy()], learning_rate=0.5)
    assert weight.tolist() == [1.0] * 3


@pytest.mark.parametrize(("variable", "value"), WRONG)
def test_a_query_with_an_invalid_variable_is_refused(variable, value, monkeypatch):
    monkeypatch.setenv(variable, value)
    ask = native.threads if variable == "KERASCHED_NUM_THREADS" else None
    with pytest.raises(ValueError, match=f"^{re.escape(words(variable, value))}$"):
        (ask or native.instruction_set)()


def test_python_threads_may_update_concurrently():
    alone = result(DTYPES[0], 3)
    with ThreadPoolExecutor(6) as pool:
        results = list(pool.map(lambda _: result(DTYPES[0], 3), range(24)))
    assert [found == alone for found in results] == [True] * 24


# The parent has used its thread pool. The threads do not exist in a child process.
AFTER_A_FORK = """
import os
import numpy as np
from kerasched.kernels import native
from kerasched.kernels.options import Options
from kerasched.kernels.rules import RULES

os.environ["KERASCHED_NUM_THREADS"] = "2"

def right():
    weight, gradient = np.ones((2, 200_000), "float32")
    native.update(Options(), [weight], [gradient], learning_rate=0.25)
    return bool((weight == 0.75).all())

def in_a_child(function):
    child = os.fork()
    if child == 0:
        os._exit(0 if right() and function() else 1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0

assert right()
assert in_a_child(lambda: in_a_child(lambda: True))
assert right()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_child_after_a_fork_updates_as_its_parent_does():
    run_python(AFTER_A_FORK)
