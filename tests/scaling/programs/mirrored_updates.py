"""Updates in the replicas of a MirroredStrategy, and the same updates on one device.

Prints a JSON object. For each case it has the final values of each replica and of one
device, and the code that ran the updates. It also has the error for variables that were
created elsewhere. This is a separate process because TensorFlow's devices must be
configured before its first use.

Arguments: the number of replicas, and the names of cases, or none for all.
"""

import json
import sys

import keras
import numpy as np
import tensorflow as tf

import kerasched

COUNT = int(sys.argv[1])
WANTED = sys.argv[2:]
(cpu,) = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(
    cpu, [tf.config.LogicalDeviceConfiguration()] * COUNT
)
# Only one strategy: two would use the same numbers for their sums over replicas.
strategy = tf.distribute.MirroredStrategy([f"CPU:{i}" for i in range(COUNT)])

# The second is excluded from decay. The third may have sparse gradients, and the last
# may have none.
NAMES = ("kernel", "bias", "rows", "other")
SHAPES = ((3, 2), (2,), (5, 2), (4,))
ROWS = (1, 3, 1)
STEPS = 7
random = np.random.default_rng(0)
START = [random.normal(size=shape).astype("float32") for shape in SHAPES]
GRADIENTS = [
    [[random.normal(size=s).astype("float32") for s in SHAPES] for _ in range(COUNT)]
    for _ in range(STEPS)
]
INFINITE_STEP = 2

linear = kerasched.LinearDecay
momentum = {"momentum": 0.9}
average = {"use_ema": True, "ema_momentum": 0.5}
overwrite = {**average, "ema_overwrite_frequency": 2}
scheduled = {
    "learning_rate": linear(0.1, 9),
    "momentum": linear(0.9, 9, end_learning_rate=0.1),
    "weight_decay": linear(0.1, 9),
}
three = {"gradient_accumulation_steps": 3}
OPTIONS = {
    "plain": {},
    "momentum": momentum,
    "nesterov": {**momentum, "nesterov": True},
    "decay": {**momentum, "weight_decay": 0.1},
    "independent": {"weight_decay": 0.1, "independent_weight_decay": True},
    "schedules": scheduled,
    "clipvalue": {**momentum, "clipvalue": 0.3},
    "clipnorm": {**momentum, "clipnorm": 0.3, "loss_scale_factor": 8.0},
    "global_clipnorm": {"global_clipnorm": 0.3, "weight_decay": 0.1},
    "average": average,
    "overwrite": {**momentum, **overwrite},
    "accumulation": {**momentum, **three, "loss_scale_factor": 8.0},
    "accumulated norm": {**three, **overwrite, "global_clipnorm": 0.3},
    "all": {**scheduled, **three, **overwrite, "nesterov": True, "clipnorm": 0.3},
    "adamw": {"cls": "AdamW", "weight_decay": 0.1, "global_clipnorm": 0.3},
    "amsgrad": {"cls": "Adam", "amsgrad": True, **three, **overwrite},
    "lion": {"cls": "Lion", "learning_rate": linear(0.1, 9), "weight_decay": 0.1},
}
KerasScale = keras.optimizers.LossScaleOptimizer
CLIPS = ("clipvalue", "clipnorm", "global_clipnorm")


def gradients_of(step, replica, kind):
    """Return the gradients of a replica: all dense, or with a sparse or missing one."""
    given = [tf.constant(g) for g in GRADIENTS[step][replica]]
    if kind == "sparse":
        rows = tf.constant(ROWS)
        shape = tf.constant(SHAPES[2])
        given[2] = tf.IndexedSlices(tf.gather(given[2], rows), rows, shape)
    if kind == "missing":
        given[3] = None
    return given


def made(options, scale=None):
    """Return an optimizer and the variables for which it is built."""
    variables = [keras.Variable(s, name=n) for n, s in zip(NAMES, START, strict=True)]
    given = {"learning_rate": 0.1, **options}
    optimizer = getattr(kerasched, given.pop("cls", "SGD"))(**given)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    if scale is not None:
        optimizer = scale(optimizer, initial_scale=8.0, dynamic_growth_steps=3)
    optimizer.build(variables)
    return optimizer, variables


def in_replicas(make, kind="dense", infinite=None, graph=True):
    """Train in the replicas; return their values and the code that ran the last step.

    Args:
        make: a function that returns an optimizer and its variables.
        kind: as for `gradients_of`.
        infinite: the replica with an infinite gradient in one step, or None.
        graph: whether the steps are compiled as a graph.
    """
    with strategy.scope():
        optimizer, variables = make()

    def apply(gradients):
        scaled = [g if g is None else scaled_by(optimizer, g) for g in gradients]
        optimizer.apply(scaled, variables)

    def step(gradients):
        strategy.run(apply, args=(gradients,))

    run = tf.function(step) if graph else step
    for number in range(STEPS):
        gradients = [gradients_of(number, i, kind) for i in range(COUNT)]
        if infinite is not None and number == INFINITE_STEP:
            gradients[infinite][0] *= np.inf
        run(distributed(gradients))
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    held = [v.value for v in (*variables, *optimizer.variables)]
    components = map(strategy.experimental_local_results, held)
    values = ([c.numpy().tolist() for c in one] for one in components)
    return list(zip(*values, strict=True)), inner._step_cache.path


def distributed(gradients):
    """Return the gradients of all replicas in the form that TensorFlow passes them.

    Args:
        gradients: a list of tensors for each replica; some may be None.
    """

    def of_all(i):
        return strategy.experimental_distribute_values_from_function(
            lambda context: gradients[int(context.replica_id_in_sync_group)][i]
        )

    first = gradients[0]
    return tuple(None if g is None else of_all(i) for i, g in enumerate(first))


def scaled_by(optimizer, gradient):
    """Return a gradient of the loss scaled by an optimizer."""
    factor = optimizer.scale_loss(1.0)
    if isinstance(gradient, tf.IndexedSlices):
        return tf.IndexedSlices(
            gradient.values * factor, gradient.indices, gradient.dense_shape
        )
    return gradient * factor


def on_one_device(options, scale=None, kind="dense", infinite=None):
    """Train on one device with the sums of the replicas' gradients.

    Each replica clips its own gradients. Accumulated gradients are clipped at the end.
    """
    clips = {n: v for n, v in options.items() if n in CLIPS}
    apart = "gradient_accumulation_steps" not in options
    clip = keras.optimizers.SGD(**clips)._clip_gradients if apart else list
    kept = {n: v for n, v in options.items() if not (apart and n in clips)}
    optimizer, variables = made({**kept, "fused": False}, scale and KerasScale)
    for number in range(STEPS):
        each = [
            clip([g for g in gradients_of(number, i, kind) if g is not None])
            for i in range(COUNT)
        ]
        dense = [list(map(tf.convert_to_tensor, gradients)) for gradients in each]
        summed = list(map(tf.add_n, zip(*dense, strict=True)))
        if infinite is not None and number == INFINITE_STEP:
            summed[0] *= np.inf
        summed = [g * optimizer.scale_loss(1.0) for g in summed]
        missing = [None] * (len(SHAPES) - len(summed))
        optimizer.apply([*summed, *missing], variables)
    values = (*variables, *optimizer.variables)
    return [keras.ops.convert_to_numpy(v).tolist() for v in values]


def cases():
    """Yield the name, the options and the arguments of each case."""
    for name, options in OPTIONS.items():
        yield f"{name}", {**options, "fused": True}, {}
        yield f"{name}, small", options, {}
        yield f"{name}, eager", {**options, "fused": True}, {"graph": False}
        for kind in ("missing", "sparse"):
            yield f"{name}, {kind}", options, {"kind": kind}
            # Keras changes only the rows of a sparse gradient if the update is plain.
            if (name, kind) != ("plain", "sparse"):
                large = {**options, "fused": True}
                yield f"{name}, {kind}, large", large, {"kind": kind}
    for name in ("momentum", "clipvalue", "overwrite", "all"):
        options, ours = OPTIONS[name], {"scale": kerasched.LossScaleOptimizer}
        yield f"{name}, scaled by Keras", options, {"scale": KerasScale}
        for infinite in (None, 0, 1):
            given = {**ours, "infinite": infinite}
            yield f"{name}, scaled, {infinite}", {**options, "fused": True}, given
            yield f"{name}, scaled, small, {infinite}", options, given
            missing = {**given, "kind": "missing"}
            yield f"{name}, scaled, missing, {infinite}", options, missing


def result(options, scale=None, graph=True, **given):
    replicas, path = in_replicas(lambda: made(options, scale), graph=graph, **given)
    alone = on_one_device(
        {n: v for n, v in options.items() if n != "fused"}, scale, **given
    )
    return {"replicas": replicas, "alone": alone, "path": path}


def from_outside():
    """Apply one gradient to all replicas, in the scope but outside of `run`."""
    with strategy.scope():
        optimizer, variables = made({**OPTIONS["nesterov"], "fused": True})
        optimizer.apply([tf.constant(s) for s in START], variables)
        held = [strategy.experimental_local_results(v.value) for v in variables]
    replicas = zip(*held, strict=True)
    alone, same = made({**OPTIONS["nesterov"], "fused": False})
    alone.apply([tf.constant(s) for s in START], same)
    return {
        "replicas": [[c.numpy().tolist() for c in one] for one in replicas],
        "alone": [v.numpy().tolist() for v in same],
        "path": optimizer._step_cache.path,
    }


def refusal():
    """Return the error for variables that were created outside of the scope."""
    optimizer, variables = made(OPTIONS["schedules"])
    gradients = [tf.constant(s) for s in START]
    try:
        strategy.run(lambda: optimizer.apply(gradients, variables))
    except ValueError as error:
        return str(error)
    return None


if __name__ == "__main__":
    found = {
        name: result(options, **given)
        for name, options, given in cases()
        if not WANTED or name in WANTED
    }
    found["from outside"] = from_outside()
    print(json.dumps({"cases": found, "refusal": refusal()}))
