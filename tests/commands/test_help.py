"""The help of each command has working examples and explains the exit codes."""

import argparse
import os
import re
import shlex
import subprocess
import sys

import pytest
from support import run_in_terminal

import kerasched
from kerasched.cli import _parser
from kerasched.cli import main
from kerasched.commands.expression import parse_request

pytestmark = pytest.mark.host

COMMANDS = ("", "demo", "list", "show", "plot", "info")
each_command = pytest.mark.parametrize("command", COMMANDS)


@pytest.fixture
def help_of(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")

    def shown(command):
        with pytest.raises(SystemExit, match="^0$"):
            main([*command.split(), "--help"])
        return capsys.readouterr().out

    return shown


def examples(text):
    """Return the words of each example in a help text."""
    lines = re.findall(r"^  kerasched (.*)$", text, re.MULTILINE)
    # Two spaces separate an example from its explanation, and `>` is for the shell.
    return [shlex.split(re.split(r" {2,}| >", line)[0]) for line in lines]


@each_command
def test_help_has_examples_of_the_command(command, help_of):
    found = examples(help_of(command))
    assert found
    assert all(words[: len(command.split())] == command.split() for words in found)


@each_command
def test_the_examples_are_valid(command, help_of):
    for words in examples(help_of(command)):
        if "--help" not in words:
            options = _parser().parse_args(words)
            if hasattr(options, "schedule"):
                parse_request([options.schedule, *options.values])


@each_command
def test_help_explains_the_exit_codes(command, help_of):
    part = help_of(command).partition("\nexit codes:\n")[2]
    assert re.findall(r"^ +(\d+) +\S", part, re.MULTILINE) == ["0", "1", "2", "130"]


@each_command
def test_help_fits_into_a_terminal(command, help_of):
    assert max(map(len, help_of(command).splitlines())) <= 80


@each_command
def test_every_option_is_explained(command, help_of):
    parser = _parser()
    if command:
        (commands,) = (
            action
            for action in parser._actions
            if isinstance(action, argparse._SubParsersAction)
        )
        parser = commands.choices[command]
    assert all(action.help for action in parser._actions[1:] if action.option_strings)


def test_the_version_is_shown(capsys):
    with pytest.raises(SystemExit, match="^0$"):
        main(["--version"])
    assert capsys.readouterr().out == f"kerasched {kerasched.__version__}\n"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals")
@pytest.mark.parametrize("no_color", ["", "1"])
def test_an_error_is_coloured_in_a_terminal_unless_no_color_is_set(no_color):
    command = [sys.executable, "-m", "kerasched", "show"]
    code, text = run_in_terminal(command, no_color, ["stderr"])
    assert code == 2
    assert b"required: NAME" in text
    assert bool(re.search(rb"\x1b\[[\d;]*3\d", text)) == (not no_color)


def test_a_closed_output_ends_the_command_without_a_traceback():
    command = [sys.executable, "-m", "kerasched", "show", "--help"]
    reader, writer = os.pipe()
    os.close(reader)
    # A buffer like Python's for a pipe, which is written at the end.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONUNBUFFERED"}
    done = subprocess.run(
        command, env=environment, stdout=writer, stderr=subprocess.PIPE
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, b"")
