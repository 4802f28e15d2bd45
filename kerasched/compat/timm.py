"""timm.scheduler, as schedules.

`lr` stands where the original takes an optimizer. A step is whatever the original is
called with: updates, or epochs, which PerEpoch makes of updates. PlateauLRScheduler,
which follows a metric, raises and names the callback to use instead. timm's noise is
that of torch's generator: use kerasched.Noise, which is the same on every backend.
"""

from kerasched.compat.not_ported import follows_a_metric
from kerasched.compat.timm_factory import create_scheduler_v2 as create_scheduler_v2
from kerasched.compat.timm_schedulers import CosineLRScheduler as CosineLRScheduler
from kerasched.compat.timm_schedulers import (
    MultiStepLRScheduler as MultiStepLRScheduler,
)
from kerasched.compat.timm_schedulers import PolyLRScheduler as PolyLRScheduler
from kerasched.compat.timm_schedulers import StepLRScheduler as StepLRScheduler
from kerasched.compat.timm_schedulers import TanhLRScheduler as TanhLRScheduler
from kerasched.compat.timm_schedulers import WSDLRScheduler as WSDLRScheduler

PlateauLRScheduler = follows_a_metric("timm.PlateauLRScheduler")
