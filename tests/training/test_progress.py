"""A progress bar appears if and only if work takes long."""

import keras
import pytest

from kerasched.training import progress
from kerasched.training.progress import Progress

pytestmark = pytest.mark.host


def printed(capsys, **options):
    """Return the output of work in three steps."""
    bar = Progress(3, **options)
    for step in (1, 2, 3):
        bar.update(step, ended=step == 3)
    return capsys.readouterr().out


def test_short_work_shows_nothing(capsys):
    assert printed(capsys, verbose=1, title="Work") == ""


@pytest.fixture
def long(monkeypatch):
    monkeypatch.setattr(progress, "SECONDS_BEFORE_PROGRESS", 0.0)


@pytest.mark.usefixtures("long")
def test_long_work_shows_a_title_and_a_bar_to_its_end(capsys):
    text = printed(capsys, verbose=1, title="Work")
    assert text.startswith("\nWork\n")
    assert text.count("Work") == 1
    assert "3/3" in text
    assert text.endswith("\n")


@pytest.mark.usefixtures("long")
def test_work_can_be_silent(capsys):
    assert printed(capsys, verbose=0, title="Work") == ""


@pytest.mark.usefixtures("long")
def test_no_bar_is_printed_to_a_log_file(capsys):
    keras.config.disable_interactive_logging()
    try:
        assert printed(capsys, verbose=1, title="Work") == ""
    finally:
        keras.config.enable_interactive_logging()
