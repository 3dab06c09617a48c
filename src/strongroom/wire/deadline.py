"""A moment by which something must have happened on a connection, and one timer to notice.

Deadlines mostly move away: every request postpones the end of the connection it came on. The timer is left
where it is then, and looks again when it fires; to start and stop one for each request costs more than the
rest of the bookkeeping.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

RESOLUTION: Final = 0.002
"""Seconds by which a loop's timer may be early."""


class Deadline:
    """Calls `on_passed` when it has passed. The caller then sets it again, or forgets it."""

    __slots__ = ("_armed_for", "_at", "_loop", "_now", "_on_passed", "_timer")

    def __init__(self, loop: asyncio.AbstractEventLoop, on_passed: Callable[[], None]) -> None:
        self._loop = loop
        self._now = loop.time
        self._on_passed = on_passed
        self._at = self._armed_for = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def set(self, seconds: float) -> None:
        """Give so much time from now."""
        self._at = self._now() + seconds
        if self._timer is None or self._at < self._armed_for:
            self._arm()

    def forget(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._armed_for = self._at
        self._timer = self._loop.call_at(self._at, self._look)

    def _look(self) -> None:
        self._timer = None
        if self._at - self._now() > RESOLUTION:
            self._arm()
        else:
            self._on_passed()
