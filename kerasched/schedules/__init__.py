"""Learning-rate schedules: importing this package registers each of them.

`python docs/generate.py` writes the imports below from the registry. They make each
name public here and at the top level.
"""

import types
import typing

from kerasched.schedules.base import Schedule as Schedule
from kerasched.schedules.chain import Chain as Chain
from kerasched.schedules.chebyshev import Chebyshev as Chebyshev
from kerasched.schedules.combine import Maximum as Maximum
from kerasched.schedules.combine import Minimum as Minimum
from kerasched.schedules.combine import Product as Product
from kerasched.schedules.combine import Sum as Sum
from kerasched.schedules.constant import Constant as Constant
from kerasched.schedules.cosine import SWALR as SWALR
from kerasched.schedules.cosine import CosineDecay as CosineDecay
from kerasched.schedules.cosine import CosineWave as CosineWave
from kerasched.schedules.cosine import FlatCosine as FlatCosine
from kerasched.schedules.difference import Difference as Difference
from kerasched.schedules.eden import Eden as Eden
from kerasched.schedules.exponential import ExponentialAnnealing as ExponentialAnnealing
from kerasched.schedules.exponential import ExponentialDecay as ExponentialDecay
from kerasched.schedules.exponential import StepDecay as StepDecay
from kerasched.schedules.from_function import FromFunction as FromFunction
from kerasched.schedules.hyperbolic import Hyperbolic as Hyperbolic
from kerasched.schedules.interpolation import (
    PiecewiseInterpolation as PiecewiseInterpolation,
)
from kerasched.schedules.inverse import InverseSqrtDecay as InverseSqrtDecay
from kerasched.schedules.inverse import InverseTimeDecay as InverseTimeDecay
from kerasched.schedules.inverse import Noam as Noam
from kerasched.schedules.inverse import PowerDecay as PowerDecay
from kerasched.schedules.noise import Noise as Noise
from kerasched.schedules.one_cycle import OneCycle as OneCycle
from kerasched.schedules.piecewise import MultiStepDecay as MultiStepDecay
from kerasched.schedules.piecewise import PiecewiseConstant as PiecewiseConstant
from kerasched.schedules.polynomial import LinearDecay as LinearDecay
from kerasched.schedules.polynomial import PolynomialDecay as PolynomialDecay
from kerasched.schedules.registry import Entry as Entry
from kerasched.schedules.registry import list_schedules as list_schedules
from kerasched.schedules.registry import register as register
from kerasched.schedules.repeat import Repeat as Repeat
from kerasched.schedules.restarts import CosineRestarts as CosineRestarts
from kerasched.schedules.rex import Rex as Rex
from kerasched.schedules.rex import TanhDecay as TanhDecay
from kerasched.schedules.stable import Knee as Knee
from kerasched.schedules.stable import WarmupStableDecay as WarmupStableDecay
from kerasched.schedules.triangular import SlantedTriangular as SlantedTriangular
from kerasched.schedules.triangular import Triangular as Triangular
from kerasched.schedules.warmup import Warmup as Warmup
from kerasched.schedules.wrappers import Clip as Clip
from kerasched.schedules.wrappers import PerEpoch as PerEpoch
from kerasched.schedules.wrappers import PerUpdate as PerUpdate
from kerasched.schedules.wrappers import Scale as Scale
from kerasched.schedules.wrappers import Shift as Shift

if not typing.TYPE_CHECKING:  # To a type checker `X as X` says it.
    # The top level imports these: all names except modules and private names.
    __all__ = [
        name
        for name, value in vars().items()
        if not (name.startswith("_") or isinstance(value, types.ModuleType))
    ]
