"""Fixtures and hooks of all tests."""

import ctypes
import gc
import os
import sys
from pathlib import Path

import pytest

BACKEND = os.environ.get("KERAS_BACKEND")

# Importing a framework creates many objects and frees few: collections took a sixth of
# the time.
gc.set_threshold(50_000, 20, 20)

if BACKEND == "torch":
    # In one process, torch must be loaded before TensorFlow.
    import torch  # noqa: F401

# A process whose resident memory exceeds this releases what it can.
MEMORY_LIMIT = 5 * 2**28


@pytest.fixture(scope="session", autouse=True)
def jax_compiles_once(tmp_path_factory):
    """Set JAX's persistent compilation cache, for this process and its children.

    Each fit traces its step, but most tests compile the same steps. Concurrent
    processes need separate folders, because JAX writes the cache files in place.
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
        # Importing the tests may have initialized the cache without the folder.
        compilation_cache.reset_cache()


@pytest.fixture(scope="session", autouse=True)
def imports_are_not_searched_for_garbage():
    """Exclude imported objects from collections, which took an eighth of the time."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def datasets_end_at_once():
    """Turn off the autotuning of tf.data.

    With it, the end of an iterator on a busy machine often waits for a sleeping thread,
    for up to as long as the iterator has existed.
    """
    if BACKEND != "tensorflow":
        return
    import tensorflow as tf

    untuned, iterate = tf.data.Options(), tf.data.Dataset.__iter__
    untuned.autotune.enabled = False
    tf.data.Dataset.__iter__ = lambda dataset: iterate(dataset.with_options(untuned))


@pytest.fixture(scope="module", autouse=True)
def free_models():
    """Free unreferenced models after a test file if the process uses much memory."""
    yield
    if resident_bytes() > MEMORY_LIMIT and "keras" in sys.modules:
        sys.modules["keras"].backend.clear_session()
        release_memory()


@pytest.fixture(autouse=True)
def free_programs():
    """Free JAX's compiled programs after a test if the process uses much memory.

    Recompiling takes time, so they are freed again only after the memory has grown.
    """
    yield
    if resident_bytes() > max(MEMORY_LIMIT, KEPT[-1] + 2**28):
        release_memory()


# The resident memory after the last release.
KEPT = [0]


def release_memory():
    """Clear JAX's caches, collect garbage and return the memory to the system."""
    if BACKEND == "jax" and "jax" in sys.modules:
        sys.modules["jax"].clear_caches()
    gc.collect()
    if sys.platform == "linux":
        ctypes.CDLL(None).malloc_trim(0)  # The C library keeps freed memory otherwise.
    KEPT[:] = [resident_bytes()]


def resident_bytes():
    """Return the resident memory of this process, or 0 where /proc does not exist."""
    path = Path("/proc/self/statm")
    if not path.exists():
        return 0
    return int(path.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def peak_megabytes():
    """Return the peak memory of this process, or None where /proc does not exist."""
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
    """Skip tests that need the kernel if the extension was deliberately not built."""
    try:
        return (yield)
    except RuntimeError as error:
        from kerasched.kernels import native

        if native.missing and native.missing in str(error):
            pytest.skip(str(error))
        raise
