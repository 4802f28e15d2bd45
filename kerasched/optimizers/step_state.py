"""What a fused update knows during a step, and what it keeps from step to step."""

import threading
from typing import Any

from kerasched.optimizers.repeated_step import RepeatedStep


class StepState(threading.local):
    """State of the step that runs in this thread.

    Replicas of a tf.distribute strategy are threads that share one optimizer, and
    another thread may write a checkpoint during a step. A step therefore sets nothing
    else that Keras reads, least of all a public attribute.

    Attributes:
        rate: the learning rate, once it is computed.
        loss_scale: the factor by which the update divides the gradients, or None.
        computes_gradients: whether the program that applies the gradients also
            computes them.
        scratch: memory for the gradient of each weight, or an empty list (JAX).
    """

    rate: Any = None
    loss_scale: Any = None
    computes_gradients: bool = False

    def __init__(self) -> None:
        self.scratch: list[Any] = []


class StepCache:
    """What lasts from one step to the next.

    A plain object, so that neither Keras nor TensorFlow tracks what is in it.

    Attributes:
        path: what ran the last step, and why it was not the kernel.
        repeated: the last step, if the next one may repeat it (torch).
        entries: what kernels store, under keys of their own.
    """

    def __init__(self) -> None:
        self.path = ("", "")
        self.repeated: RepeatedStep | None = None
        self.entries: dict[Any, Any] = {}
