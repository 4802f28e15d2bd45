"""Learning-rate schedules for any Keras 3 optimizer, on any backend.

Importing this package registers its classes with Keras: import it before
`keras.saving.load_model`.
"""

import importlib
import re
import sys
from typing import TYPE_CHECKING
from typing import Any

__version__ = "0.1.0"


def _started_as_command() -> bool:
    """Return whether the `kerasched` command is importing this package.

    The command chooses the backend and checks its arguments before it loads Keras, so
    this import must not load Keras for it.
    """
    if sys.argv[:1] == ["-m"]:  # Python has not found the module to run yet.
        return bool(re.search(r" -\w*m ?kerasched( |$)", " ".join(sys.orig_argv)))
    name = sys.argv[0].replace("\\", "/").rpartition("/")[2] if sys.argv else ""
    return name in ("kerasched", "kerasched.exe", "kerasched-script.py")


if TYPE_CHECKING or not _started_as_command():
    from kerasched.finder import find_learning_rate as find_learning_rate
    from kerasched.layerwise import layerwise as layerwise
    from kerasched.optimizers import SGD as SGD
    from kerasched.optimizers import Adam as Adam
    from kerasched.optimizers import AdamW as AdamW
    from kerasched.optimizers import Lion as Lion
    from kerasched.optimizers import LossScaleOptimizer as LossScaleOptimizer
    from kerasched.optimizers import accelerate as accelerate
    from kerasched.plotting import plot as plot
    from kerasched.resuming import copy_optimizer_state as copy_optimizer_state
    from kerasched.resuming import load_training_state as load_training_state
    from kerasched.schedules import *  # noqa: F403
    from kerasched.training import set_schedule as set_schedule


def __getattr__(name: str) -> Any:
    """Import `kerasched.compat` or `kerasched.callbacks` on first use."""
    if name in ("compat", "callbacks"):
        return importlib.import_module(f"kerasched.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
