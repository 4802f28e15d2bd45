"""The gallery's text, pictures and code are generated from the registry."""

import re
import runpy
from pathlib import Path

import pytest
from PIL import Image

import kerasched
from kerasched import list_schedules

pytestmark = pytest.mark.host

DOCS = Path(__file__).parents[1] / "docs"
PICTURES = sorted((DOCS / "gallery").iterdir())
RUN = "run: python docs/gallery.py"
PAGE = (DOCS / "gallery.md").read_text(encoding="utf-8")
CODE = re.findall(r"^```python\n(.*)\n```$", PAGE, re.MULTILINE)


@pytest.fixture(scope="module")
def gallery():
    return runpy.run_path(str(DOCS / "gallery.py"))


def test_the_page_is_up_to_date(gallery):
    assert gallery["page"]() == PAGE, RUN


def test_the_folder_contains_exactly_the_page_pictures():
    shown = re.findall(r"\]\(gallery/(\w+\.png)\)", PAGE)
    assert sorted(shown) == [path.name for path in PICTURES], RUN


def test_every_schedule_has_a_section():
    headings = re.findall(r"^## (\w+)$", PAGE, re.MULTILINE)
    assert headings == sorted(entry.cls.__name__ for entry in list_schedules()), RUN


@pytest.mark.parametrize("picture", PICTURES, ids=lambda path: path.stem)
def test_a_picture_is_of_600_by_375_dots_in_less_than_20_kb(picture):
    with Image.open(picture) as image:
        assert (image.format, image.size) == ("PNG", (600, 375))
    assert picture.stat().st_size < 20_000


def test_every_line_of_code_makes_its_example():
    made = [eval(line, vars(kerasched).copy()) for line in CODE]
    by_class = sorted(list_schedules(), key=lambda entry: entry.cls.__name__)
    assert made == [entry.example for entry in by_class]


def test_a_picture_drawn_again_has_the_same_bytes(gallery, tmp_path):
    (entry,) = [entry for entry in list_schedules() if entry.name == "step"]
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
        gallery["draw"](entry, folder)
    one, two = [(folder / "step.png").read_bytes() for folder in folders]
    assert one == two
