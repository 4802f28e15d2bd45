"""Runs that die and go on, against runs that do not."""
