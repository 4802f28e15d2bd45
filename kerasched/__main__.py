"""The `kerasched` command, as `python -m kerasched`."""

import sys

from kerasched.cli import main

sys.exit(main())
