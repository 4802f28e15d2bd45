"""The processes that train one model together: their ranks, and their exchanges.

Code that must agree across processes exchanges values through this class. Each exchange
waits for all processes, so all of them must call the same methods in the same order.
"""

import contextlib
import importlib
import json
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any

import keras

from kerasched.training.model_contents import has_own_step

VALUE, FAILURE = "value", "failure"


class OtherProcessError(RuntimeError):
    """Another process has raised an error. The message names it."""


class Processes:
    """The processes that train one model together.

    Args:
        rank: the number of this process, from 0.
        count: the number of processes.
        gather: returns the bytes that each process passes; not called for one process.
    """

    def __init__(
        self,
        rank: int = 0,
        count: int = 1,
        gather: Callable[[bytes], list[bytes]] | None = None,
    ) -> None:
        self.rank, self.count, self._gather = rank, count, gather

    def gather(self, value: Any) -> list[Any]:
        """Return the JSON value that each process has passed, by rank.

        Raises:
            OtherProcessError: another process has raised an error meanwhile.
        """
        messages = self._exchange({VALUE: value})
        for rank, message in enumerate(messages):
            if FAILURE in message:
                raise OtherProcessError(
                    f"Process {rank} of {self.count} has failed, so that process "
                    f"{self.rank} cannot go on. {message[FAILURE]}"
                )
        return [message[VALUE] for message in messages]

    def mean(self, value: float) -> float:
        """Return the mean of the numbers that the processes pass."""
        values = self.gather(value)
        # The mean of equal numbers would be rounded.
        return value if len(set(values)) == 1 else sum(values) / len(values)

    def wait(self) -> None:
        """Wait until all processes have called this."""
        self.gather(None)

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """Raise in all processes if the block raises in one, and wait for all."""
        try:
            yield
        except OtherProcessError:
            raise
        except Exception as error:
            # The other processes may have died, and the first error is the cause.
            with contextlib.suppress(Exception):
                self._exchange({FAILURE: f"{type(error).__name__}: {error}"})
            raise
        self.wait()

    def _exchange(self, message: dict[str, Any]) -> list[dict[str, Any]]:
        if self.count == 1 or self._gather is None:
            return [message]
        return [json.loads(one) for one in self._gather(json.dumps(message).encode())]


def processes_of(model: keras.Model, in_fit: bool) -> Processes:
    """Return the processes that train a model together.

    On JAX these are all processes if the model's variables are on devices of all of
    them, as under keras.distribution. On torch these are those of torch.distributed;
    Keras's own `fit` uses no DistributedDataParallel, so a model with Keras's own step
    is trained by one process there. On TensorFlow it is always one, as `fit` fails
    under the strategies of several workers.

    Args:
        model: the model.
        in_fit: whether `fit` trains it, and not a loop of the user's own.
    """
    link = _link()
    if link is None or link.count() == 1:
        return Processes()
    if keras.backend.backend() == "jax":
        together = link.train_together([v.value for v in model.variables])
    else:
        together = not trains_alone(model, in_fit)
    if not together:
        return Processes()
    return Processes(link.rank(), link.count(), link.gather)


def trains_alone(model: keras.Model, in_fit: bool = True) -> bool:
    """Return whether each of several torch processes trains a model of its own."""
    in_group = keras.backend.backend() == "torch" and _link().count() > 1
    return in_group and in_fit and not has_own_step(model)


def _link() -> Any:
    """Return the module for the exchanges of a backend, None if there is none."""
    backend = keras.backend.backend()
    if backend not in ("jax", "torch"):
        return None
    return importlib.import_module(f"kerasched.kernels.{backend}_processes")
