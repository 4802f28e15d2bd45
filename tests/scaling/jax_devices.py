"""A small model on several virtual JAX devices: its layouts, options and steps.

It needs XLA_FLAGS=--xla_force_host_platform_device_count=8, set before JAX starts.
"""

import math
import re

import jax
import keras
import numpy as np

import kerasched

COLLECTIVES = (
    "all-gather",
    "all-reduce",
    "collective-permute",
    "all-to-all",
    "reduce-scatter",
)
ROWS = {"kernel": ("model", None)}
COLUMNS = {"kernel": (None, "model"), "bias": ("model",)}
# The first layer is sharded by columns, the second by rows, the third is replicated.
MIXED = {"first/kernel": (None, "model"), "first/bias": ("model",)}
MIXED["second/kernel"] = ("model", None)
GRID = {"kernel": ("batch", "model"), "bias": ("model",)}
# The layouts by name. Each has the shape of the mesh, whose axes are "batch" and
# "model", and the axes of variables by a part of their paths, or None to replicate all
# variables.
LAYOUTS = {
    "data over 2": ((2,), None),
    "data over 4": ((4,), None),
    "data over 8": ((8,), None),
    "rows over 4": ((1, 4), ROWS),
    "columns over 4": ((1, 4), COLUMNS),
    "rows and data over 4": ((4,), {"kernel": ("batch", None)}),
    "grid of 2 x 2": ((2, 2), GRID),
    "data over 2, columns over 4": ((2, 4), COLUMNS),
    "data over 2, mixed over 2": ((2, 2), MIXED),
}
ONE_DEVICE = "one device"

RATE = kerasched.CosineDecay(0.05, 40, 0.01)
MOMENTUM = kerasched.LinearDecay(0.5, 40, 0.9)
DECAY = kerasched.CosineDecay(0.02, 40)
ACCUMULATION = {"gradient_accumulation_steps": 4}
AVERAGE = {"use_ema": True, "ema_momentum": 0.9}
# `cls` is the optimizer class, by default SGD. `optimizer_of` and `model_of` handle
# names that are no arguments of the class.
OPTIONS = {
    "plain": {},
    "momentum": {"momentum": 0.9},
    "nesterov": {"momentum": 0.9, "nesterov": True},
    "decay": {"momentum": 0.9, "weight_decay": 0.01},
    "independent decay": {"weight_decay": 1e-3, "independent_weight_decay": True},
    "excluded from decay": {"weight_decay": 0.01, "exclude": ["bias"]},
    "clipvalue": {"momentum": 0.9, "clipvalue": 0.01},
    "clipnorm": {"momentum": 0.9, "clipnorm": 0.05},
    "global_clipnorm": {"momentum": 0.9, "global_clipnorm": 0.1},
    "average": {"momentum": 0.9, **AVERAGE},
    "average overwrites": {"ema_overwrite_frequency": 3, **AVERAGE},
    "accumulation": {"momentum": 0.9, **ACCUMULATION},
    "loss scale": {"momentum": 0.9, "loss_scale_factor": 64.0},
    "dynamic loss scale": {"momentum": 0.9, "dynamic": 64.0},
    "schedule of the rate": {"momentum": 0.9, "learning_rate": RATE},
    "schedule of the momentum": {"momentum": MOMENTUM},
    "schedule of the decay": {"momentum": 0.9, "weight_decay": DECAY},
    "everything": {
        "learning_rate": RATE,
        "momentum": 0.9,
        "nesterov": True,
        "weight_decay": 0.01,
        "exclude": ["bias"],
        "global_clipnorm": 0.1,
        "dynamic": 64.0,
        **AVERAGE,
        **ACCUMULATION,
    },
    "adamw": {"cls": "AdamW", "learning_rate": 1e-3, "global_clipnorm": 0.1},
    "amsgrad": {"cls": "Adam", "learning_rate": 1e-3, "amsgrad": True, **ACCUMULATION},
    "lion": {"cls": "Lion", "learning_rate": 1e-3, "dynamic": 64.0},
    "bfloat16": {"momentum": 0.9, "clipnorm": 0.05, "policy": "mixed_bfloat16"},
    "float16": {"momentum": 0.9, "dynamic": 1024.0, "policy": "mixed_float16"},
}
# Options that Keras's SGD does not have, and the option to compare collectives with.
NOT_IN_KERAS = {
    "independent decay": "decay",
    "schedule of the momentum": "momentum",
    "schedule of the decay": "decay",
}


def distribution_of(layout):
    """Return the distribution of a layout, or None for one device."""
    if layout == ONE_DEVICE:
        return None
    shape, axes = LAYOUTS[layout]
    devices = keras.distribution.list_devices("cpu")[: math.prod(shape)]
    names = ["batch", "model"][: len(shape)]
    mesh = keras.distribution.DeviceMesh(shape, names, devices)
    if axes is None:
        return keras.distribution.DataParallel(device_mesh=mesh)
    layouts = keras.distribution.LayoutMap(mesh)
    for path, names in axes.items():
        layouts[f".*{path}"] = names
    return keras.distribution.ModelParallel(layout_map=layouts, batch_dim_name="batch")


def optimizer_of(package, option):
    """Return an optimizer with an option; ours is required to use the kernel.

    Args:
        package: kerasched or keras.optimizers.
        option: a name in OPTIONS.
    """
    ours = package is kerasched
    given = {"learning_rate": 0.05, **OPTIONS[option]}
    cls = getattr(package, given.pop("cls", "SGD"))
    dynamic, exclude, _ = (given.pop(k, None) for k in ("dynamic", "exclude", "policy"))
    optimizer = cls(**given, fused=True) if ours else cls(**given)
    if exclude:
        optimizer.exclude_from_weight_decay(var_names=exclude)
    if not dynamic:
        return optimizer
    return package.LossScaleOptimizer(optimizer, initial_scale=dynamic)


def model_of(package, option):
    """Return a compiled model in the current distribution, with fixed weights."""
    keras.utils.set_random_seed(0)
    policy = OPTIONS[option].get("policy", "float32")
    layers = [keras.Input((16,))]
    for name, units, activation in (
        ("first", 32, "tanh"),
        ("second", 16, "tanh"),
        ("third", 8, None),
    ):
        layers.append(keras.layers.Dense(units, activation, name=name, dtype=policy))
    model = keras.Sequential(layers)
    model.compile(optimizer_of(package, option), "mse", auto_scale_loss=False)
    model.optimizer.build(model.trainable_variables)
    return model


def data(steps):
    """Return inputs and targets for `steps` steps, with a batch of 8 each."""
    random = np.random.default_rng(1)
    x = random.standard_normal((steps, 8, 16)).astype("float32")
    return x, random.standard_normal((steps, 8, 8)).astype("float32")


def on_devices(array):
    """Return a batch with the placement of the current distribution."""
    distribution = keras.distribution.distribution()
    if distribution is None:
        return array
    layout = distribution.get_data_layout(array.shape)
    return keras.distribution.distribute_tensor(array, layout)


class CompiledStep:
    """The train step of a model with its state, compiled as Keras compiles it.

    Args:
        model: a compiled model. Its variables are not changed.
    """

    def __init__(self, model):
        groups = (
            model.trainable_variables,
            model.non_trainable_variables,
            model.optimizer.variables,
            model.metrics_variables,
        )
        self.state = tuple([jax.numpy.copy(v.value) for v in g] for g in groups)
        shardings = tuple([v.value.sharding for v in g] for g in groups)
        alone = all(len(s.device_set) == 1 for g in shardings for s in g)
        step = jax.jit(
            model.train_step,
            donate_argnums=0,
            out_shardings=None if alone else (None, shardings),
        )
        x, y = (on_devices(array[0]) for array in data(1))
        self.program = step.lower(self.state, (x, y, None)).compile()

    def run(self, x, y):
        """Run one step on a batch and wait for it.

        With several steps dispatched ahead, eight devices on two busy cores wait for
        each other until XLA aborts the process. It does so with Keras's optimizer too.
        """
        batch = (on_devices(x), on_devices(y), None)
        _, self.state = jax.block_until_ready(self.program(self.state, batch))

    def values(self):
        """Return the weights and the optimizer's variables as NumPy arrays."""
        weights, _, variables, _ = self.state
        return [np.asarray(value) for value in [*weights, *variables]]

    def text(self):
        """Return the compiled program."""
        return self.program.as_text()


def step_of(package, option, layout, by_hand=False):
    """Return the compiled step of a model with an option on a layout.

    Args:
        package: kerasched or keras.optimizers.
        option: a name in OPTIONS.
        layout: a name in LAYOUTS, or ONE_DEVICE.
        by_hand: whether to compile the step without a distribution, for arrays that the
            user has placed.
    """
    keras.distribution.set_distribution(distribution_of(layout))
    try:
        model = model_of(package, option)
        if by_hand:
            keras.distribution.set_distribution(None)
        return CompiledStep(model)
    finally:
        keras.distribution.set_distribution(None)


def run(step, layout, steps):
    """Run steps and return the weights and the optimizer's variables."""
    keras.distribution.set_distribution(distribution_of(layout))
    try:
        for x, y in zip(*data(steps), strict=True):
            step.run(x, y)
        return step.values()
    finally:
        keras.distribution.set_distribution(None)


def collectives(text):
    """Return the number of each collective operation in a compiled program."""
    return {
        name: len(re.findall(rf" {name}(?:-start)?\(", text)) for name in COLLECTIVES
    }


def bytes_exchanged(text):
    """Return the size in bytes of the results of all collectives of one device."""
    names = "|".join(COLLECTIVES)
    results = re.findall(rf" = (.*?) (?:{names})(?:-start)?\(", text)
    arrays = re.findall(r"[a-z]+(\d+)\[([\d,]*)\]", " ".join(results))
    return sum(
        int(bits) // 8 * math.prod(int(size) for size in shape.split(",") if size)
        for bits, shape in arrays
    )
