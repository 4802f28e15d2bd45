"""The documentation site builds and loads nothing from other hosts."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("mkdocs", reason='needs pip install ".[docs]"')
pytestmark = [pytest.mark.host, pytest.mark.slow]

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder of a new build without broken links."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict"]
    done = subprocess.run(
        [*command, "--site-dir", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def html(path):
    return path.read_text(encoding="utf-8")


def text(page):
    """Return the text of a page without its tags."""
    return re.sub(r"\s+", " ", re.sub("<[^>]+>", "", page))


def test_the_site_loads_nothing_from_other_hosts(site):
    fetched = r"<(?:script|img|iframe)[^>]* src=\"(?:https?:)?//"
    fetched += r"|<link[^>]* rel=\"?(?:stylesheet|preconnect)[^>]*//"
    pages = list(site.glob("**/*.html"))
    assert len(pages) > 20
    assert not [page for page in pages if re.search(fetched, html(page))]


def test_the_home_page_is_the_readme(site):
    home = html(site / "index.html")
    assert "Learning-rate schedules for every Keras 3 optimizer" in home
    assert 'src="face.svg"' in home


def test_a_schedule_is_shown_with_its_arguments_and_its_formula(site):
    page = html(site / "api" / "schedules.html")
    assert 'id="kerasched.schedules.exponential.StepDecay"' in page
    signature = "StepDecay( initial_learning_rate, decay_steps, decay_rate=0.5, "
    assert signature + "end_learning_rate=0.0, *, name=None" in text(page)
    formula = "max(initial_learning_rate * decay_rate**(step // decay_steps)"
    assert f"<code>{formula}" in page


def test_a_momentum_has_the_arguments_of_its_rate(site):
    page = text(html(site / "api" / "torch.html"))
    assert "OneCycleLR_momentum( max_lr, " in page


def test_only_the_examples_scripts_are_part_of_the_site(site):
    scripts = [path.relative_to(site) for path in site.glob("**/*.py")]
    assert scripts
    assert {path.parent for path in scripts} == {Path("examples")}


def test_every_list_is_rendered_as_a_list(site):
    # Blocks inside a list item need four spaces here, and two on GitHub.
    bullet = re.compile(r"^(?:<td[^>]*>|<p>)?[-*] ", re.MULTILINE)
    code = re.compile(r"<pre.*?</pre>", re.DOTALL)
    pages = list(site.glob("**/*.html"))
    assert not [page for page in pages if bullet.search(code.sub("", html(page)))]
