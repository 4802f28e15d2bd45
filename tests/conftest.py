"""What all tests share."""

import os

import pytest

BACKEND = os.environ.get("KERAS_BACKEND")

if BACKEND == "torch":
    # Torch must be loaded before TensorFlow where both are in one process.
    import torch  # noqa: F401


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
