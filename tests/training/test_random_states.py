"""Restored random states continue the same sequence, in this process or another."""

import json
import random

import keras
import numpy as np
import pytest
from support import BACKEND
from support import run_json

from kerasched.resuming.random_states import random_states
from kerasched.resuming.random_states import set_random_states


def from_keras():
    return keras.ops.convert_to_numpy(keras.random.uniform((4,)))


def from_torch():
    import torch

    return torch.rand(4).numpy()


def from_tensorflow():
    import tensorflow as tf

    return tf.random.get_global_generator().uniform((4,)).numpy()


def from_an_operation():
    import tensorflow as tf

    return tf.random.uniform((4,)).numpy()


def from_a_shuffle():
    import tensorflow as tf

    return list(tf.data.Dataset.range(16).shuffle(16).as_numpy_iterator())


DRAWS = {
    "python": random.random,
    "python, normal": lambda: random.gauss(0.0, 1.0),
    "numpy": lambda: np.random.uniform(size=4),
    "numpy, normal": lambda: np.random.normal(size=3),
    "keras": from_keras,
}
if BACKEND == "torch":
    DRAWS["torch"] = from_torch
if BACKEND == "tensorflow":
    DRAWS["tensorflow"] = from_tensorflow
    DRAWS["an operation of tensorflow"] = from_an_operation
    DRAWS["a shuffle of tensorflow"] = from_a_shuffle

each_generator = pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)


@each_generator
def test_restored_states_repeat_the_same_numbers(draw):
    keras.utils.set_random_seed(7)
    draw()
    states = json.loads(json.dumps(random_states()))
    expected = [draw(), draw()]
    set_random_states(states)
    np.testing.assert_array_equal([draw(), draw()], expected)
    assert not np.array_equal(expected[0], expected[1])


@pytest.mark.parametrize(
    "draw",
    # keras.utils.set_random_seed does not seed TensorFlow's generator.
    [draw for name, draw in DRAWS.items() if name != "tensorflow"],
    ids=[name for name in DRAWS if name != "tensorflow"],
)
def test_reading_the_states_changes_nothing(draw):
    keras.utils.set_random_seed(7)
    expected = draw()
    keras.utils.set_random_seed(7)
    random_states()
    np.testing.assert_array_equal(draw(), expected)


@pytest.mark.skipif(BACKEND != "torch", reason="only the torch backend loads torch")
@pytest.mark.parametrize("count", [1, 2, 3])
def test_states_of_two_gpus_are_restored_where_others_are_visible(count, monkeypatch):
    import torch

    given = []
    states = random_states()
    states["torch"] *= 3  # The states of the CPU and of two GPUs.
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
    monkeypatch.setattr(torch.cuda, "set_rng_state_all", given.extend)
    set_random_states(states)
    assert len(given) == min(count, 2)


def test_an_unused_generator_is_recreated_with_the_same_numbers():
    keras.utils.set_random_seed(7)
    states = random_states()
    assert states["keras"] is None
    expected = from_keras()
    set_random_states(states)
    assert random_states() == states
    np.testing.assert_array_equal(from_keras(), expected)


ELSEWHERE = """
import json, random, sys
import keras, numpy as np
from kerasched.resuming.random_states import set_random_states
if keras.backend.backend() == "tensorflow":
    keras.utils.set_random_seed(1)
set_random_states(json.loads(sys.argv[1]))
drawn = keras.ops.convert_to_numpy(keras.random.uniform((4,))).tolist()
print(json.dumps([random.random(), np.random.uniform(), drawn]))
"""


def test_another_process_continues_the_same_numbers():
    keras.utils.set_random_seed(7)
    from_keras()
    states = json.dumps(random_states())
    expected = [random.random(), np.random.uniform(), from_keras().tolist()]
    assert run_json(ELSEWHERE, arguments=[states]) == expected
