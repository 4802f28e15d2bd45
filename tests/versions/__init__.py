"""Tests of the supported versions, each in a separate environment."""
