"""The cyclical schedules of TensorFlow Addons."""

from kerasched import Triangular
from migrating.original import Reason
from migrating.original import original

COARSE = "The original counts in float32, which is too coarse for so many steps."
FAR = (2**20, 2**24, 2**24 + 1, 2**24 + 3)
REASONS = {
    "TriangularCyclicalLearningRate/0/f32": Reason(COARSE, FAR),
    "TriangularCyclicalLearningRate/2/f32": Reason(COARSE, FAR),
}


@original("TriangularCyclicalLearningRate")
def triangular(
    initial_learning_rate, maximal_learning_rate, step_size, scale_mode="cycle"
):
    return Triangular(initial_learning_rate, maximal_learning_rate, step_size)


@original("Triangular2CyclicalLearningRate")
def triangular2(initial_learning_rate, maximal_learning_rate, step_size):
    return Triangular(
        initial_learning_rate, maximal_learning_rate, step_size, mode="triangular2"
    )
