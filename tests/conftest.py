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

# A worker that holds more than this gives back what it can before the next file.
HELD_BYTES = 2**30


@pytest.fixture(scope="session", autouse=True)
def jax_compiles_once(tmp_path_factory):
    """Let JAX take from a folder what it has compiled before, here or in a child.

    Each fit traces its step, but most steps of the tests are the same ones. Each worker
    has a folder of its own, as JAX writes its files in place.
    """
    settings = {
        "jax_compilation_cache_dir": str(tmp_path_factory.mktemp("compiled")),
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


@pytest.fixture(scope="module", autouse=True)
def memory_is_given_back():
    """Drop compiled programs and unused models after a file, once there are many.

    Programs stay in the caches of JAX, models in cycles of references. Compiling the
    programs of the next file again costs time, so it is done only when it must be.
    """
    yield
    if held_bytes() < HELD_BYTES:
        return
    if "keras" in sys.modules:
        sys.modules["keras"].backend.clear_session()
    if BACKEND == "jax":
        sys.modules["jax"].clear_caches()
    gc.collect()
    if sys.platform == "linux":
        # The C library keeps memory that was freed.
        ctypes.CDLL(None).malloc_trim(0)


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


PEAKS = {}


def pytest_sessionfinish(session):
    """Tell the controller of pytest-xdist how much memory this worker has held."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["peak"] = peak_megabytes()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node, error):
    peak = getattr(node, "workeroutput", {}).get("peak")
    if peak is not None:
        PEAKS[node.gateway.id] = peak


def pytest_terminal_summary(terminalreporter):
    if PEAKS:
        told = ", ".join(f"{name} {peak} MB" for name, peak in sorted(PEAKS.items()))
        terminalreporter.write_line(f"most memory held by a worker: {told}")


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
