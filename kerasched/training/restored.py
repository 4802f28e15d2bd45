"""A model that may be trained for a while and is then as it was, whatever happens."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from typing import Any

import keras

from kerasched.training.leaves import leaves
from kerasched.training.leaves import rate_of
from kerasched.training.model_contents import contents_of
from kerasched.training.model_contents import every_variable
from kerasched.training.variables import Snapshot


@contextlib.contextmanager
def restored_after(model: keras.Model) -> Iterator[None]:
    """Put a model back to what it is now, however the block ends.

    Its variables, those of its optimizers and metrics, the optimizers' rates and the
    compiled step. An interrupt by Ctrl-C waits until all is back.

    Args:
        model: a compiled model that is built, as are the optimizers that train it.
    """
    stack = contextlib.ExitStack()
    # What comes last here is put back first: values go into the variables that the
    # optimizer had, and no state that JAX keeps apart replaces them afterwards.
    stack.callback(Snapshot(every_variable(model)).restore)
    _keep_unbuilt(model, stack)
    stack.callback(model.reset_metrics)
    stack.callback(setattr, model, "train_function", model.train_function)
    every = contents_of(model).optimizers.values()
    for optimizer in (leaf for one in every for leaf in leaves(one)):
        held = rate_of(optimizer)
        if not isinstance(held, keras.Variable):
            stack.callback(setattr, optimizer, "learning_rate", held)
    if keras.backend.backend() == "torch":
        _keep_torch_modules(model, stack)
    if keras.backend.backend() == "jax":
        # Between two steps JAX's trainer holds the state here, and a next call of fit
        # that is interrupted would take it for its own. fit itself ends like this.
        stack.callback(setattr, model, "_jax_state", None)
    try:
        yield
    finally:
        with uninterrupted():
            stack.close()


@contextlib.contextmanager
def restored_on_error(model: keras.Model | None) -> Iterator[None]:
    """Put the variables of a model, if there is one, back if the block raises."""
    before = Snapshot([] if model is None else every_variable(model))
    try:
        yield
    except BaseException:
        before.restore()
        raise


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Let an interrupt by Ctrl-C wait for the end of the block."""
    before = signal.getsignal(signal.SIGINT)
    in_main = threading.current_thread() is threading.main_thread()
    if not in_main or not callable(before):
        yield
        return
    waiting: list[Any] = []
    signal.signal(signal.SIGINT, lambda *call: waiting.append(call))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if waiting:
            before(*waiting[0])


def _keep_unbuilt(model: Any, stack: contextlib.ExitStack) -> None:
    """Let what the first call of fit builds be built by it.

    It looks at a batch for it, and so draws an order of the data once more. What is
    compiled of the metrics and the loss has no public name.
    """
    metrics = getattr(model, "_compile_metrics", None)
    loss = getattr(model, "_compile_loss", None)
    for compiled in (metrics, loss):
        if compiled is not None and not compiled.built:
            stack.callback(setattr, compiled, "built", False)
    if loss is not None and not loss.built:
        stack.callback(loss.metrics.clear)  # Made anew as it is built.


def _keep_torch_modules(model: Any, stack: contextlib.ExitStack) -> None:
    """Keep what modules of torch have besides Keras's variables."""
    for layer in _layers_in(model):
        for module in layer.modules():
            stack.callback(setattr, module, "training", module.training)
        for buffer in layer.buffers():
            stack.callback(buffer.copy_, buffer.clone())


def _layers_in(layer: Any) -> Iterator[Any]:
    """Return a layer and those of a model, which torch does not know as its modules."""
    yield layer
    for inner in getattr(layer, "layers", ()):
        yield from _layers_in(inner)
