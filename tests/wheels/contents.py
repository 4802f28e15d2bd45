"""What the source distribution and the wheel must contain, and what they must not."""

import tarfile
import zipfile
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).parents[2]
# All files of these folders are in the source distribution: its tests read them.
FOLDERS = (
    *("kerasched", "csrc", "tests", "benchmarks", "docs", "examples"),
    *(".ci", ".github"),
)
# The same of files at the top, by the ends of their names.
ENDS = (".md", ".toml", ".py", ".yml", ".yaml", "LICENSE", ".clang-format")
# Written by Python and by the compiler, and of no use on another machine.
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
    """Return the files below folders of this tree that a person has written."""
    files = (path for name in folders for path in (ROOT / name).rglob("*"))
    return {
        path.relative_to(ROOT).as_posix()
        for path in files
        if path.is_file() and path.suffix not in BUILT and not _is_cache(path)
    }


def problems_of_sdist(packed: set[str]) -> list[str]:
    """Return what a source distribution lacks, and what it should not contain."""
    top = {path.name for path in ROOT.iterdir() if path.name.endswith(ENDS)}
    lacking = (sources(FOLDERS) | top) - packed
    surplus = {name for name in packed if Path(name).suffix in BUILT}
    return _told(lacking, surplus)


def problems_of_wheel(packed: set[str]) -> list[str]:
    """Return what a wheel lacks, and what it should not contain.

    The compiled extension is not asked for: an installation may do without it.
    """
    lacking = sources(["kerasched"]) - packed
    own = ("kerasched/", "kerasched-")
    surplus = {name for name in packed - sources(["kerasched"]) if not _is_ours(name)}
    surplus |= {name for name in packed if not name.startswith(own)}
    return _told(lacking, surplus)


def _is_ours(name: str) -> bool:
    """Return whether a path of a wheel that is no source file belongs into it."""
    extension = name.startswith("kerasched/_native.") and Path(name).suffix in BUILT
    return extension or name.split("/")[0].endswith(".dist-info")


def _is_cache(path: Path) -> bool:
    return bool({"__pycache__", ".pytest_cache"} & set(path.parts))


def _told(lacking: set[str], surplus: set[str]) -> list[str]:
    return [f"it lacks {name}" for name in sorted(lacking)] + [
        f"it should not contain {name}" for name in sorted(surplus)
    ]
