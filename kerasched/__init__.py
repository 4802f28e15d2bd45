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
    """Return whether this import is the start of the `kerasched` command.

    The command chooses the backend, and answers a mistake at once and in one line, so
    it must be able to run before Keras loads a framework.
    """
    if sys.argv[:1] == ["-m"]:  # Python is still looking for the module it will run.
        return bool(re.search(r" -\w*m ?kerasched( |$)", " ".join(sys.orig_argv)))
    name = sys.argv[0].replace("\\", "/").rpartition("/")[2] if sys.argv else ""
    return name in ("kerasched", "kerasched.exe", "kerasched-script.py")


if TYPE_CHECKING or not _started_as_command():
    from kerasched.finder import find_learning_rate as find_learning_rate
    from kerasched.layerwise import layerwise as layerwise
    from kerasched.optimizers import SGD as SGD
    from kerasched.optimizers import LossScaleOptimizer as LossScaleOptimizer
    from kerasched.optimizers import accelerate as accelerate
    from kerasched.plotting import plot as plot
    from kerasched.resuming import copy_optimizer_state as copy_optimizer_state
    from kerasched.resuming import load_training_state as load_training_state
    from kerasched.schedules import *  # noqa: F403
    from kerasched.training import set_schedule as set_schedule


def __getattr__(name: str) -> Any:
    """Load `kerasched.compat` or `.callbacks` when it is first asked for."""
    if name in ("compat", "callbacks"):
        return importlib.import_module(f"kerasched.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
