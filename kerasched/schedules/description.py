"""The parts of a schedule's docstring, for the pages and commands that show them."""

import dataclasses
import inspect
import re

from kerasched.schedules.base import Schedule


@dataclasses.dataclass(frozen=True)
class Argument:
    """An argument of a schedule. `default` is its repr, empty if there is none."""

    name: str
    default: str
    meaning: str


def formula(cls: type[Schedule]) -> str:
    """Return the second paragraph of a class's docstring, its lines as they are."""
    paragraphs = (inspect.getdoc(cls) or "").split("\n\n")
    return "".join(paragraphs[1:2])


def arguments(cls: type[Schedule]) -> tuple[Argument, ...]:
    """Return the arguments of a class in their order, except `name`."""
    meanings = _meanings(inspect.getdoc(cls) or "")
    return tuple(
        Argument(
            field.name,
            "" if field.default is dataclasses.MISSING else repr(field.default),
            meanings.get(field.name, ""),
        )
        for field in dataclasses.fields(cls)
        if field.name != "name"
    )


def _meanings(docstring: str) -> dict[str, str]:
    """Return the entries below `Args:`, each on one line."""
    text = docstring.partition("\nArgs:\n")[2].partition("\n\n")[0]
    found = re.findall(r"^ {4}(\w+): (.*(?:\n {5,}.*)*)", text, re.MULTILINE)
    return {name: " ".join(meaning.split()) for name, meaning in found}
