"""Times as people give them to commands: 2026-11-22, 2026-11-22T08:00, or how long ago (45m, 12h, 7d)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from strongroom.errors import OperatorError

_AGO: Final = re.compile(r"(\d{1,6})([smhdw])")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def parse_moment(text: str, now: datetime) -> datetime:
    """Return the instant that a text means; without a zone it is UTC's.

    Raises:
        OperatorError: it means none.
    """
    if match := _AGO.fullmatch(text):
        return now - timedelta(**{_UNITS[match[2]]: int(match[1])})
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise OperatorError(
            f"{text} is no time.",
            why="a time is a date, a date with a time of day, or how long ago",
            next_step="write it like 2026-11-22, 2026-11-22T08:00:00Z, or 7d, 12h, 30m",
        ) from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
