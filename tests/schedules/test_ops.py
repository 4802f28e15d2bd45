"""A compiled schedule has at most as many nodes as Keras's, and one fusion in XLA."""

import pytest
from ops import COMPILED
from ops import PAIRS
from ops import instructions
from ops import nodes
from support import BACKEND
from support import EXAMPLES

on_tensorflow = pytest.mark.skipif(
    BACKEND != "tensorflow", reason="counts TensorFlow's graph nodes"
)
on_jax = pytest.mark.skipif(BACKEND != "jax", reason="reads XLA's program")


def test_every_family_of_keras_has_a_pair():
    import keras

    families = {type(theirs) for _, theirs in PAIRS.values()}
    package = vars(keras.optimizers.schedules).values()
    assert families == {
        cls
        for cls in package
        if isinstance(cls, type) and cls.__name__ != "LearningRateSchedule"
    }
    assert len(PAIRS) == 15


def test_every_schedule_except_from_function_is_compiled():
    assert set(EXAMPLES) - set(COMPILED) == {"from_function"}
    assert len(COMPILED) == len(EXAMPLES) - 1


@on_tensorflow
@pytest.mark.parametrize("name", PAIRS)
def test_a_graph_has_no_more_nodes_than_that_of_keras(name):
    ours, theirs = PAIRS[name]
    assert 0 < nodes(ours) <= nodes(theirs)


@on_tensorflow
def test_nodes_inside_of_functions_are_counted():
    import tensorflow as tf

    def branching(step):
        return tf.cond(step < 5, lambda: step * 2, lambda: step * 3 + 1)

    # With constants, one branch has two nodes and the other four. Outside there are at
    # least the comparison, its constant and the conditional.
    assert nodes(branching) >= 2 + 4 + 3


@on_jax
@pytest.mark.parametrize("name", COMPILED)
def test_a_schedule_is_one_fusion(name):
    assert instructions(EXAMPLES[name]) == ({} if name == "constant" else {"fusion": 1})


@on_jax
def test_a_loop_is_not_counted_as_a_fusion():
    import jax

    def loop(step):
        return jax.lax.while_loop(lambda x: x < 100, lambda x: x * 3 + 1, step)

    counts = instructions(loop)
    assert counts.total() > counts["fusion"]
