"""The learning-rate range test, which leaves the model unchanged."""

from kerasched.finder.find import find_learning_rate as find_learning_rate
from kerasched.finder.result import LearningRateSweep as LearningRateSweep
from kerasched.finder.suggestions import suggest as suggest
