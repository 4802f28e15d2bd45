"""A custom torch loop over the data of several processes, as in Keras's guide."""

import random

import keras
import numpy as np

from kerasched.callbacks import BackupAndRestore
from kerasched.callbacks import LearningRateLogger
from scaling.training import Draws
from scaling.training import Parts
from scaling.training import make_model

EPOCHS = 3


class CrashError(Exception):
    pass


def alone(model):
    """Return the model itself, in place of DistributedDataParallel in one process."""
    return model


def train(numbers, wrapped, callbacks=(), crash=None, epochs=EPOCHS, **options):
    """Train on parts of the data, and return the model and its values.

    Args:
        numbers: the parts of the data.
        wrapped: DistributedDataParallel, or a function in its place.
        callbacks: the callbacks to call.
        crash: the epoch in which the loop raises, or None.
        epochs: the number of epochs.
        options: the options of the optimizer.
    """
    model, data = make_model(dropout=0.0, **options), Parts(numbers)
    listed = keras.callbacks.CallbackList(callbacks, model=model, epochs=epochs)
    listed.on_train_begin()
    backups = [one for one in callbacks if isinstance(one, BackupAndRestore)]
    first = len(backups[0].record) if backups else 0
    for _ in range(first):
        data.on_epoch_end()
    step = wrapped(model)
    for epoch in range(first, epochs):
        listed.on_epoch_begin(epoch)
        losses = []
        for index in range(len(data)):
            x, y = map(keras.ops.convert_to_tensor, data[index])
            outputs = keras.ops.cast(step(x, training=True), "float32")
            loss = keras.ops.mean(keras.ops.square(outputs - y))
            model.zero_grad()
            model.optimizer.scale_loss(loss).backward()
            gradients = [v.value.grad for v in model.trainable_variables]
            model.optimizer.apply(gradients, model.trainable_variables)
            losses.append(loss.item())
            if epoch == crash:
                raise CrashError
        data.on_epoch_end()
        listed.on_epoch_end(epoch, {"loss": float(np.mean(losses))})
    listed.on_train_end()
    variables = [*model.variables, *model.optimizer.variables]
    values = [np.array(keras.ops.convert_to_numpy(v.value)) for v in variables]
    return {"values": values}


def train_and_save(numbers, folder, wrapped, rank=0, crash=None):
    """Train with callbacks, and return the results."""
    random.seed(rank)
    backup, draws = BackupAndRestore(folder, delete_checkpoint=False), Draws()
    callbacks = [LearningRateLogger(), draws, backup]
    trained = train(numbers, wrapped, callbacks, crash)
    return {**trained, "record": backup.record, "drawn": draws.drawn}
