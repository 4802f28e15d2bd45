"""What all tests share."""

import os

if os.environ.get("KERAS_BACKEND") == "torch":
    # Torch must be loaded before TensorFlow where both are in one process.
    import torch  # noqa: F401
