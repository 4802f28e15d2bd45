"""A comparison of the programs that the processes of a run execute."""

import hashlib
import json
import sys
from typing import Any

import keras

from kerasched.training.model_contents import training_optimizers
from kerasched.training.processes import Processes

LONGEST = 300


def check_same_program(owner: str, model: keras.Model, processes: Processes) -> None:
    """Compare versions, and the options and schedules of optimizers.

    Args:
        owner: the class that error messages name.
        model: the model.
        processes: the processes that train it, all of which must call.

    Raises:
        ValueError: they differ.
    """
    if processes.count == 1:
        return
    first, *others = processes.gather(_program_of(model))
    for rank, program in enumerate(others, 1):
        for name in {**first, **program}:
            values = [one.get(name, "nothing") for one in (program, first)]
            if values[0] != values[1]:
                raise ValueError(
                    f"{owner}: process {rank} differs from process 0 in {name}: "
                    f"{values[0]} instead of {values[1]}. All processes must run the "
                    "same program, with the same versions of its packages."
                )


def _program_of(model: keras.Model) -> dict[str, str]:
    """Return what must be the same in all processes, by name."""
    backend = keras.backend.backend()
    found = {
        "the version of kerasched": sys.modules["kerasched"].__version__,
        "the version of keras": keras.version(),
        f"the version of {backend}": str(sys.modules[backend].__version__),
    }
    for path, optimizer in training_optimizers(model).items():
        for name, value in _config_of(optimizer).items():
            found[f"`{name}` of {path}"] = _text_of(value)
    return found


def _config_of(optimizer: Any) -> dict[str, Any]:
    config = {"class": type(optimizer).__name__}
    try:
        config |= optimizer.get_config()
    except Exception:  # A rate that is a function, or an error of a custom class.
        return config
    return {name: value for name, value in config.items() if name != "name"}


def _text_of(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, default=_plain)
    if len(text) <= LONGEST:
        return text
    digest = hashlib.blake2b(text.encode(), digest_size=4).hexdigest()
    return f"{text[:LONGEST]}... (digest {digest})"


def _plain(value: Any) -> Any:
    """Return a value without its address, which differs from process to process."""
    if hasattr(value, "tolist"):
        return value.tolist()
    return getattr(value, "__qualname__", type(value).__qualname__)
