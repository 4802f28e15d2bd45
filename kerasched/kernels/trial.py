"""A first run of a kernel on a few numbers, before it is trusted with a model."""

from collections.abc import Callable

import numpy as np

from kerasched.kernels import native
from kerasched.kernels.options import Arrays
from kerasched.kernels.options import Options
from kerasched.kernels.options import Scalars

# Takes options, scalars, arrays and gradients, and returns the arrays after one step.
Run = Callable[[Options, Scalars, Arrays, list[np.ndarray]], list[np.ndarray]]

RATE, MOMENTUM, DECAY = 0.25, 0.5, 0.125
OPTIONS = Options(momentum=True, nesterov=True, weight_decay=True)


def refusal(framework: str, register: Callable[[], str], run: Run) -> str:
    """Return why the XLA of a framework cannot run the kernel, or an empty text.

    Args:
        framework: its name, for the text.
        register: registers the handler there; returns why not, or an empty text.
        run: calls it.
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
    """Return in what way a kernel's results are wrong, or an empty text.

    Every number of the trial is exact in binary, so that they must be right to the bit.
    """
    numbers = np.arange(8, dtype="float32") - 3.0
    weight, gradient, velocity = numbers, numbers[::-1].copy(), numbers * 2.0
    arrays = Arrays([weight.copy()], [velocity.copy()], [], [])
    scalars = Scalars(RATE, MOMENTUM, DECAY, 0)
    new = run(OPTIONS, scalars, arrays, [gradient.copy()])
    decayed = weight - weight * DECAY * RATE
    moved = velocity * MOMENTUM - gradient * RATE
    expected = [decayed + moved * MOMENTUM - gradient * RATE, moved]
    if len(new) == 2 and all(map(np.array_equal, new, expected)):
        return ""
    return "a trial with eight numbers gave wrong results"
