"""`python -m kerasched` is the `kerasched` command."""

import sys

from kerasched.cli import main

sys.exit(main())
