"""What all tests share."""

import ctypes
import gc
import os
import sys
from pathlib import Path

import pytest

BACKEND = os.environ.get("KERAS_BACKEND")

if BACKEND == "torch":
    # Torch must be loaded before TensorFlow where both are in one process.
    import torch  # noqa: F401

# A worker that holds more than this gives back what it can.
HELD_BYTES = 5 * 2**28


@pytest.fixture(scope="session", autouse=True)
def jax_compiles_once(tmp_path_factory):
    """Let JAX take from a folder what it has compiled before, here or in a child.

    Each fit traces its step, but most steps of the tests are the same ones. Processes
    that run at one time need folders of their own, as JAX writes its files in place.
    """
    given = os.environ.get("JAX_COMPILATION_CACHE_DIR")
    settings = {
        "jax_compilation_cache_dir": given or str(tmp_path_factory.mktemp("compiled")),
        "jax_persistent_cache_min_compile_time_secs": 0.0,
        "jax_persistent_cache_min_entry_size_bytes": -1,
    }
    for name, value in settings.items():
        os.environ[name.upper()] = str(value)
    if BACKEND == "jax":
        import jax
        from jax.experimental.compilation_cache import compilation_cache

        for name, value in settings.items():
            jax.config.update(name, value)
        compilation_cache.reset_cache()  # While tests were collected there was none.


@pytest.fixture(scope="session", autouse=True)
def garbage_is_collected_less_often():
    """Leave out of each collection what was imported: it took an eighth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


@pytest.fixture(scope="module", autouse=True)
def models_are_given_back():
    """Drop models that nothing refers to after a file, once much memory is held."""
    yield
    if held_bytes() > HELD_BYTES and "keras" in sys.modules:
        sys.modules["keras"].backend.clear_session()
        give_back()


@pytest.fixture(autouse=True)
def programs_are_given_back():
    """Drop JAX's compiled programs after a test, once much memory is held.

    To compile them again takes time, so it is not done again before more is held.
    """
    yield
    if held_bytes() > max(HELD_BYTES, KEPT[-1] + 2**28):
        give_back()


# What was held after memory was given back the last time.
KEPT = [0]


def give_back():
    """Return to the system what the caches of JAX and cycles of references hold."""
    if BACKEND == "jax" and "jax" in sys.modules:
        sys.modules["jax"].clear_caches()
    gc.collect()
    if sys.platform == "linux":
        ctypes.CDLL(None).malloc_trim(0)  # The C library keeps what was freed.
    KEPT[:] = [held_bytes()]


def held_bytes():
    """Return the memory that this process holds now, 0 where no one tells."""
    path = Path("/proc/self/statm")
    if not path.exists():
        return 0
    return int(path.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def peak_megabytes():
    """Return the most memory that this process has held, None where no one tells."""
    path = Path("/proc/self/status")
    if not path.exists():
        return None
    lines = path.read_text().splitlines()
    return next(int(x.split()[1]) // 1024 for x in lines if x.startswith("VmHWM"))


def pytest_terminal_summary(terminalreporter):
    if peak := peak_megabytes():
        terminalreporter.write_line(f"most memory held: {peak} MB")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call():
    """Skip what insists on the kernel where the extension was left out on purpose."""
    try:
        return (yield)
    except RuntimeError as error:
        from kerasched.kernels import native

        if native.missing and native.missing in str(error):
            pytest.skip(str(error))
        raise
