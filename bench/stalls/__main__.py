"""`python -m bench.stalls`, which `make stalls` calls."""

from __future__ import annotations

from bench.stalls.cli import main

main()
