"""Callbacks for `fit`: on every backend, with a number or a schedule as learning rate.

They support LossScaleOptimizer and MultiOptimizer, and read no tensor during a batch. A
callback with state has `get_state()`, which returns JSON-native values, and
`set_state(state)`.
"""

from kerasched.callbacks.backup_and_restore import BackupAndRestore as BackupAndRestore
from kerasched.callbacks.epoch_schedule import EpochSchedule as EpochSchedule
from kerasched.callbacks.learning_rate_finder import (
    LearningRateFinder as LearningRateFinder,
)
from kerasched.callbacks.learning_rate_logger import (
    LearningRateLogger as LearningRateLogger,
)
from kerasched.callbacks.reduce_on_plateau import ReduceOnPlateau as ReduceOnPlateau
from kerasched.callbacks.weight_averaging import WeightAveraging as WeightAveraging
