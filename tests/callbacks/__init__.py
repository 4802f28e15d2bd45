"""Tests of kerasched.compat, and the traces that they share."""
