"""The optimizers that train a model: finding them, and setting their rates."""

from kerasched.training.set_schedule import set_schedule as set_schedule
