"""Writes docs/migrating.md: python docs/migrating.py.

The page shows the source code of the functions in tests/migrating. The tests compare
these functions with recorded values of the originals.
"""

import ast
import inspect
import json
import re
import sys
from collections.abc import Callable
from itertools import groupby
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from migrating import tutorials  # noqa: E402
from migrating.original import ORIGINALS  # noqa: E402
from migrating.original import Original  # noqa: E402
from migrating.traces import FOLDER  # noqa: E402
from migrating.traces import MODULES  # noqa: E402

PAGE = Path(__file__).with_name("migrating.md")
HEAD = """# Coming from other libraries

All lengths are in optimizer steps. If the original counts epochs, wrap the schedule:
`PerEpoch(schedule, steps_per_epoch)`. In the tables, names after a colon are the
variables that the line uses, and `A(B)` is a scheduler A around a scheduler B.

## torch, transformers, optax, timm and Paddle

`kerasched.compat` has the schedulers of these libraries under their original names and
arguments. Where the original takes an optimizer, pass its learning rate `lr` instead.
Each function returns a schedule of this package with the same values as the original. A
saved model contains that schedule.

```python
from kerasched.compat import optax, paddle, timm, torch, transformers

transformers.get_scheduler(
    "cosine", 3e-4, num_warmup_steps=500, num_training_steps=9000
)
torch.OneCycleLR(max_lr=0.1, total_steps=9000)
optax.warmup_cosine_decay_schedule(0.0, 0.1, warmup_steps=100, decay_steps=1000)
timm.create_scheduler_v2(0.1, num_epochs=90, warmup_epochs=5, updates_per_epoch=100)
paddle.NoamDecay(d_model=512, warmup_steps=4000)
```

Arguments that the original rejects raise an error here too. torch's OneCycleLR and
CyclicLR also set the momentum. `OneCycleLR_momentum` and `CyclicLR_momentum` take the
same arguments and return the momentum as a schedule.

The sections below have the equivalents for thirteen more libraries. `lr` is the
learning rate of the optimizer that the original takes. The tests compare each line with
recorded values of the original, or with its formula. Notes below a table explain the
differences. Import the names from `kerasched`, as in
`from kerasched import CosineDecay`.

`python docs/migrating.py` generates this page from `tests/migrating`.
"""


def page() -> str:
    """Return the text of the page."""
    return "\n".join([HEAD, of_tutorials(), *map(section, MODULES)])


def of_tutorials() -> str:
    """Return the section on schedules from tutorials."""
    notes = [f"- `{name}`: {note}" for name, note in tutorials.NOTES.items()]
    lines = [row(item.function, [item]) for item in ORIGINALS["tutorials"]]
    head = f"## Tutorials\n\n{tutorials.__doc__}\n"
    table = ["| original | kerasched |", "| --- | --- |", *lines]
    return "\n".join([head, *table, "", *notes, ""])


def section(library: str) -> str:
    """Return the section on one library."""
    module = MODULES[library]
    file = json.loads((FOLDER / f"{library}.json").read_text(encoding="utf-8"))
    names = {trace["id"]: trace["name"] for trace in file["traces"]}
    remarks = [f"- `{names[i]}`: {why.text}" for i, why in module.REASONS.items()]
    by_function = groupby(ORIGINALS[library], key=lambda item: item.function)
    return "\n".join(
        [
            f"## {file['library']} {file['version']}\n\n{module.__doc__}\n",
            "| original | kerasched |",
            "| --- | --- |",
            *(row(function, list(items)) for function, items in by_function),
            "",
            *dict.fromkeys(remarks),
            *[""] * bool(remarks),
        ]
    )


def row(function: Callable, items: list[Original]) -> str:
    """Return the table row of one function, which can replace several originals."""
    source = inspect.getsource(function)
    arguments = on_one_line(re.search(r"def \w+\((.*?)\):\n", source, re.DOTALL)[1])
    given = [f"`{call(item, arguments)}`" for item in items]
    body = ast.parse(source).body[0].body
    ours = [on_one_line(ast.get_source_segment(source, line)) for line in body]
    ours = [f"`{line.removeprefix('return ')}`" for line in ours]
    return f"| {'<br>'.join(reversed(given))} | {'<br>'.join(ours)} |"


def call(item: Original, arguments: str) -> str:
    """Return the call of an original, with the options that the function covers."""
    options = [f"{name}={shown(value)}" for name, value in item.options.items()]
    text = ", ".join([arguments, *options])
    # A name with brackets is a combination or an expression, which takes no arguments.
    is_combination = re.search(r"[(\[]", item.name)
    return f"{item.name}: {text}" if is_combination else f"{item.name}({text})"


def shown(value: str | bool) -> str:
    """Return an option's value as Python code."""
    return f'"{value}"' if isinstance(value, str) else repr(value)


def on_one_line(source: str) -> str:
    """Return source code without its line breaks."""
    line = re.sub(r"\s*\n\s*", " ", source).strip()
    return re.sub(r",? \)", ")", re.sub(r"\( ", "(", line)).rstrip(",")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
