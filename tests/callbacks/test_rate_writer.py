"""RateWriter writes numbers to one or several variables of any floating type."""

import keras
import numpy as np
import pytest

from kerasched.callbacks.rate_writer import RateWriter

TYPES = ("float32", "float16", "bfloat16")


def written(dtypes):
    """Return the value of each variable after each of two writes."""
    variables = [keras.Variable(0.5, dtype=dtype) for dtype in dtypes]
    writer = RateWriter(variables)
    seen = []
    for value in writer.prepared([0.25, 0.125]):
        writer.write_prepared(value)
        seen.append([float(v) for v in variables])
    assert [str(v.dtype) for v in variables] == list(dtypes)
    return seen


@pytest.mark.parametrize("dtype", TYPES)
def test_a_variable_has_the_numbers_one_after_the_other(dtype):
    assert written([dtype]) == [[0.25], [0.125]]


@pytest.mark.parametrize("dtype", TYPES)
def test_several_of_one_type_have_the_same_number(dtype):
    assert written([dtype] * 2) == [[0.25] * 2, [0.125] * 2]


def test_each_of_several_types_has_the_number():
    assert written(TYPES) == [[0.25] * 3, [0.125] * 3]


def test_a_step_has_the_number_that_was_written():
    optimizer = keras.optimizers.SGD(0.5)
    weight = keras.Variable(np.zeros(2, "float32"))
    optimizer.build([weight])
    writer = RateWriter([optimizer.learning_rate])
    ones = keras.ops.ones((2,))
    for value in writer.prepared([0.25, 0.125]):
        writer.write_prepared(value)
        optimizer.apply([ones], [weight])
    np.testing.assert_array_equal(weight.numpy(), [-0.375, -0.375])
