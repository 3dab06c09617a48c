"""The server's own log, on standard error: one line per event, no request data, no locals of frames."""

from __future__ import annotations

import logging


def configure_logging(level: str) -> None:
    """Log messages of `level` and above."""
    logging.basicConfig(level=level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s", force=True)
