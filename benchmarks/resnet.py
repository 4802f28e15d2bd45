"""The trainable tensors of ResNet-50: He et al., 2015, arXiv:1512.03385."""

# The number of blocks and their inner width, for each of the four groups. A block's
# output is four times as wide.
GROUPS = ((3, 64), (4, 128), (6, 256), (3, 512))
CLASSES = 1000


def shapes() -> list[tuple[int, ...]]:
    """Return the shapes of all 161 tensors, 25,557,032 numbers, in network order."""
    found, channels = _convolution(7, 3, 64), 64
    for blocks, width in GROUPS:
        for block in range(blocks):
            found += _block(channels, width, shortcut=block == 0)
            channels = 4 * width
    return [*found, (channels, CLASSES), (CLASSES,)]


def _block(channels: int, width: int, shortcut: bool) -> list[tuple[int, ...]]:
    found = _convolution(1, channels, width) + _convolution(3, width, width)
    found += _convolution(1, width, 4 * width)
    return found + (_convolution(1, channels, 4 * width) if shortcut else [])


def _convolution(side: int, before: int, after: int) -> list[tuple[int, ...]]:
    """Return a kernel and the scale and offset of the normalization after it."""
    return [(side, side, before, after), (after,), (after,)]
