"""Checks the contents of the source distribution and of the wheel."""

import tarfile
import zipfile
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).parents[2]
# The source distribution contains all files of these folders, which its tests read.
FOLDERS = (
    *("kerasched", "csrc", "tests", "benchmarks", "docs", "examples"),
    *(".ci", ".github"),
)
# Files at the top that the tests also read, by the ends of their names.
ENDS = (".md", ".toml", ".py", ".yml", ".yaml", "LICENSE", ".clang-format")
# Files that Python and the compiler create, which are useless on other machines.
BUILT = {".pyc", ".so", ".pyd", ".o"}


def in_sdist(sdist: Path) -> set[str]:
    """Return the paths in a source distribution, without its top folder."""
    with tarfile.open(sdist) as archive:
        files = [entry.name for entry in archive.getmembers() if entry.isfile()]
    return {name.partition("/")[2] for name in files}


def in_wheel(wheel: Path) -> set[str]:
    """Return the paths in a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if not name.endswith("/")}


def sources(folders: Iterable[str]) -> set[str]:
    """Return the source files below folders of this tree."""
    files = (path for name in folders for path in (ROOT / name).rglob("*"))
    return {
        path.relative_to(ROOT).as_posix()
        for path in files
        if path.is_file() and path.suffix not in BUILT and not _is_cache(path)
    }


def problems_of_sdist(packed: set[str]) -> list[str]:
    """Return the missing and the unexpected files of a source distribution."""
    top = {path.name for path in ROOT.iterdir() if path.name.endswith(ENDS)}
    missing = (sources(FOLDERS) | top) - packed
    unexpected = {name for name in packed if Path(name).suffix in BUILT}
    return _messages(missing, unexpected)


def problems_of_wheel(packed: set[str]) -> list[str]:
    """Return the missing and the unexpected files of a wheel.

    The compiled extension is optional, as the package works without it.
    """
    missing = sources(["kerasched"]) - packed
    own = ("kerasched/", "kerasched-")
    unexpected = {
        name for name in packed - sources(["kerasched"]) if not _is_ours(name)
    }
    unexpected |= {name for name in packed if not name.startswith(own)}
    return _messages(missing, unexpected)


def _is_ours(name: str) -> bool:
    """Return whether a wheel may contain a path that is no source file."""
    extension = name.startswith("kerasched/_native.") and Path(name).suffix in BUILT
    return extension or name.split("/")[0].endswith(".dist-info")


def _is_cache(path: Path) -> bool:
    return bool({"__pycache__", ".pytest_cache"} & set(path.parts))


def _messages(missing: set[str], unexpected: set[str]) -> list[str]:
    return [f"{name} is missing" for name in sorted(missing)] + [
        f"it should not contain {name}" for name in sorted(unexpected)
    ]
