"""The tensors to update, and the check that all optimizers give the same result."""

from typing import Any

import numpy as np
import resnet

TENSORS: dict[str, list[tuple[int, ...]]] = {
    "resnet": resnet.shapes(),
    "small": [(1,)] * 161,
    "tiny": [(3, 5), (5,), (5, 2), (2,)],
}


def arrays(name: str, seed: int, scale: float = 1.0) -> list[np.ndarray]:
    """Return normally distributed float32 arrays with the shapes of a set."""
    generator = np.random.default_rng(seed)
    return [
        scale * generator.standard_normal(shape, dtype="float32")
        for shape in TENSORS[name]
    ]


def starts(name: str) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return weights, and gradients as small as in training."""
    return arrays(name, 1), arrays(name, 2, 0.01)


def agree(name: str, found: dict[str, list[Any]], dtype: str = "float32") -> None:
    """Check that all weights equal those of Keras, and that they have changed.

    A dozen updates of 1e-4 may differ by the rounding of weights of a few units. In
    bfloat16 a weight of 4 is rounded to 2**-6, and Keras rounds Adam's rate, too.
    """
    close = 0.1 if dtype == "bfloat16" else 1e-5
    start, expected = arrays(name, 1), found["keras"]
    moved = max(np.abs(a - b).max() for a, b in zip(start, expected, strict=True))
    if not moved > 1e-5:
        raise SystemExit(f"Keras's own weights moved by {moved} only")
    for peer, weights in found.items():
        for ours, theirs in zip(weights, expected, strict=True):
            if not np.allclose(ours, theirs, rtol=0, atol=close):
                raise SystemExit(f"{peer} gives other weights than Keras")
