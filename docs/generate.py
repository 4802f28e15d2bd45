"""Writes all generated files: python docs/generate.py.

These are the imports of kerasched/schedules/__init__.py, the tables of README and docs,
docs/gallery.md with its pictures and docs/migrating.md. New schedules are added to the
golden file of this version and to the listing of the public API.
"""

import json
import runpy
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def main() -> None:
    """Run each script that writes something."""
    # In a process of its own: this one then imports the package with the new names.
    subprocess.run([sys.executable, str(ROOT / "docs" / "names.py")], check=True)
    for name in ("tables", "gallery", "migrating"):
        run(f"docs/{name}.py")
    if not golden_is_complete():
        run("tests/data/make_golden.py")
    if listing_only_grows():
        run("tests/test_public_api.py")


def run(script: str, run_name: str = "__main__") -> dict:
    """Run a script of the repository and return its global names."""
    return runpy.run_path(str(ROOT / script), run_name=run_name)


def golden_is_complete() -> bool:
    """Return whether the golden file of this version has every schedule."""
    import kerasched

    golden = ROOT / "tests" / "data" / f"golden-{kerasched.__version__}.json"
    names = {entry.cls.__name__ for entry in kerasched.list_schedules()}
    if not golden.exists():
        return False
    return set(json.loads(golden.read_text(encoding="utf-8"))["schedules"]) == names


def listing_only_grows() -> bool:
    """Return whether the public API has new names only; a changed one needs a decision.

    `python -m tests.test_public_api` writes the listing whatever has changed.
    """
    api = run("tests/test_public_api.py", "public_api")
    listed = api["LISTING"].read_text(encoding="utf-8").splitlines()
    return set(listed) < set(api["listing"]())


if __name__ == "__main__":
    main()
