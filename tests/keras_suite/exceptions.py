"""The cases of Keras's tests that our optimizers do not pass, with the reasons.

Each case still runs and must fail. A case that passes fails the run.
"""

BACKENDS = ("tensorflow", "jax", "torch")

OPTIMIZERS = (
    "adam",
    "adam_amsgrad",
    "adamw",
    "adamw_amsgrad",
    "lion",
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
# (case, backends, whether `fused=True` is the default or None for both, reason)
EXCEPTIONS: tuple[tuple[str, tuple[str, ...], bool | None, str], ...] = (
    *(
        (case, ("tensorflow", "jax"), True, "fused=True refuses a sparse gradient.")
        for case in SPARSE
    ),
    (
        "adam_test.py::AdamTest::test_clipnorm_indexed_slices",
        ("tensorflow",),
        True,
        "fused=True refuses a sparse gradient.",
    ),
)


def exceptions(backend, fused):
    """Return the reason of each case, for a backend and a default of `fused`."""
    return {
        case: reason
        for case, backends, forced, reason in EXCEPTIONS
        if backend in backends and forced in (None, fused)
    }
