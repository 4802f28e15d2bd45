"""A C++ compiler that compiles nothing twice: compiler.py FOLDER COMPILER ARGUMENTS.

An object is known by its command and by its source after the preprocessor, and kept in
the folder: of a mutant only what its patch changes is compiled.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path


def main() -> int:
    folder, *command = sys.argv[1:]
    if "-c" not in command or "-o" not in command:
        return subprocess.run(command).returncode
    place = command.index("-o")
    output = command[place + 1]
    rest = command[:place] + command[place + 2 :]
    read = ["-E" if word == "-c" else word for word in rest]
    source = subprocess.run(read, capture_output=True)
    known = hashlib.sha256("\0".join(rest).encode() + source.stdout).hexdigest()
    kept = Path(folder, f"{known}.o")
    if source.returncode == 0 and kept.exists():
        shutil.copy(kept, output)
        return 0
    code = subprocess.run(command).returncode
    if code == 0:
        keep(output, kept)
    return code


def keep(output: str, kept: Path) -> None:
    """Copy an object to its place at once, as others may be looking there."""
    handle, unfinished = tempfile.mkstemp(dir=kept.parent)
    os.close(handle)
    shutil.copy(output, unfinished)
    os.replace(unfinished, kept)


if __name__ == "__main__":
    sys.exit(main())
