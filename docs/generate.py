"""Writes anew all that is generated: python docs/generate.py.

The README's table, docs/gallery.md with its pictures, docs/migrating.md and, where a
schedule is not yet in it, the golden file of this version.
"""

import json
import runpy
from pathlib import Path

import kerasched

ROOT = Path(__file__).parents[1]
GOLDEN = ROOT / "tests" / "data" / f"golden-{kerasched.__version__}.json"


def main() -> None:
    """Run each script that writes something."""
    for name in ("tables", "gallery", "migrating"):
        runpy.run_path(str(ROOT / "docs" / f"{name}.py"), run_name="__main__")
    if not golden_is_whole():
        script = ROOT / "tests" / "data" / "make_golden.py"
        runpy.run_path(str(script), run_name="__main__")


def golden_is_whole() -> bool:
    """Return whether the golden file holds every schedule."""
    names = {entry.cls.__name__ for entry in kerasched.list_schedules()}
    if not GOLDEN.exists():
        return False
    return set(json.loads(GOLDEN.read_text(encoding="utf-8"))["schedules"]) == names


if __name__ == "__main__":
    main()
