"""No function of the package inspects stack frames."""

import re

import pytest
from support import PACKAGE

READS_FRAMES = re.compile(
    r"currentframe|_getframe|_current_frames|\bf_back\b|\bf_locals\b|tb_frame"
    r"|inspect\.(?:stack|trace|getouterframes)\b|traceback\.(?:extract|walk)_stack\b"
)
FILES = {str(path.relative_to(PACKAGE)): path for path in sorted(PACKAGE.rglob("*.py"))}
pytestmark = pytest.mark.host


@pytest.mark.parametrize("name", FILES)
def test_no_function_reads_a_frame(name):
    assert READS_FRAMES.findall(FILES[name].read_text(encoding="utf-8")) == []
