"""A first run of a kernel on a few numbers, before it is trusted with a model."""

from collections.abc import Callable

import numpy as np

from kerasched.kernels.options import Arrays
from kerasched.kernels.options import Options
from kerasched.kernels.options import Scalars

# Takes options, scalars, arrays and gradients, and returns the arrays after one step.
Run = Callable[[Options, Scalars, Arrays, list[np.ndarray]], list[np.ndarray]]

RATE, MOMENTUM, DECAY = 0.25, 0.5, 0.125
OPTIONS = Options(momentum=True, nesterov=True, weight_decay=True)


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
