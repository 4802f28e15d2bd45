"""Writes docs/gallery.md and its pictures: python docs/gallery.py."""

from pathlib import Path

from PIL import Image

from kerasched import list_schedules
from kerasched.plotting import save_plot
from kerasched.schedules import Entry
from kerasched.schedules.description import formula

PAGE = Path(__file__).with_name("gallery.md")
PICTURES = Path(__file__).with_name("gallery")
HEAD = """# Gallery

Every schedule with its formula, a picture of an example, and the code of the example.
`python docs/gallery.py` generates this page from the docstrings and the registry.
"""


def page() -> str:
    """Return the text of the page."""
    entries = sorted(list_schedules(), key=lambda entry: entry.cls.__name__)
    return "\n".join([HEAD, overview(entries), *map(section, entries)])


def overview(entries: list[Entry]) -> str:
    """Return small pictures of all schedules, each a link to its section."""
    return "\n".join(['<div class="overview">', *map(small, entries), "</div>\n"])


def small(entry: Entry) -> str:
    """Return the small picture of one schedule."""
    name = entry.cls.__name__
    picture = f'<img src="gallery/{entry.name}.png" alt="{name}" width="180">'
    return f'<a href="#{name.lower()}" title="{name}">{picture}</a>'


def section(entry: Entry) -> str:
    """Return the section on one schedule."""
    name = entry.cls.__name__
    return f"""## {name}

{entry.summary}

```text
{formula(entry.cls)}
```

![Learning rate of a {name} example over the steps](gallery/{entry.name}.png)

```python
{entry.example!r}
```

Source: {entry.reference}.
"""


def draw(entry: Entry, folder: Path) -> None:
    """Write the picture of an example, in few colours to keep the file small."""
    path = folder / f"{entry.name}.png"
    save_plot(entry.example, path, size=(4.0, 2.5))
    with Image.open(path) as picture:
        small = picture.convert("RGB").quantize(24)
    small.save(path, optimize=True)


if __name__ == "__main__":
    PICTURES.mkdir(exist_ok=True)
    for old in PICTURES.glob("*.png"):
        old.unlink()
    for entry in list_schedules():
        draw(entry, PICTURES)
    PAGE.write_text(page(), encoding="utf-8")
