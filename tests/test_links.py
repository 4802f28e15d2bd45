"""Links in README and docs point to existing headings, and pages are in the menu."""

import re
import runpy
from pathlib import Path

import pytest

pytestmark = pytest.mark.host

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    [
        *ROOT.glob("*.md"),
        *(ROOT / "docs").glob("**/*.md"),
        ROOT / "benchmarks/README.md",
        ROOT / "examples/README.md",
    ]
)
CODE = re.compile(r"^( *)```.*?^\1```$|`[^`\n]+`", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)|(?:href|src)=\"([^\"]+)\"")
HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)


def links_of(path):
    text = CODE.sub("", path.read_text(encoding="utf-8"))
    return ["".join(found) for found in LINK.findall(text)]


def anchors_of(path):
    """Return the anchors that GitHub and mkdocs create for the headings of a page."""
    text = re.sub(r"^```.*?^```$", "", path.read_text("utf-8"), flags=re.M | re.S)
    headings = [re.sub(r"[^\w\s-]", "", line) for line in HEADING.findall(text)]
    return [re.sub(r"\s", "-", line.strip().lower()) for line in headings]


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_each_link_leads_to_a_file_and_a_heading(page):
    lost = []
    for link in links_of(page):
        if re.match("https?://", link):
            continue
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        if not target.is_file() or (anchor and anchor not in anchors_of(target)):
            lost.append(link)
    assert not lost


def test_links_are_found():
    assert "docs/gallery.md" in links_of(ROOT / "README.md")
    assert len(links_of(ROOT / "docs" / "gallery.md")) > 80


def test_headings_of_a_page_have_unique_anchors():
    for page in PAGES:
        if page.name != "CHANGELOG.md":
            anchors = anchors_of(page)
            assert len(set(anchors)) == len(anchors), page


def test_every_page_is_in_the_menu_of_the_site():
    menu = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    named = set(re.findall(r"^ +- .+: (\S+\.md)$", menu, re.MULTILINE))
    pages = {path.name for path in (ROOT / "docs").glob("*.md")}
    assert pages <= named, "add the page to `nav` in mkdocs.yml"


def test_the_reference_has_every_public_name():
    listing = (ROOT / "tests" / "data" / "public_api.txt").read_text("utf-8")
    # Modules, then a name that is not a method's. A function with `*args` only raises.
    name = r"^(kerasched(?:\.[a-z]+)*\.\w+)\((?!\*args)"
    public = re.findall(name, listing, re.MULTILINE)
    pages = runpy.run_path(str(ROOT / "docs" / "hooks.py"))["api_pages"]()
    paths = re.findall(r"^::: (\S+)$", "\n".join(pages.values()), re.MULTILINE)
    shown = {path.rpartition(".")[2] for path in paths}
    assert len(public) > 100
    assert not [name for name in public if name.rpartition(".")[2] not in shown]
