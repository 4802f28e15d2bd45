"""How the demo shows its run in a terminal."""

import math

import keras
from rich.bar import Bar
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn
from rich.progress import MofNCompleteColumn
from rich.progress import Progress
from rich.progress import TextColumn
from rich.progress import TimeElapsedColumn
from rich.table import Table

from kerasched.demo.trace import Reloaded
from kerasched.demo.trace import Stage
from kerasched.demo.trace import Trace

BAR_WIDTH = 40


def show_stage(console: Console, stage: Stage) -> None:
    """Print a stage's name, shape and first row."""
    shape = " x ".join(str(size) for size in stage.shape)
    sample = ", ".join(f"{number:.4g}" for number in stage.sample)
    console.print(f"[bold]{stage.name}[/bold]  {shape}  ({escape(stage.note)})")
    console.print(f"    first row: {sample}", highlight=False)


class ProgressBar(keras.callbacks.Callback):
    """A live progress bar over all steps of a training."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._progress = Progress(
            TextColumn("training"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("steps"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[loss]}"),
            console=console,
        )
        self._task = self._progress.add_task("training", total=None, loss="")

    def on_train_begin(self, logs: dict | None = None) -> None:
        """Start the bar, now that the number of steps is known."""
        total = self.params["epochs"] * self.params["steps"]
        self._progress.update(self._task, total=total)
        self._progress.start()

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """Move the bar by one step."""
        self._progress.update(
            self._task, advance=1, loss=f"loss {float(logs['loss']):.4f}"
        )

    def on_train_end(self, logs: dict | None = None) -> None:
        """Leave the full bar on the screen."""
        self.close()

    def close(self) -> None:
        """Give the terminal back, also after an interrupted training."""
        self._progress.stop()


def show_trace(console: Console, trace: Trace) -> None:
    """Print the table of epochs and the losses as bars."""
    table = Table(title="Training, epoch by epoch", title_justify="left")
    for name, side in (
        ("epoch", "right"),
        ("learning rate", "right"),
        ("loss", "right"),
        ("accuracy", "right"),
        ("observation", "left"),
    ):
        table.add_column(name, justify=side)
    for row in trace.epochs:
        table.add_row(
            str(row.epoch),
            f"{row.learning_rate:.6g}",
            f"{row.loss:.4f}",
            f"{row.accuracy:.4f}",
            row.observation,
        )
    console.print(table)
    console.print(_bars(trace))
    for name, scores in (("training", trace.training), ("held-out", trace.held_out)):
        console.print(
            f"{name} part, {scores.rows} rows, after the last epoch: "
            f"loss {scores.loss:.4f}, accuracy {scores.accuracy:.4f}"
        )


def show_reloaded(console: Console, reloaded: Reloaded) -> None:
    """Print what came back from the saved file."""
    console.print(
        f"[bold]saved[/bold]  {escape(reloaded.path)}, loaded in a fresh process:"
    )
    facts = (
        ("predictions are bit-equal", reloaded.predictions_equal),
        ("the schedule is equal", reloaded.schedule_equal),
        (
            f"optimizer.iterations came back: {reloaded.iterations_loaded}",
            reloaded.iterations_equal,
        ),
        (
            f"one more step was made at rate {reloaded.next_learning_rate:.6g}",
            reloaded.went_on,
        ),
    )
    for text, holds in facts:
        mark = "[green]yes[/green]" if holds else "[red]NO[/red]"
        console.print(f"    {mark}  {text}", highlight=False)


def _bars(trace: Trace) -> Table:
    finite = [row.loss for row in trace.epochs if math.isfinite(row.loss)]
    size = max(finite, default=0.0) or 1.0
    grid = Table.grid(padding=(0, 1))
    for row in trace.epochs:
        if math.isfinite(row.loss):
            bar = Bar(size=size, begin=0.0, end=row.loss, width=BAR_WIDTH)
        else:
            bar = "not a finite number"
        grid.add_row(f"epoch {row.epoch}", bar, f"{row.loss:.4f}")
    return grid
