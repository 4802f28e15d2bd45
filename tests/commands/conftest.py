"""Fixtures of the commands' tests."""

import importlib.util

import pytest


@pytest.fixture
def installed(monkeypatch):
    """Make every module seem installed, except those in the returned set."""
    missing = set()
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name in missing else name
    )
    return missing
