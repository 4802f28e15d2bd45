"""Counts the operations of a compiled schedule: graph nodes or XLA instructions."""

import re
from collections import Counter

from keras.optimizers import schedules as keras_schedules
from support import BACKEND

import kerasched
from kerasched import CosineDecay
from kerasched import CosineRestarts
from kerasched import ExponentialDecay
from kerasched import InverseTimeDecay
from kerasched import LinearDecay
from kerasched import PiecewiseConstant
from kerasched import PolynomialDecay
from kerasched import StepDecay
from kerasched import Warmup

# A schedule of kerasched and Keras's own one of the same family, with equal arguments.
PAIRS = {
    "StepDecay": (
        StepDecay(0.1, 100, 0.5),
        keras_schedules.ExponentialDecay(0.1, 100, 0.5, staircase=True),
    ),
    "ExponentialDecay": (
        ExponentialDecay(0.1, 100, 0.5),
        keras_schedules.ExponentialDecay(0.1, 100, 0.5),
    ),
    "ExponentialDecay, staircase": (
        ExponentialDecay(0.1, 100, 0.5, staircase=True),
        keras_schedules.ExponentialDecay(0.1, 100, 0.5, staircase=True),
    ),
    "PolynomialDecay": (
        PolynomialDecay(0.1, 100, 0.01, 2.0),
        keras_schedules.PolynomialDecay(0.1, 100, 0.01, 2.0),
    ),
    "LinearDecay": (
        LinearDecay(0.1, 100, 0.01),
        keras_schedules.PolynomialDecay(0.1, 100, 0.01, 1.0),
    ),
    "PolynomialDecay, cycle": (
        PolynomialDecay(0.1, 100, 0.01, 2.0, cycle=True),
        keras_schedules.PolynomialDecay(0.1, 100, 0.01, 2.0, cycle=True),
    ),
    "CosineDecay": (CosineDecay(0.1, 100), keras_schedules.CosineDecay(0.1, 100)),
    "CosineDecay, with an end": (
        CosineDecay(0.1, 100, 0.01),
        keras_schedules.CosineDecay(0.1, 100, alpha=0.1),
    ),
    "Warmup of CosineDecay": (
        Warmup(CosineDecay(0.1, 100), 10),
        keras_schedules.CosineDecay(0.0, 100, warmup_target=0.1, warmup_steps=10),
    ),
    "CosineRestarts": (
        CosineRestarts(0.1, 100),
        keras_schedules.CosineDecayRestarts(0.1, 100),
    ),
    "CosineRestarts, t_mul 1": (
        CosineRestarts(0.1, 100, 1.0),
        keras_schedules.CosineDecayRestarts(0.1, 100, 1.0),
    ),
    "CosineRestarts, m_mul and an end": (
        CosineRestarts(0.1, 100, 2.0, 0.9, 0.01),
        keras_schedules.CosineDecayRestarts(0.1, 100, 2.0, 0.9, 0.1),
    ),
    "InverseTimeDecay": (
        InverseTimeDecay(0.1, 100, 0.5),
        keras_schedules.InverseTimeDecay(0.1, 100, 0.5),
    ),
    "InverseTimeDecay, staircase": (
        InverseTimeDecay(0.1, 100, 0.5, staircase=True),
        keras_schedules.InverseTimeDecay(0.1, 100, 0.5, staircase=True),
    ),
    "PiecewiseConstant": (
        PiecewiseConstant((10, 20), (0.1, 0.2, 0.3)),
        keras_schedules.PiecewiseConstantDecay([10, 20], [0.1, 0.2, 0.3]),
    ),
}

# The operations of `from_function` depend on the user's function.
COMPILED = tuple(
    entry.name for entry in kerasched.list_schedules() if entry.name != "from_function"
)

# Nodes and instructions that compute nothing.
NO_NODES = ("Placeholder", "Identity")
NO_WORK = ("parameter", "constant", "copy", "bitcast")


def nodes(schedule):
    """Return the number of nodes in a schedule's graph, functions included.

    The operations of Keras's warmup are in the functions of a conditional.
    """
    import tensorflow as tf

    function = tf.function(lambda step: schedule(step))
    graph = function.get_concrete_function(tf.TensorSpec((), tf.int64)).graph
    kinds = [node.type for node in graph.get_operations()]
    for inner in graph.as_graph_def().library.function:
        kinds += [node.op for node in inner.node_def]
    return sum(kind not in NO_NODES for kind in kinds)


def instructions(schedule):
    """Return the number of instructions of each kind in XLA's entry computation."""
    import jax
    import jax.numpy as jnp

    lowered = jax.jit(lambda step: schedule(step)).lower(jnp.int32(5))
    text = lowered.compile().as_text()
    body = text[text.index("\nENTRY ") :].partition("\n}")[0]
    kinds = re.findall(r"^ .*? = (?:\(.*?\)|\S+) ([a-z][\w-]*)\(", body, re.MULTILINE)
    return Counter(kind for kind in kinds if kind not in NO_WORK)


def operations(schedule):
    """Return the number of operations to which this backend compiles a schedule."""
    if BACKEND == "tensorflow":
        return nodes(schedule)
    if BACKEND == "jax":
        import jax
        import jax.numpy as jnp

        lowered = jax.jit(lambda step: schedule(step)).lower(jnp.int32(5))
        return lowered.as_text().count(" = ")
    import torch

    counts = []

    def count(graph, inputs):
        counts.append(len(graph.graph.nodes))
        return graph.forward

    torch.compiler.reset()
    step = torch.tensor(5, dtype=torch.int32)
    torch.compile(lambda step: schedule(step), fullgraph=True, backend=count)(step)
    return sum(counts)


def graph_table():
    """Return the nodes of each pair, as rows for a benchmark."""
    return [
        {"schedule": name, "nodes": nodes(ours), "keras_nodes": nodes(theirs)}
        for name, (ours, theirs) in PAIRS.items()
    ]


def fusion_table():
    """Return the instructions of each registered schedule, as rows for a benchmark."""
    examples = {entry.name: entry.example for entry in kerasched.list_schedules()}
    counts = {name: instructions(examples[name]) for name in COMPILED}
    return [
        {
            "schedule": name,
            "fusions": count["fusion"],
            "others": count.total() - count["fusion"],
        }
        for name, count in counts.items()
    ]
