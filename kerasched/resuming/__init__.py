"""The state of a training run: saving it in files, and restoring it exactly."""

from kerasched.resuming.optimizer_state import (
    copy_optimizer_state as copy_optimizer_state,
)
from kerasched.resuming.optimizer_state import (
    load_training_state as load_training_state,
)
