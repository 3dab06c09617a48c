"""Time that stands still until a test moves it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

NOW: Final = datetime(2030, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC)
"""An instant for tests that need some instant: every part differs, milliseconds included."""


class FrozenClock:
    """A `Clock` that shows `now` until it is advanced."""

    def __init__(self, now: datetime = NOW) -> None:
        if now.tzinfo is None:
            raise ValueError("a clock shows aware instants only")
        self._now = now

    def now(self) -> datetime:
        return self._now

    def advance(self, by: timedelta) -> None:
        self._now += by

    def advance_seconds(self, seconds: float) -> None:
        self.advance(timedelta(seconds=seconds))
