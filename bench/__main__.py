"""`python -m bench`, which `make bench` calls."""

from __future__ import annotations

from bench.cli import main

main()
