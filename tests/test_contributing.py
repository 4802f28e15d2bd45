"""CONTRIBUTING.md names existing files, and pre-commit runs the checks of .ci/run."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

pytestmark = pytest.mark.host

ROOT = Path(__file__).parents[1]
CI = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
(HOOKS,) = yaml.safe_load(
    (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
)["repos"]


def style():
    """Return the style checks of .ci/run."""
    part = re.search(r'^say "style"\n(.*?)\n\n', CI, re.MULTILINE | re.DOTALL)[1]
    return part.splitlines()


@pytest.mark.parametrize("name", sorted(set(re.findall(r"[\w./]+/[\w./]*\w", PAGE))))
def test_a_file_that_contributors_are_sent_to_exists(name):
    assert (ROOT / name).exists()


@pytest.mark.skipif(shutil.which("git") is None, reason="applies patches with git")
def test_every_mutant_applies_to_the_code():
    check = ["git", "apply", "--check"]
    patches = sorted((ROOT / "tests" / "mutants").rglob("*.patch"))
    assert len(patches) > 200
    failed = [
        p.name for p in patches if subprocess.run([*check, p], cwd=ROOT).returncode
    ]
    assert not failed


def test_the_page_for_contributors_is_one_page():
    assert len(PAGE.splitlines()) <= 66


@pytest.mark.parametrize("hook", HOOKS["hooks"], ids=lambda hook: hook["id"])
def test_a_hook_is_a_style_check_of_ci(hook):
    assert HOOKS["repo"] == "local"
    installs, *checks = style()
    assert set(hook["additional_dependencies"]) <= set(installs.split())
    (check,) = (line for line in checks if line.startswith(hook["entry"]))
    rest = check.removeprefix(hook["entry"]).split()
    if not rest:
        assert hook["pass_filenames"] is False
        return
    by_ci = {path for glob in rest for path in ROOT.glob(glob)}
    files = (path for path in ROOT.rglob("*") if path.suffix in (".cc", ".h"))
    by_hook = {
        path for path in files if re.search(hook["files"], str(path.relative_to(ROOT)))
    }
    assert by_hook == by_ci


def test_each_style_check_of_ci_has_a_hook():
    assert len(HOOKS["hooks"]) == len(style()) - 1
