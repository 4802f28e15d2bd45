"""The declared versions are those with which the lanes of tests/versions passed."""

import re
import tomllib
from pathlib import Path

import pytest

from kerasched.kernels.tested import TESTED
from tests.versions.lanes import LANES
from tests.versions.page import PAGE
from tests.versions.page import lines_of
from tests.versions.page import passed_versions

pytestmark = pytest.mark.host

PROJECT = tomllib.loads(
    Path(__file__).parents[1].joinpath("pyproject.toml").read_text("utf-8")
)["project"]
EXTRAS = PROJECT["optional-dependencies"]


def columns():
    """Return the rows of docs/compatibility.md as dicts, by column name."""
    rows = lines_of(PAGE.read_text(encoding="utf-8")).values()
    cells = [[cell.strip() for cell in row.strip("| ").split("|")] for row in rows]
    names = ("lane", "python", "keras", "numpy", "framework", "features", "tests")
    return [dict(zip((*names, "date"), row, strict=True)) for row in cells]


def numbers(version):
    return tuple(map(int, version.split(".")[:2]))


def oldest(column, framework=""):
    """Return the oldest version that was tested, as (major, minor)."""
    found = [row[column] for row in columns() if framework in row["framework"]]
    return min(numbers(version.split()[-1]) for version in found)


def declared(requirement):
    """Return the lower bound of a requirement without other bounds."""
    name, bound = re.fullmatch(r"([a-z-]+)>=([0-9.]+)", requirement).groups()
    return name, numbers(f"{bound}.0")


def test_every_lane_has_a_green_row():
    rows = columns()
    assert [row["lane"] for row in rows] == [lane.name for lane in LANES]
    assert not [row["lane"] for row in rows if "failed" in row["date"]]


def test_the_tested_versions_are_those_of_the_rows():
    assert {
        name: set(versions) for name, versions in TESTED.items()
    } == passed_versions()


@pytest.mark.parametrize("requirement", PROJECT["dependencies"])
def test_the_lowest_required_keras_and_numpy_are_the_lowest_tested(requirement):
    name, bound = declared(requirement)
    assert bound == oldest(name)


@pytest.mark.parametrize(
    ("extra", "framework"),
    [("tensorflow", "TensorFlow"), ("jax", "jaxlib"), ("torch", "torch")],
)
def test_the_lowest_declared_frameworks_are_the_lowest_tested(extra, framework):
    (requirement,) = EXTRAS[extra]
    assert declared(requirement)[1] == oldest("framework", framework)


def test_the_lowest_declared_python_is_the_lowest_tested():
    assert PROJECT["requires-python"] == ">={}.{}".format(*oldest("python"))
    versions = {numbers(row["python"]) for row in columns()}
    assert versions == {(3, 11), (3, 12), (3, 13)}


def test_the_readme_names_the_tested_versions():
    text = Path(__file__).parents[1].joinpath("README.md").read_text("utf-8")
    text = " ".join(text.split())
    ran = [
        f"{name} {row[name.lower()]}"
        for row in columns()
        for name in ("Python", "Keras")
    ]
    ran += [row["framework"] for row in columns()]
    found = {}
    for name, version in map(str.split, ran):
        found.setdefault(name, set()).add(numbers(version))
    for name, versions in found.items():
        listed = ", ".join(f"{major}.{minor}" for major, minor in sorted(versions))
        assert re.search(rf"{name} {re.escape(listed)}[;.]", text), (name, listed)
