"""Keras's own tests of its optimizers, run on ours."""
