"""The table that the demo learns from: built in, or read from a CSV file."""

import contextlib
import csv
import math
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kerasched.errors import UserError

HELD_OUT = 0.2
LARGEST = 1e300  # So that the range of a column is finite too.


@dataclass(frozen=True)
class Table:
    """Rows of numbers, each labelled with one of two classes.

    `features` has the shape (rows, columns) in float64; `labels` has the shape (rows,)
    and holds 0 and 1, the indices into `classes`.
    """

    source: str
    columns: tuple[str, ...]
    features: np.ndarray
    labels: np.ndarray
    classes: tuple[str, str]


def built_in_table() -> Table:
    """Return the ten `mean *` columns of scikit-learn's breast-cancer table."""
    from sklearn.datasets import load_breast_cancer

    data = load_breast_cancer()
    columns = [n for n, name in enumerate(data.feature_names) if "mean " in name]
    return Table(
        source="breast cancer (scikit-learn)",
        columns=tuple(str(data.feature_names[n]) for n in columns),
        features=data.data[:, columns],
        labels=data.target,
        classes=(str(data.target_names[0]), str(data.target_names[1])),
    )


def read_table(path: Path, target: str) -> Table:
    """Read a CSV file with a header.

    Args:
        path: the file.
        target: the name of the column that holds the classes.

    Raises:
        UserError: the file cannot be read, or a column or a cell is invalid.
    """
    header, rows = _read_csv(path)
    target_index = _target_index(path, header, target)
    cells = np.empty((len(rows), len(header) - 1))
    names = []
    for number, (line, row) in enumerate(rows, start=1):
        where = f"{path}: row {number} (line {line} of the file)"
        if len(row) != len(header):
            count = len(header)
            raise UserError(f"{where} has {len(row)} cells, the header has {count}")
        names.append(_class_name(where, target, row[target_index]))
        cells[number - 1] = [
            _number(where, header[n], cell)
            for n, cell in enumerate(row)
            if n != target_index
        ]
    classes = _two_classes(path, target, names)
    return Table(
        source=str(path),
        columns=tuple(name for n, name in enumerate(header) if n != target_index),
        features=cells,
        labels=np.array([classes.index(name) for name in names]),
        classes=classes,
    )


def check_size(table: Table, batch_size: int) -> None:
    """Raise UserError if the table is too small for one batch or for the split."""
    rows = len(table.labels)
    if rows < batch_size:
        raise UserError(
            f"{table.source}: {rows} rows are fewer than one batch of {batch_size}: "
            "add rows or choose a smaller --batch-size"
        )
    fewest = min(np.bincount(table.labels, minlength=2))
    if fewest < 2 or math.ceil(rows * HELD_OUT) < 2:
        raise UserError(
            f"{table.source}: {rows} rows, {fewest} of the rarer class, are too few to "
            "hold out a fifth with both classes: at least 6 rows are needed, 2 of each "
            "class"
        )


def _read_csv(path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Return the header, and the rows with their line numbers in the file."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file)
            lines = [(reader.line_num, cells) for cells in reader if cells]
    except OSError as error:
        text = f"{path}: cannot be read: {error.strerror or error}"
        raise UserError(text) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path}: not a CSV file in UTF-8: {error}") from error
    if not lines:
        raise UserError(f"{path}: the file is empty")
    header = [name.strip() for name in lines[0][1]]
    if len(lines) == 1:
        raise UserError(f"{path}: the file has a header but no rows")
    return header, lines[1:]


def _target_index(path: Path, header: list[str], target: str) -> int:
    repeated = [name for name, count in Counter(header).items() if count > 1]
    if repeated:
        raise UserError(f"{path}: the column {repeated[0]!r} appears more than once")
    if target not in header:
        raise UserError(
            f"{path}: no column {target!r}; the columns are {', '.join(header)}"
        )
    if len(header) == 1:
        raise UserError(f"{path}: has no column to learn from besides {target!r}")
    return header.index(target)


def _class_name(where: str, target: str, cell: str) -> str:
    name = cell.strip()
    if name.lower() in ("", "nan"):
        raise UserError(f"{where}, column {target!r}: the class is missing: {cell!r}")
    return name


def _number(where: str, column: str, cell: str) -> float:
    try:
        number = float(cell)
    except ValueError:
        raise UserError(f"{where}, column {column!r}: not a number: {cell!r}") from None
    if not abs(number) <= LARGEST:
        raise UserError(f"{where}, column {column!r}: not a finite number: {cell!r}")
    return number


def _two_classes(path: Path, target: str, names: list[str]) -> tuple[str, str]:
    classes = sorted(set(names))
    if len(classes) != 2:
        shown = ", ".join(classes[:5]) + (", ..." if len(classes) > 5 else "")
        raise UserError(
            f"{path}: column {target!r} must hold two classes, "
            f"it holds {len(classes)}: {shown}"
        )
    with contextlib.suppress(ValueError):
        classes.sort(key=float)
    return classes[0], classes[1]
