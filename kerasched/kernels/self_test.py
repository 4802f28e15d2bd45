"""The kernel's self-test: one step on eight numbers, before it updates a model."""

from collections.abc import Callable

import numpy as np

from kerasched.kernels import native
from kerasched.kernels.options import Arrays
from kerasched.kernels.options import Options
from kerasched.kernels.options import Scalars
from kerasched.kernels.options import Step

# Takes a step on NumPy arrays, and returns the arrays after it.
Run = Callable[[Step], list[np.ndarray]]

RATE, MOMENTUM, DECAY = 0.25, 0.5, 0.125
OPTIONS = Options("sgd_nesterov", weight_decay=True)


def xla_failure(framework: str, register: Callable[[], str | None], run: Run) -> str:
    """Return why a framework's XLA cannot run the kernel, or an empty text.

    Args:
        framework: its name, for the text.
        register: registers the handler; returns why it cannot, or an empty text.
        run: runs one step through the handler.
    """
    if native.missing:
        return native.missing
    if native.ffi_version() is None:
        return "the extension was built without XLA's headers"
    try:
        return register() or failure(run)
    except Exception as error:
        return f"{framework} refused it ({type(error).__name__}: {error})"


def failure(run: Run) -> str:
    """Return what is wrong with the results of a step, or an empty text.

    Every number is exact in binary, so that the results must be equal to the bit.
    """
    numbers = np.arange(8, dtype="float32") - 3.0
    weight, gradient, velocity = numbers, numbers[::-1].copy(), numbers * 2.0
    arrays = Arrays([weight.copy()], [[velocity.copy()]])
    scalars = Scalars(RATE, DECAY, 0, hyperparameters=(MOMENTUM,))
    new = run(Step(OPTIONS, scalars, [gradient.copy()], arrays, (True,)))
    decayed = weight - weight * DECAY * RATE
    moved = velocity * MOMENTUM - gradient * RATE
    expected = [decayed + moved * MOMENTUM - gradient * RATE, moved]
    if len(new) == 2 and all(map(np.array_equal, new, expected)):
        return ""
    return "the self-test gave wrong results"
