"""The cases of Keras's tests that kerasched.SGD does not pass, each with its reason.

Each is run all the same, and must fail: one that passes fails the run.
"""

BACKENDS = ("tensorflow", "jax", "torch")

# (case, backends, whether fused is forced or None for both, reason)
EXCEPTIONS: tuple[tuple[str, tuple[str, ...], bool | None, str], ...] = ()


def exceptions(backend, fused):
    """Return the reasons by case, for a backend and a way of running."""
    return {
        case: reason
        for case, backends, forced, reason in EXCEPTIONS
        if backend in backends and forced in (None, fused)
    }
