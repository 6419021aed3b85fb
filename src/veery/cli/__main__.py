"""`python -m veery.cli`, where the script `veery` is not on the path."""

from __future__ import annotations

import sys

from veery.cli.main import entry

sys.exit(entry())
