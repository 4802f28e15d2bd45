"""Exchanges between the processes of torch.distributed."""

import torch
from torch import distributed


def rank() -> int:
    """Return the number of this process, from 0."""
    return distributed.get_rank()


def count() -> int:
    """Return the number of processes, 1 without an initialised process group."""
    if not (distributed.is_available() and distributed.is_initialized()):
        return 1
    return distributed.get_world_size()


def devices() -> str:
    """Return the number and the type of torch's devices, as text."""
    found = torch.cuda.device_count()
    text = f"{found} cuda" if found else "1 cpu"
    return f"{text}, process {rank()} of {count()}" if count() > 1 else text


def gather(content: bytes) -> list[bytes]:
    """Return the bytes that each process has passed, in the order of their ranks."""
    contents = [b""] * count()
    distributed.all_gather_object(contents, content)
    return contents
