"""The framework versions that the compiled kernel was tested with.

`python -m tests.versions` runs the kernel with each of them, and writes
docs/compatibility.md; a test compares the two. XLA is part of jaxlib, so that the
version of jaxlib counts and not that of jax.
"""

from importlib import metadata

TESTED: dict[str, tuple[str, ...]] = {
    "tensorflow": ("2.18.0", "2.19.1", "2.20.0", "2.21.0"),
    "jax": ("0.6.0", "0.8.0", "0.9.2", "0.10.2", "0.12.0.1"),
    "torch": ("2.6.0", "2.13.0", "2.14.1"),
}

# The name of what runs the kernel, for reports.
LABELS = {"tensorflow": "TensorFlow", "jax": "jaxlib", "torch": "torch"}

# The distributions that may contain a framework.
DISTRIBUTIONS = {
    "tensorflow": ("tensorflow", "tensorflow-cpu", "tensorflow-intel"),
    "jax": ("jaxlib",),
    "torch": ("torch",),
}


def installed(backend: str) -> str:
    """Return the installed version of a framework, or an empty text."""
    for name in DISTRIBUTIONS.get(backend, ()):
        try:
            return metadata.version(name).partition("+")[0]
        except metadata.PackageNotFoundError:
            continue
    return ""


def is_tested(backend: str) -> bool:
    """Return whether the kernel was tested with the installed version."""
    return installed(backend) in TESTED.get(backend, ())
