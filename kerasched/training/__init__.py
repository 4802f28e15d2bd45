"""What a training run does with rates: changing them, and carrying state over."""

from kerasched.training.resume import copy_optimizer_state as copy_optimizer_state
from kerasched.training.resume import load_training_state as load_training_state
from kerasched.training.set_schedule import set_schedule as set_schedule
