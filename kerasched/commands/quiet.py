"""What frameworks print while they load, held back but for what matters."""

import contextlib
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from typing import TextIO

# TensorFlow tells that it has oneDNN, whatever TF_CPP_MIN_LOG_LEVEL says: a line of
# information, after one about its own logging.
_CHATTER = re.compile(
    rb"(I\d{4} .*|WARNING: All log messages before absl::InitializeLog\(\) .*)\n"
)


@contextlib.contextmanager
def without_chatter() -> Iterator[TextIO]:
    """Hold back what is printed to the error stream, and print what matters at the end.

    Yields:
        The error stream itself, for what must be seen at once.
    """
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            with open(kept, "w", closefd=False) as errors:
                yield errors
        finally:
            sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)
            held.seek(0)
            with open(2, "wb", closefd=False) as errors:
                errors.write(_CHATTER.sub(b"", held.read()))
