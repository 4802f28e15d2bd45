"""What the API reference has to know of this package besides its source code.

Griffe reads the source and imports nothing. This extension adds the constructors of
schedules, which follow from their fields. It shows the formula in a docstring as it is
written.
"""

import re
from typing import Any

import griffe

# How a paragraph that is no formula ends or begins. A formula may end in an ellipsis.
SENTENCE = re.compile(r"(?<!\.\.)\.$|:$|^\w+:\n|^ ")


class Package(griffe.Extension):
    """Complete the objects of the package once all of them are read."""

    def on_package(self, *, pkg: griffe.Module, **_: Any) -> None:
        """Complete each class and function below a package."""
        for found in list(_below(pkg)):
            if found.docstring:
                found.docstring.value = with_formula(found.docstring.value)
            if found.is_class and _is_schedule(found):
                _add_constructor(found)
            if found.is_function:
                # Docstrings say in words what an argument may be.
                for parameter in found.parameters:
                    parameter.annotation = None


def with_formula(text: str) -> str:
    """Return a docstring with its second paragraph as a block, if it is a formula.

    A formula is no sentence, and no list of arguments.
    """
    paragraphs = text.split("\n\n")
    if len(paragraphs) < 2 or SENTENCE.search(paragraphs[1]):
        return text
    paragraphs[1] = f"```text\n{paragraphs[1]}\n```"
    return "\n\n".join(paragraphs)


def _below(found: griffe.Object) -> Any:
    for member in found.members.values():
        if not member.is_alias:
            yield member
            if member.is_module or member.is_class:
                yield from _below(member)


def _is_schedule(cls: griffe.Class) -> bool:
    return any(base.name == "Schedule" for base in [cls, *cls.mro()])


def _is_field(attribute: griffe.Attribute) -> bool:
    is_property = "property" in attribute.labels
    return bool(attribute.annotation) and not is_property and attribute.name[0] != "_"


def _add_constructor(cls: griffe.Class) -> None:
    """Add a constructor whose arguments are the annotated fields, `name` at last."""
    fields = {
        member.name: member
        for base in reversed([cls, *cls.mro()])
        for member in base.members.values()
        if member.is_attribute and _is_field(member)
    }
    fields.pop("name", None)
    kind = griffe.ParameterKind
    arguments = [
        griffe.Parameter(name, kind=kind.positional_or_keyword, default=field.value)
        for name, field in fields.items()
    ]
    last = griffe.Parameter("name", kind=kind.keyword_only, default="None")
    parameters = griffe.Parameters(*arguments, last)
    cls.set_member("__init__", griffe.Function("__init__", parameters=parameters))
