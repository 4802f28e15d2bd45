"""What a notebook shows of a schedule: its curve as an inline SVG, and its repr.

Lines and text have the colour of the text around them, on a light or a dark page.
"""

import html
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from kerasched.schedules.sampling import horizon
from kerasched.schedules.sampling import sample

# The picture in pixels; the curve lies in the box of WIDTH by HEIGHT.
WIDTH, HEIGHT = 360, 96
LEFT, TOP, RIGHT, BOTTOM = 64, 10, 16, 22
POINTS = 2 * WIDTH  # A step between two points is half a pixel wide.
FONT = "font:11px system-ui,sans-serif"


def html_of(schedule: Any) -> str:
    """Return the HTML of a schedule: a picture above the repr."""
    return (
        f'<div style="max-width:100%">{svg_of(schedule)}'
        f'<div><code style="white-space:pre-wrap">{html.escape(repr(schedule))}</code>'
        "</div></div>"
    )


def svg_of(schedule: Any) -> str:
    """Return a picture of a schedule's rates, from step 0 to a little past its end.

    The vertical axis includes 0. A rate that is not finite leaves a gap.
    """
    last = horizon(schedule)
    steps = sample(last, POINTS)
    with np.errstate(all="ignore"):
        rates = np.broadcast_to(schedule.evaluate(steps), steps.shape)
    finite = rates[np.isfinite(rates)]
    low, high = min([0.0, *finite]), max([0.0, *finite])
    high = high if high > low else 1.0  # All rates are 0.

    def down(rate: Any) -> Any:
        return HEIGHT * ((high - rate) / (high - low))

    path = path_of(WIDTH * steps / last, down(rates))
    size = (LEFT + WIDTH + RIGHT, TOP + HEIGHT + BOTTOM)
    least, most = min(finite, default=math.nan), max(finite, default=math.nan)
    title = f"rates {_text(least)} to {_text(most)} over steps 0 to {last}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{size[0]}" height="{size[1]}" '
        f'viewBox="{-LEFT} {-TOP} {size[0]} {size[1]}" role="img" fill="none" '
        f'stroke="currentColor" style="max-width:100%;height:auto;display:block">'
        f"<title>{title}</title>"
        f'<path d="M0 0V{HEIGHT}M0 {down(0.0):.4g}H{WIDTH}" stroke-opacity="0.4"/>'
        f'<path d="{path}" stroke-width="1.5" stroke-linejoin="round"/>'
        f'<g fill="currentColor" stroke="none" style="{FONT}" fill-opacity="0.75">'
        f"{_label(-6, 4, 'end', _text(high))}"
        f"{_label(-6, HEIGHT + 4, 'end', _text(low))}"
        f"{_label(0, HEIGHT + 16, 'start', 'step 0')}"
        f"{_label(WIDTH, HEIGHT + 16, 'end', f'{last:,}')}"
        "</g></svg>"
    )


def path_of(across: Any, down: Any) -> str:
    """Return the path of a step function: each value holds until the next position.

    Args:
        across: float array, the positions in increasing order.
        down: float array of the values there; one that is not finite leaves a gap.
    """
    return "".join(_segments(across, down))


def _segments(across: Any, down: Any) -> Iterator[str]:
    before = None
    for x, y in zip(across, down, strict=True):
        if not math.isfinite(y):
            if before is not None:
                yield f"H{x:.4g}"
            before = None
            continue
        value = f"{y:.4g}"
        if before is None:
            yield f"M{x:.4g} {value}"
        elif value != before:
            yield f"H{x:.4g}V{value}"
        before = value
    if before is not None:
        yield f"H{across[-1]:.4g}"


def _text(rate: float) -> str:
    return f"{rate:.4g}"


def _label(x: float, y: float, anchor: str, text: str) -> str:
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}">{text}</text>'
