"""The cases of Keras's tests that kerasched.SGD does not pass, each with its reason.

Each is run all the same, and must fail: one that passes fails the run.
"""

BACKENDS = ("tensorflow", "jax", "torch")

OPTIMIZERS = (
    "sgd",
    "sgd_momentum",
    "sgd_momentum_nesterov",
    "loss_scale_optimizer_sgd",
)
SPARSE = tuple(
    f"optimizer_sparse_test.py::OptimizerSparseTest::test_sparse_{what}_{name}"
    for what in ("gradients", "correctness")
    for name in OPTIMIZERS
)
# Where NumPy's arrays of float64 are tensors of float64; JAX makes float32 of them.
FLOAT64 = (
    "sgd_test.py::SGDTest::test_correctness_with_golden",
    "optimizer_test.py::OptimizerTest::test_constraints_are_applied",
)

# (case, backends, whether fused is forced or None for both, reason)
EXCEPTIONS: tuple[tuple[str, tuple[str, ...], bool | None, str], ...] = (
    *(
        (case, ("tensorflow", "jax"), True, "fused=True refuses a sparse gradient.")
        for case in SPARSE
    ),
    *(
        (
            case,
            ("tensorflow", "torch"),
            True,
            "fused=True refuses a gradient of another type than its weight.",
        )
        for case in FLOAT64
    ),
)


def exceptions(backend, fused):
    """Return the reasons by case, for a backend and a way of running."""
    return {
        case: reason
        for case, backends, forced, reason in EXCEPTIONS
        if backend in backends and forced in (None, fused)
    }
