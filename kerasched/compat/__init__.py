"""The schedulers of other libraries under their own names, as schedules of this one.

`kerasched.compat.torch`, `.transformers`, `.optax`, `.timm` and `.paddle` have a
function for each scheduler. It takes the arguments of the original, with the base rate
`lr` instead of an optimizer, and returns a schedule of this package. That schedule is
saved with a model, so a file does not depend on `compat`.
"""

import importlib
from typing import Any

LIBRARIES = ("optax", "paddle", "timm", "torch", "transformers")


def __getattr__(name: str) -> Any:
    if name in LIBRARIES:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
