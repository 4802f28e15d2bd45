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
    from kerasched.layerwise import layerwise as layerwise
    from kerasched.plotting import plot as plot
    from kerasched.schedules import SWALR as SWALR
    from kerasched.schedules import Chain as Chain
    from kerasched.schedules import Chebyshev as Chebyshev
    from kerasched.schedules import Clip as Clip
    from kerasched.schedules import Constant as Constant
    from kerasched.schedules import CosineDecay as CosineDecay
    from kerasched.schedules import CosineRestarts as CosineRestarts
    from kerasched.schedules import CosineWave as CosineWave
    from kerasched.schedules import Eden as Eden
    from kerasched.schedules import ExponentialAnnealing as ExponentialAnnealing
    from kerasched.schedules import ExponentialDecay as ExponentialDecay
    from kerasched.schedules import FlatCosine as FlatCosine
    from kerasched.schedules import FromFunction as FromFunction
    from kerasched.schedules import Hyperbolic as Hyperbolic
    from kerasched.schedules import InverseSqrtDecay as InverseSqrtDecay
    from kerasched.schedules import InverseTimeDecay as InverseTimeDecay
    from kerasched.schedules import Knee as Knee
    from kerasched.schedules import LinearDecay as LinearDecay
    from kerasched.schedules import MultiStepDecay as MultiStepDecay
    from kerasched.schedules import Noam as Noam
    from kerasched.schedules import Noise as Noise
    from kerasched.schedules import OneCycle as OneCycle
    from kerasched.schedules import PerEpoch as PerEpoch
    from kerasched.schedules import PerUpdate as PerUpdate
    from kerasched.schedules import PiecewiseConstant as PiecewiseConstant
    from kerasched.schedules import PiecewiseInterpolation as PiecewiseInterpolation
    from kerasched.schedules import PolynomialDecay as PolynomialDecay
    from kerasched.schedules import PowerDecay as PowerDecay
    from kerasched.schedules import Product as Product
    from kerasched.schedules import Repeat as Repeat
    from kerasched.schedules import Rex as Rex
    from kerasched.schedules import Scale as Scale
    from kerasched.schedules import Schedule as Schedule
    from kerasched.schedules import Shift as Shift
    from kerasched.schedules import SlantedTriangular as SlantedTriangular
    from kerasched.schedules import StepDecay as StepDecay
    from kerasched.schedules import Sum as Sum
    from kerasched.schedules import TanhDecay as TanhDecay
    from kerasched.schedules import Triangular as Triangular
    from kerasched.schedules import Warmup as Warmup
    from kerasched.schedules import WarmupStableDecay as WarmupStableDecay
    from kerasched.schedules import list_schedules as list_schedules
    from kerasched.schedules import register as register
    from kerasched.training import copy_optimizer_state as copy_optimizer_state
    from kerasched.training import load_training_state as load_training_state
    from kerasched.training import set_schedule as set_schedule


def __getattr__(name: str) -> Any:
    """Load `kerasched.compat` or `.callbacks` when it is first asked for."""
    if name in ("compat", "callbacks"):
        return importlib.import_module(f"kerasched.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
