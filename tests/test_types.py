"""The types that an editor sees, checked with pyright.

mypy checks the package itself, in .ci/run.
"""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

EDITOR = Path(__file__).parent / "types" / "editor.py"

pytestmark = [
    pytest.mark.host,
    pytest.mark.slow,
    pytest.mark.skipif(
        shutil.which("pyright") is None,
        reason="pyright is not on the PATH: npm install pyright",
    ),
]


def test_an_editor_sees_arguments_operators_and_evaluate(tmp_path):
    """Check a file in an empty folder, so that pyright finds the installed package.

    The file must have no errors other than those in its comments.
    """
    shutil.copy(EDITOR, tmp_path)

    assert reported_by_pyright(tmp_path) == expected(EDITOR.read_text().splitlines())


def expected(lines):
    """Return the comment below each line of code, by line number."""
    found, code = {}, 0
    for number, line in enumerate(lines):
        if line.startswith("# "):
            found[code] = f"{found.get(code, '')} {line[2:]}".strip()
        else:
            code = number
    return found


def reported_by_pyright(folder):
    """Return pyright's revealed types and error rules, by line number."""
    command = ["pyright", "--outputjson", "--pythonpath", sys.executable, EDITOR.name]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    diagnostics = json.loads(done.stdout)["generalDiagnostics"]
    return {one["range"]["start"]["line"]: text_of(one) for one in diagnostics}


def text_of(diagnostic):
    if diagnostic["severity"] == "error":
        return f"error: {diagnostic['rule']}"
    return re.fullmatch('Type of ".*" is "(.*)"', diagnostic["message"])[1]
