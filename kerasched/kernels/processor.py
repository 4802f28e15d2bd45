"""The processor's name, for reports and for the results of benchmarks."""

import platform
import re
from pathlib import Path


def processor_name() -> str:
    """Return the processor's name, as far as the system knows it."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        text = ""
    names = re.findall(r"^model name\s*: (.+)$", text, re.MULTILINE)
    return names[0] if names else platform.processor() or platform.machine()
