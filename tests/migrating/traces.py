"""Recorded values of other libraries, and their comparison with ours."""

import importlib
import inspect
import json
from pathlib import Path
from typing import Any

import numpy as np
from support import allowed

from kerasched import Schedule
from migrating.original import ORIGINALS
from migrating.original import Original

FOLDER = Path(__file__).parents[1] / "data" / "traces"
LIBRARIES = sorted(path.stem for path in FOLDER.glob("*.json"))
MODULES = {name: importlib.import_module(f"migrating.{name}") for name in LIBRARIES}
TRACES = {
    name: {
        trace["id"]: trace
        for trace in json.loads((FOLDER / f"{name}.json").read_text("utf-8"))["traces"]
    }
    for name in LIBRARIES
}


def originals_of(library: str, trace: dict[str, Any]) -> list[Original]:
    """Return the equivalents for a trace's name, options and arguments."""
    return [
        item
        for item in ORIGINALS[library]
        if item.name == trace["name"]
        and item.options.items() <= trace["params"].items()
        and _takes(item, trace["params"])
    ]


def schedule_of(item: Original, trace: dict[str, Any]) -> Schedule:
    """Return our schedule for the arguments of a trace."""
    return item.function(**_arguments(item, trace["params"]))


def steps_of(trace: dict[str, Any]) -> np.ndarray:
    """Return the steps of a trace. An integer n means the steps 0 to n - 1."""
    steps = trace["steps"]
    return np.arange(steps) if isinstance(steps, int) else np.array(steps)


def mismatches(trace: dict[str, Any], schedule: Schedule) -> set[int]:
    """Return the steps at which a schedule and a trace differ."""
    steps, values = steps_of(trace), np.array(trace["values"], dtype="float64")
    error = np.abs(schedule.evaluate(steps) - values)
    kind = "recursive" if trace.get("recursive") else "exact"
    kind = "single" if trace.get("dtype") == "float32" else kind
    return set(steps[~(error <= allowed(values, steps, kind, True))].tolist())


def _takes(item: Original, params: dict[str, Any]) -> bool:
    try:
        inspect.signature(item.function).bind(**_arguments(item, params))
    except TypeError:
        return False
    return True


def _arguments(item: Original, params: dict[str, Any]) -> dict[str, Any]:
    return {name: params[name] for name in params if name not in item.options}
