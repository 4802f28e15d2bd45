"""A progress bar for work that may take long."""

import time
from collections.abc import Sequence

import keras

# Work that takes less time shows no progress bar.
SECONDS_BEFORE_PROGRESS = 2.0


class Progress:
    """Keras's progress bar, which appears once the work has taken two seconds.

    Keras shows it in a terminal and in a notebook.

    Args:
        steps: the number of steps, None if it is not known.
        verbose: 0 to show nothing; 1, or "auto" as in `fit`, for the bar; 2 for a line
            at the end.
        title: text for the line above the bar, which may appear below the bar of a
            training.
    """

    def __init__(self, steps: int | None, verbose: int | str, title: str = "") -> None:
        verbose = 1 if verbose == "auto" else verbose
        options = {"verbose": verbose, "stateful_metrics": ["loss"]}
        self._bar = keras.utils.Progbar(steps, **options)
        self._title = title if verbose else ""
        self._start = time.monotonic()

    def update(
        self, done: int, values: Sequence[tuple[str, float]] = (), ended: bool = False
    ) -> None:
        """Show that some steps are done, with values by name."""
        if time.monotonic() - self._start > SECONDS_BEFORE_PROGRESS:
            if self._title and keras.config.is_interactive_logging_enabled():
                print(f"\n{self._title}")  # The line of another bar may be unfinished.
            self._title = ""
            self._bar.update(done, values, finalize=ended)
