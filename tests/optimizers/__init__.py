"""Tests of kerasched.SGD."""
