"""What all tests share."""

import os

import pytest

if os.environ.get("KERAS_BACKEND") == "torch":
    # Torch must be loaded before TensorFlow where both are in one process.
    import torch  # noqa: F401


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
