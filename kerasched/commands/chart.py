"""A curve in a terminal, drawn with block characters."""

import numpy as np

BLOCKS = " ▁▂▃▄▅▆▇█"
ASCII = " ...:::##"  # Where the terminal's encoding has no blocks.


def columns(values: np.ndarray, width: int) -> np.ndarray:
    """Return `width` of the values at equal distances, repeated if they are fewer."""
    return values[np.arange(width) * len(values) // width]


def chart(values: np.ndarray, height: int, blocks: str = BLOCKS) -> list[str]:
    """Return lines of text with a bar for each value, the highest line first.

    Bars stand on 0, or on the least value if that is negative. Every finite value is
    to be seen, if only as the smallest block; what is not finite leaves a gap.

    Args:
        values: float array of one axis.
        height: the number of lines.
        blocks: nine characters, from an empty one to a full one.
    """
    finite = np.isfinite(values)
    low = min(values[finite], default=0.0)
    low, high = min(low, 0.0), max(values[finite], default=0.0)
    part = (np.where(finite, values, low) - low) / ((high - low) or 1.0)
    eighths = np.where(finite, 1 + np.round(part * (8 * height - 1)), 0).astype(int)
    return [
        "".join(blocks[n] for n in np.clip(eighths - 8 * line, 0, 8))
        for line in reversed(range(height))
    ]
