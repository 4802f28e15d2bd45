"""The learning-rate range test: a sweep that leaves no trace in the model."""

from kerasched.finder.suggestions import suggest as suggest
