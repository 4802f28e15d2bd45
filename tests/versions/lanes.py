"""The lanes: sets of versions that are tested together.

The lanes include both ends of each range in pyproject.toml: the oldest and the newest
version of Python, Keras, NumPy, TensorFlow, JAX and torch. The lanes in between have a
framework version that changed something on which the kernel depends.
"""

from dataclasses import dataclass

# TensorFlow without its GPU libraries.
TENSORFLOW = "tensorflow-cpu"


@dataclass(frozen=True)
class Lane:
    """Versions that are installed together, and the backend of the tests."""

    name: str
    backend: str
    python: str
    requirements: tuple[str, ...]


def _lane(name: str, backend: str, python: str, *requirements: str) -> Lane:
    return Lane(name, backend, python, requirements)


LANES = (
    _lane(
        "oldest TensorFlow",
        "tensorflow",
        "3.11",
        f"{TENSORFLOW}==2.18.0",
        "keras==3.10.0",
        "numpy==1.26.4",
    ),
    _lane(
        "TensorFlow 2.19",
        "tensorflow",
        "3.11",
        f"{TENSORFLOW}==2.19.1",
        "keras==3.11.3",
    ),
    _lane(
        "TensorFlow 2.20",
        "tensorflow",
        "3.12",
        f"{TENSORFLOW}==2.20.0",
        "keras==3.12.4",
    ),
    _lane("newest TensorFlow", "tensorflow", "3.13", TENSORFLOW, "keras", "numpy"),
    _lane(
        "oldest JAX",
        "jax",
        "3.11",
        "jax==0.6.0",
        "jaxlib==0.6.0",
        "keras==3.10.0",
        "numpy==1.26.4",
    ),
    _lane("JAX 0.8.0", "jax", "3.12", "jax==0.8.0", "jaxlib==0.8.0", "keras==3.13.2"),
    _lane("JAX 0.9", "jax", "3.12", "jax==0.9.2", "jaxlib==0.9.2", "keras==3.14.1"),
    _lane("JAX 0.10", "jax", "3.11", "jax==0.10.2", "jaxlib==0.10.2", "keras"),
    _lane("newest JAX", "jax", "3.13", "jax", "keras", "numpy"),
    _lane(
        "oldest torch",
        "torch",
        "3.11",
        "torch==2.6.0",
        "keras==3.10.0",
        "numpy==1.26.4",
    ),
    _lane("torch 2.13", "torch", "3.11", "torch==2.13.0", "keras"),
    _lane("newest torch", "torch", "3.11", "torch", "keras", "numpy"),
)
