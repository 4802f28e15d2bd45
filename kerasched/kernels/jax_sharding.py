"""The kernel on sharded arrays: each device updates its shards of the weights.

The slots of a weight have its sharding, and so has its gradient. A distribution says
which it is, so the backward pass computes the gradient in it, as for Keras's own
operations. Without a distribution, the sharding rule gives the gradient factors of its
own, so XLA reshards it where the update begins. If it shared the factors of its weight,
XLA would propagate the gradient's sharding to the results, and then gather each.

XLA calls Python to partition the kernel: until then, the program has the address of a
Python object in place of the options. JAX's compilation cache would take two updates
for one if an address is used again, so a number that stands for the options is an
operand.

Norms, and the check that all gradients are finite, need whole gradients. A first pass
reads each shard, and one sum over all devices turns its results into those of the whole
gradients.
"""

import functools
import zlib
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import keras
import numpy as np
from jax.experimental.custom_partitioning import custom_partitioning
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec

from kerasched.kernels import jax_calls
from kerasched.kernels.options import Options


def partitioned(
    options: Options, decays: tuple[bool, ...], ranks: tuple[int, ...]
) -> Callable[..., tuple[Any, ...]]:
    """Return the kernel's update of weights of these ranks, as XLA partitions it.

    Its operands and results are those of `jax_calls.update`.
    """
    count, groups = len(decays), jax_calls.groups(options)
    scalars = 1 + options.scalars  # The first one is `key`.
    key = np.uint32(zlib.crc32(repr((options, decays)).encode()))

    def update(key: Any, *operands: Any) -> tuple[Any, ...]:
        del key
        return jax_calls.update(options, decays, *operands)

    reads_first = options.clips_norm or options.skips_nonfinite

    def shardings(mesh: Any, operands: Any) -> tuple[Any, list[Any]]:
        """Return the sharding of a scalar, and that of each weight."""
        weights = operands[scalars : scalars + count]
        return NamedSharding(mesh, PartitionSpec()), [x.sharding for x in weights]

    def of_results(mesh: Any, operands: Any, results: Any) -> tuple[Any, ...]:
        del results
        scalar, weights = shardings(mesh, operands)
        return (*weights * groups, *[scalar] * options.skips_nonfinite)

    def partition(mesh: Any, operands: Any, results: Any) -> Any:
        scalar, weights = shardings(mesh, operands)
        axes = [_axes(sharding.spec) for sharding in weights]
        on_shards: Callable[..., tuple[Any, ...]] = update
        if reads_first and any(axes):
            on_shards = functools.partial(_update_shards, options, decays, axes)
        given = (*[scalar] * scalars, *weights * (groups + 1))
        return mesh, on_shards, of_results(mesh, operands, results), given

    program = custom_partitioning(update)
    program.def_partition(
        partition=partition,
        infer_sharding_from_operands=of_results,
        sharding_rule=_sharding_rule(options, ranks, groups),
    )
    return lambda *operands: tuple(program(key, *operands))


def like_weights(gradients: list[Any], weights: list[Any]) -> list[Any]:
    """Return the gradients with the shardings of their weights, under a distribution.

    Args:
        gradients: one array for each weight.
        weights: Keras variables.
    """
    distribution = keras.distribution.distribution()
    if distribution is None:
        return gradients

    def place(gradient: Any, weight: Any) -> Any:
        layout = distribution.get_variable_layout(weight)
        if layout is None:
            return gradient
        return keras.distribution.distribute_tensor(gradient, layout)

    return list(map(place, gradients, weights))


def _sharding_rule(options: Options, ranks: tuple[int, ...], groups: int) -> str:
    """Return the rule by which all arrays but the gradient of a weight agree."""

    def factors(name: str) -> list[str]:
        return [
            " ".join(f"{name}{i}d{axis}" for axis in range(rank))
            for i, rank in enumerate(ranks)
        ]

    weights = factors("w")
    operands = [""] * (1 + options.scalars) + weights * groups + factors("g")
    results = weights * groups + [""] * options.skips_nonfinite
    return f"{', '.join(operands)} -> {', '.join(results)}"


def _axes(spec: Any) -> frozenset[str]:
    """Return the axes of the mesh over which an array is sharded."""
    entries = [e if isinstance(e, tuple) else (e,) for e in spec if e is not None]
    return frozenset(axis for entry in entries for axis in entry)


def _update_shards(
    options: Options,
    decays: tuple[bool, ...],
    axes: list[frozenset[str]],
    key: Any,
    *operands: Any,
) -> tuple[Any, ...]:
    """Update the shards of one device, by the statistics of whole gradients.

    Args:
        options: the options of the update.
        decays: for each weight whether weight decay applies to it.
        axes: for each weight the axes over which it is sharded.
        key: a number that stands for the options; it is not used.
        operands: those of the update, on this device.
    """
    del key
    every = sorted(frozenset().union(*axes))
    first = {axis: jax.lax.axis_index(axis) == 0 for axis in every}
    # Over the other axes, devices hold copies of the same shard. One of them counts.
    counts = [
        functools.reduce(
            jnp.logical_and, (first[a] for a in every if a not in own), jnp.array(True)
        )
        for own in axes
    ]
    of_shards = jax_calls.statistics(options, len(decays), *operands)
    counted = jnp.where(jnp.stack([*counts, jnp.array(True)]), of_shards, 0)
    statistics = jax.lax.psum(counted, tuple(every))
    return jax_calls.update(options, decays, *operands, statistics=statistics)
