"""What is held back while a framework loads."""

import pytest
from support import run_python

pytestmark = pytest.mark.host

CODE = """
import os
import sys

from kerasched.commands.quiet import without_chatter

CHATTER = (
    "WARNING: All log messages before absl::InitializeLog() is called are written\\n"
    "I0000 00:00:1795563128.764558    7021 port.cc:153] oneDNN is on.\\n"
)
with without_chatter() as errors:
    os.write(2, CHATTER.encode())
    os.write(2, b"E0000 00:00:1 1 cuda.cc:1] no device\\n")
    print("seen at once", file=errors, flush=True)
    print("a warning of Python", file=sys.stderr)
print("after", file=sys.stderr)
"""


def test_what_matters_comes_through_and_the_rest_does_not():
    lines = run_python(CODE, "jax").stderr.splitlines()
    errors = ["E0000 00:00:1 1 cuda.cc:1] no device", "a warning of Python", "after"]
    start = lines.index("seen at once")
    assert lines[start + 1 :] == errors
    assert not any("absl" in line or "oneDNN is on" in line for line in lines[start:])


def test_an_error_inside_comes_through():
    code = (
        "from kerasched.commands.quiet import without_chatter\n"
        "with without_chatter():\n"
        "    raise ImportError('no keras')\n"
    )
    done = run_python(code, "jax", check=False)
    assert done.stderr.endswith("ImportError: no keras\n")
