"""One run of the demo, shown in the terminal."""

import math
from typing import Any

import keras
from rich.bar import Bar
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn
from rich.progress import MofNCompleteColumn
from rich.progress import Progress
from rich.progress import TextColumn
from rich.progress import TimeElapsedColumn
from rich.table import Table as RichTable

from kerasched.demo import pipeline
from kerasched.demo.table import Table
from kerasched.demo.trace import Reloaded
from kerasched.demo.trace import Settings
from kerasched.demo.trace import Stage
from kerasched.demo.trace import Trace
from kerasched.plotting import plot_training

BAR_WIDTH = 40


def run(settings: Settings, table: Table, console: Console, log: Console) -> Trace:
    """Run the pipeline on a table, show each stage, and return the results.

    Writes the model to `settings.save` and, if set, a picture to `settings.plot`.

    Args:
        settings: the options.
        table: the rows to learn from.
        console: where the results are printed.
        log: where live progress is shown.
    """
    trace = Trace(settings.backend, table.source, table.classes)

    def report(stage: Stage) -> None:
        trace.stages.append(stage)
        _show_stage(console, stage)

    split = pipeline.prepare(table, settings.seed, report)
    trace.steps_per_epoch = math.ceil(len(split.x) / settings.batch_size)
    with _progress(log) as progress:
        callbacks = [ProgressBar(progress)]
        model, schedule = pipeline.train(split, settings, trace, report, callbacks)
    _show_training(console, trace)
    pipeline.predict(model, split, trace, report)
    with log.status("Loading the saved model in a fresh process ..."):
        trace.reloaded = pipeline.save_and_reload(model, schedule, split, settings)
    _show_reloaded(console, trace.reloaded)
    if settings.plot is not None:
        plot_training(trace.step_learning_rates, trace.step_losses, settings.plot)
        console.print(f"[bold]picture[/bold]  {escape(str(settings.plot))}")
    return trace


class ProgressBar(keras.callbacks.Callback):
    """Advances a progress bar over all steps of a training."""

    def __init__(self, progress: Progress) -> None:
        super().__init__()
        self._progress = progress

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Add the bar, now that the number of steps is known."""
        steps = self.params["epochs"] * self.params["steps"]
        self._task = self._progress.add_task("training", total=steps, loss="")

    def on_train_batch_end(
        self, batch: int, logs: dict[str, Any] | None = None
    ) -> None:
        """Advance the bar by one step."""
        loss = f"loss {float((logs or {})['loss']):.4f}"
        self._progress.update(self._task, advance=1, loss=loss)


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("training"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("steps"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[loss]}"),
        console=console,
    )


def _show_stage(console: Console, stage: Stage) -> None:
    shape = " x ".join(str(size) for size in stage.shape)
    sample = ", ".join(f"{number:.4g}" for number in stage.sample)
    console.print(f"[bold]{stage.name}[/bold]  {shape}  ({escape(stage.note)})")
    console.print(f"    first row: {sample}", highlight=False)


def _show_training(console: Console, trace: Trace) -> None:
    """Print the table of epochs, their losses as bars, and the final scores."""
    table = RichTable(title="Training, epoch by epoch", title_justify="left")
    for name in ("epoch", "learning rate", "loss", "accuracy"):
        table.add_column(name, justify="right")
    table.add_column("observation")
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
        if scores is not None:
            console.print(
                f"{name} split, {scores.rows} rows, after the last epoch: "
                f"loss {scores.loss:.4f}, accuracy {scores.accuracy:.4f}"
            )


def _bars(trace: Trace) -> RichTable:
    finite = [row.loss for row in trace.epochs if math.isfinite(row.loss)]
    size = max(finite, default=0.0) or 1.0
    grid = RichTable.grid(padding=(0, 1))
    for row in trace.epochs:
        if math.isfinite(row.loss):
            bar: Bar | str = Bar(size=size, begin=0.0, end=row.loss, width=BAR_WIDTH)
        else:
            bar = "not finite"
        grid.add_row(f"epoch {row.epoch}", bar, f"{row.loss:.4f}")
    return grid


def _show_reloaded(console: Console, reloaded: Reloaded) -> None:
    """Print how the saved model compares with the one in memory."""
    path = escape(reloaded.path)
    console.print(f"[bold]saved[/bold]  {path}, loaded in a fresh process:")
    iterations = f"optimizer.iterations was restored: {reloaded.iterations_loaded}"
    step = f"training continued at learning rate {reloaded.next_learning_rate:.6g}"
    for text, holds in (
        ("predictions are bit-equal", reloaded.predictions_equal),
        ("the schedule is equal", reloaded.schedule_equal),
        (iterations, reloaded.iterations_equal),
        (step, reloaded.continued),
    ):
        mark = "[green]yes[/green]" if holds else "[red]NO[/red]"
        console.print(f"    {mark}  {text}", highlight=False)
