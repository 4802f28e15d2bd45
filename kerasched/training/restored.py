"""Restoring a model after it was trained for a while, however that ends."""

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
    """Restore a model after the block, also if it raises.

    This restores its variables, those of its optimizers and metrics, the optimizers'
    rates and the compiled step. Ctrl-C is delayed until everything is restored.

    Args:
        model: a compiled model that is built, as are the optimizers that train it.
    """
    stack = contextlib.ExitStack()
    # The last callback runs first: values are assigned once the optimizer has its own
    # variables again, and JAX holds no separate state that would overwrite them.
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
        # Between steps JAX's trainer has its state here, and an interrupted next fit
        # would use it. `fit` ends by setting None too.
        stack.callback(setattr, model, "_jax_state", None)
    try:
        yield
    finally:
        with uninterrupted():
            stack.close()


@contextlib.contextmanager
def restored_on_error(model: keras.Model | None) -> Iterator[None]:
    """Restore the variables of a model, if there is one, if the block raises."""
    before = Snapshot([] if model is None else every_variable(model))
    try:
        yield
    except BaseException:
        before.restore()
        raise


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Delay Ctrl-C until the end of the block."""
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
    """Mark metrics and loss as unbuilt again if they are.

    The first `fit` draws a batch to build them. If they were built already, the order
    of its data would change. They have no public name.
    """
    metrics = getattr(model, "_compile_metrics", None)
    loss = getattr(model, "_compile_loss", None)
    for compiled in (metrics, loss):
        if compiled is not None and not compiled.built:
            stack.callback(setattr, compiled, "built", False)
    if loss is not None and not loss.built:
        stack.callback(loss.metrics.clear)  # Building creates them again.


def _keep_torch_modules(model: Any, stack: contextlib.ExitStack) -> None:
    """Restore the modes and buffers of torch modules."""
    for layer in _layers_in(model):
        for module in layer.modules():
            stack.callback(setattr, module, "training", module.training)
        for buffer in layer.buffers():
            stack.callback(buffer.copy_, buffer.clone())


def _layers_in(layer: Any) -> Iterator[Any]:
    """Yield a layer and the layers of a model, which are not torch submodules."""
    yield layer
    for inner in getattr(layer, "layers", ()):
        yield from _layers_in(inner)
