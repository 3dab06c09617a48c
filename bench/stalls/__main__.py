"""`python -m bench.stalls`."""

from __future__ import annotations

from bench.stalls.cli import main

main()
