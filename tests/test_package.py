"""The installed package: its names, its version and the effects of importing it."""

import ast
import importlib.metadata
import importlib.resources
import os
import re
import runpy
import subprocess
import sys
import types
from pathlib import Path

import pytest
from support import PACKAGE
from support import run_json
from support import run_python

import kerasched
from tests.environments import copy_of_the_tree
from tests.wheels import contents

ROOT = Path(__file__).parents[1]

IMPORT = """
import json, sys
import keras
before = set(sys.modules)
import kerasched
added = {name.split(".")[0] for name in set(sys.modules) - before}
found = keras.saving.get_registered_object("kerasched>StepDecay")
print(json.dumps({
    "added": sorted(added),
    "registered": found is kerasched.StepDecay,
}))
"""


@pytest.fixture(scope="module")
def imported():
    """The effects of importing the package in a new process."""
    return run_json(IMPORT)


def test_importing_loads_no_plotting_and_no_second_framework(imported):
    added, frameworks = set(imported["added"]), {"tensorflow", "jax", "torch"}
    assert not added & ({"matplotlib", "sklearn", "rich"} | frameworks)
    assert "kerasched" in added


def test_importing_registers_the_schedules(imported):
    assert imported["registered"]


def test_the_version_is_that_of_the_installed_package():
    assert importlib.metadata.version("kerasched") == kerasched.__version__
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"## {kerasched.__version__}" in changelog


def test_only_keras_and_numpy_are_required():
    required = [
        name for name in importlib.metadata.requires("kerasched") if ";" not in name
    ]
    assert sorted(re.split("[<>=!]", name)[0] for name in required) == [
        "keras",
        "numpy",
    ]


def test_the_extras_are_these():
    extras = importlib.metadata.metadata("kerasched").get_all("Provides-Extra")
    frameworks = {"jax", "tensorflow", "torch"}
    others = {"demo", "docs", "examples", "plot", "test", "thorough"}
    assert set(extras) == frameworks | others


def test_the_top_level_exports_every_public_name_of_schedules():
    names = kerasched.schedules.__all__
    assert len(names) > len(kerasched.list_schedules())
    for name in names:
        value = getattr(kerasched, name)
        assert value is getattr(kerasched.schedules, name)
        assert not isinstance(value, types.ModuleType)


def test_type_checkers_see_the_same_names():
    # Type checkers treat `X as X` as public and cannot read a computed `__all__`.
    text = (PACKAGE / "schedules/__init__.py").read_text("utf-8")
    lines = [node for node in ast.parse(text).body if isinstance(node, ast.ImportFrom)]
    aliases = [alias for node in lines for alias in node.names]
    assert all(alias.asname == alias.name for alias in aliases)
    assert [alias.name for alias in aliases] == kerasched.schedules.__all__


def test_the_imports_are_those_of_the_registry():
    names = runpy.run_path(str(ROOT / "docs" / "names.py"))
    text = (PACKAGE / "schedules/__init__.py").read_text("utf-8")
    assert names["with_imports"](text) == text, "run: python docs/generate.py"


def test_types_are_shipped():
    assert importlib.resources.files("kerasched").joinpath("py.typed").is_file()


@pytest.fixture(scope="module")
def distributions(tmp_path_factory):
    """The folder of a source distribution and a wheel, made without a compiler."""
    work = tmp_path_factory.mktemp("distributions")
    command = [sys.executable, "setup.py", "-q"]
    subprocess.run(
        [*command, "sdist", "--dist-dir", work, "bdist_wheel", "--dist-dir", work],
        cwd=copy_of_the_tree(work / "copy"),
        env={**os.environ, "KERASCHED_NO_NATIVE": "1"},
        check=True,
        capture_output=True,
    )
    return work


@pytest.mark.host
def test_the_sdist_contains_the_files_of_its_build_and_tests(distributions):
    (sdist,) = distributions.glob(f"kerasched-{kerasched.__version__}.tar.gz")
    packed = contents.in_sdist(sdist)
    assert contents.problems_of_sdist(packed) == []
    # The sources of the extension are included although it was not compiled.
    assert "csrc/xla_handler.cc" in packed


@pytest.mark.host
def test_the_wheel_contains_only_the_package(distributions):
    (wheel,) = distributions.glob(f"kerasched-{kerasched.__version__}-*.whl")
    packed = contents.in_wheel(wheel)
    assert contents.problems_of_wheel(packed) == []
    assert contents.problems_of_wheel({*packed, "tests/rows.py"}) == [
        "it should not contain tests/rows.py"
    ]


@pytest.mark.host
def test_the_version_is_written_in_one_place():
    files = [ROOT / "setup.py", ROOT / "pyproject.toml", *PACKAGE.rglob("*.py")]
    written = f'"{kerasched.__version__}"'
    having = [path.name for path in files if written in path.read_text("utf-8")]
    assert having == ["__init__.py"]


def test_setup_is_short():
    assert len((ROOT / "setup.py").read_text(encoding="utf-8").splitlines()) <= 60


@pytest.mark.host
def test_a_program_with_kerasched_among_its_arguments_gets_all_names():
    code = "import sys; sys.argv[1:] = ['-m', 'kerasched']; "
    code += "import kerasched; print(kerasched.StepDecay.__name__)"
    assert run_python(code).stdout.strip() == "StepDecay"
