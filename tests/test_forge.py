"""The CI workflows run existing commands, on the versions that were tested."""

import importlib.util
import os
import re
import shlex
import tomllib
from pathlib import Path

import pytest
import yaml

from tests.versions.lanes import LANES
from tests.wheels.page import PAGE
from tests.wheels.page import key

pytestmark = pytest.mark.host

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
WORKFLOWS = {
    path.stem: yaml.safe_load(path.read_text(encoding="utf-8"))
    for path in sorted((ROOT / ".github" / "workflows").iterdir())
}


def steps():
    """Return the steps of all jobs, each with its workflow's name."""
    jobs = [(name, job) for name, w in WORKFLOWS.items() for job in w["jobs"].values()]
    return [(name, step) for name, job in jobs for step in job["steps"]]


def commands():
    """Return the commands in the workflows and in the pages for contributors."""
    lines = [step["run"] for _, step in steps() if "run" in step]
    for page in ("CONTRIBUTING.md", "docs/releasing.md"):
        text = (ROOT / page).read_text(encoding="utf-8")
        lines += re.findall(r"^(?: {4})?(python -m tests.*)$", text, re.MULTILINE)
        lines += re.findall(r"`(python -m tests[^`]*)`", text)
    return sorted(set(lines))


def module_file(name):
    """Return the file that `python -m name` runs."""
    return ROOT.joinpath(*name.split("."), "__main__.py")


@pytest.mark.parametrize("command", commands())
def test_a_command_of_the_project_exists_with_its_options(command):
    words = shlex.split(command.split("  #")[0])
    if words[:2] != ["python", "-m"]:
        assert os.access(ROOT / words[0], os.X_OK)
    elif words[2].split(".")[0] == "tests":
        text = module_file(words[2]).read_text(encoding="utf-8")
        for option in filter(lambda word: word.startswith("--"), words):
            assert f'"{option}"' in text
    else:
        installed = " ".join(step.get("run", "") for _, step in steps())
        is_there = words[2] == "pip" or importlib.util.find_spec(words[2])
        assert is_there or words[2] in installed.partition("pip install")[2]


def test_the_workflows_run_each_lane_on_its_python():
    matrix = WORKFLOWS["tests"]["jobs"]["versions"]["strategy"]["matrix"]
    expected = [{"lane": lane.name, "python": lane.python} for lane in LANES]
    assert matrix == {"include": expected}


def test_the_workflows_run_the_whole_check():
    assert {"run": ".ci/run"} in [step for _, step in steps()]


def test_wheels_are_built_for_the_tested_versions_of_python():
    versions = sorted({lane.python for lane in LANES})
    (setup,) = (
        step
        for name, step in steps()
        if name == "wheels" and "with" in step and "python-version" in step["with"]
    )
    assert setup["with"]["python-version"].split() == versions
    built = PROJECT["tool"]["cibuildwheel"]["build"]
    short = [version.replace(".", "") for version in versions]
    assert built == [f"cp{version}-manylinux_x86_64" for version in short]


def test_a_wheel_was_tested_for_each_version_of_python():
    rows = re.findall(r"^\| 3\..*$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    tried = {key(row)[0] for row in rows if " passed |" in row}
    assert tried == {lane.python for lane in LANES}


def test_nothing_is_published():
    text = str(WORKFLOWS)
    assert "publish" not in text
    assert "secrets." not in text
    for workflow in WORKFLOWS.values():
        assert workflow["permissions"] == {"contents": "read"}
