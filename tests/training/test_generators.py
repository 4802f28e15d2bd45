"""The state of every kind of random generator can be saved and restored."""

import json
import random

import keras
import numpy as np
import pytest
from support import BACKEND

from kerasched.resuming.encoding import decode
from kerasched.resuming.encoding import encode
from kerasched.resuming.generators import kind_named
from kerasched.resuming.generators import kind_of


def of_torch():
    import torch

    return torch.Generator().manual_seed(3)


def draw_of_torch(generator):
    import torch

    return torch.rand(3, generator=generator).tolist()


def draw_of_keras(generator):
    return keras.ops.convert_to_numpy(generator.next()).tolist()


def draw_of_python(generator):
    return [generator.random(), generator.gauss(0, 1)]


KINDS = {
    "Random": (lambda: random.Random(3), draw_of_python),
    "RandomState": (
        lambda: np.random.RandomState(3),
        lambda generator: generator.normal(size=3).tolist(),
    ),
    "Generator": (
        lambda: np.random.Generator(np.random.MT19937(3)),
        lambda generator: generator.random(3).tolist(),
    ),
    "SeedGenerator": (lambda: keras.random.SeedGenerator(3), draw_of_keras),
}
if BACKEND == "torch":
    KINDS["torch.Generator"] = (of_torch, draw_of_torch)

each_kind = pytest.mark.parametrize("name", KINDS)


@each_kind
def test_the_state_of_a_generator_can_be_restored(name):
    make, draw = KINDS[name]
    generator = make()
    kind = kind_of(generator)
    assert kind.name == name
    draw(generator)
    state = kind.get(generator)
    drawn = [draw(generator), draw(generator)]
    assert drawn[0] != drawn[1]
    kind.put(generator, state)
    assert [draw(generator), draw(generator)] == drawn


@each_kind
def test_a_generator_from_a_file_continues_as_the_original(name):
    make, draw = KINDS[name]
    generator = make()
    draw(generator)
    arrays = {}
    text = json.dumps(encode([generator], arrays, "value"))
    (other,) = decode(json.loads(text), arrays)
    assert type(other) is type(generator)
    assert [draw(other), draw(other)] == [draw(generator), draw(generator)]


def test_an_object_without_a_state_is_no_generator():
    assert kind_of(random.SystemRandom()) is None
    assert kind_of(3) is None


def test_a_subclass_of_a_generator_is_not_saved_as_its_base_class():
    class Own(random.Random):
        pass

    assert kind_of(Own()).name == "Random"
    with pytest.raises(TypeError, match="which cannot be saved"):
        encode([Own()], {}, "value")


def test_an_unknown_kind_of_generator_is_named():
    text = "Generator2 is not a known kind of random generator"
    with pytest.raises(ValueError, match=text):
        kind_named("Generator2")
