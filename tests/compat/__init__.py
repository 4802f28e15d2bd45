"""Tests of kerasched.compat, and the traces of other libraries for them."""
