"""Tests of kerasched.finder, with reference implementations of its rules."""
