"""Keras's own tests of its SGD, run on kerasched.SGD."""
