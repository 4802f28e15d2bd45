"""One run of the demo: the pipeline's parts in their order, each one shown."""

import math

from rich.console import Console
from rich.markup import escape

from kerasched.demo import pipeline
from kerasched.demo import report
from kerasched.demo.settings import Settings
from kerasched.demo.table import Table
from kerasched.demo.trace import Stage
from kerasched.demo.trace import Trace
from kerasched.plotting import plot_training


def run(settings: Settings, table: Table, console: Console, log: Console) -> Trace:
    """Run the pipeline on a table, show it, and return what happened.

    Writes the model to `settings.save` and, if asked for, a picture to
    `settings.plot`.

    Args:
        settings: the options.
        table: the rows to learn from.
        console: where the run is shown.
        log: where progress is shown, which is live and not part of the result.
    """
    trace = Trace(settings.backend, table.source, table.classes)

    def tell(stage: Stage) -> None:
        trace.stages.append(stage)
        report.show_stage(console, stage)

    parts = pipeline.prepare(table, settings.seed, tell)
    trace.steps_per_epoch = math.ceil(len(parts.x) / settings.batch_size)
    progress = report.ProgressBar(log)
    try:
        model, schedule = pipeline.train(parts, settings, trace, tell, [progress])
    finally:
        progress.close()
    report.show_trace(console, trace)
    pipeline.predict(model, parts, trace, tell)
    with log.status("Loading the saved model in a fresh process ..."):
        trace.reloaded = pipeline.save_and_reload(model, schedule, parts, settings)
    report.show_reloaded(console, trace.reloaded)
    if settings.plot is not None:
        plot_training(trace.step_learning_rates, trace.step_losses, settings.plot)
        console.print(f"[bold]picture[/bold]  {escape(str(settings.plot))}")
    return trace
