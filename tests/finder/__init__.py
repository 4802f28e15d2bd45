"""Tests of kerasched.finder, and the rules that they compare with."""
