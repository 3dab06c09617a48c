"""Dates of reads on their way into the database: a read does not wait for its own.

Rules:
- The answer of a read leaves at once; that the version was read today is written down behind it, together with what
  else was read meanwhile. So a database that cannot be written to, or has much to write, does not hold up reads, and
  a commit for many dates is the only one.
- Whoever asks for dates has those that are on their way written at once, and waits until that was tried
  (`unsettled`): what this process has answered shows in what it answers next.
- What could not be written is kept and tried again, `MAX_KEPT` at most; the trail has all of them.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from threading import Lock, Timer
from typing import Final, TypeAlias

from strongroom.domain.access import Access
from strongroom.metrics import Metrics

MAX_KEPT: Final = 10_000
"""Dates that wait at most, about 2 MB; the next ones are dropped and counted while nothing can be written."""

DELAY_SECONDS: Final = 0.25
"""How long a date waits for others: less than a client notices, more than a busy database's next commits."""

SETTLE_SECONDS: Final = 5.0
"""How long the end of a process waits for dates that are on their way."""

Write: TypeAlias = Callable[[Sequence[Access]], "Future[None]"]
"""Has dates written down, and says when that is done."""

logger = logging.getLogger(__name__)


class AccessDates:
    """Collects dates and has them written, one batch at a time. For any thread."""

    def __init__(self, write: Write, metrics: Metrics) -> None:
        self._write = write
        self._metrics = metrics
        self._lock = Lock()
        self._collected: dict[tuple[str, str], Access] = {}
        self._is_writing = False
        self._has_failed = False
        self._planned = _Plan(self._write_next)
        self._of_collected: list[Future[None]] = []
        self._of_written: list[Future[None]] = []

    def note(self, accesses: Iterable[Access]) -> None:
        """Have dates written down within `DELAY_SECONDS`, normally."""
        dropped = 0
        with self._lock:
            for access in accesses:
                if len(self._collected) < MAX_KEPT:
                    self._collected[access.arn, access.version_id] = access
                else:
                    dropped += 1
            if self._collected and not self._is_writing:
                self._planned.renew()
        if dropped:
            self._metrics.increment("access_dates_lost_total", by=dropped)

    def unsettled(self) -> Future[None] | None:
        """Return what is done when all that was noted so far has been written or failed to; None if it is."""
        with self._lock:
            if not self._collected and not self._is_writing:
                return None
            settled: Future[None] = Future()
            (self._of_collected if self._collected else self._of_written).append(settled)
        self._write_next()
        return settled

    def settle(self) -> None:
        """Try to write what is left, and wait for it: nothing is noted any more. Not for the loop's thread."""
        unsettled = self.unsettled()
        if unsettled is not None:
            with suppress(TimeoutError):
                unsettled.result(SETTLE_SECONDS)
        with self._lock:
            self._planned.cancel()
            lost = len(self._collected)
        if lost:
            self._metrics.increment("access_dates_lost_total", by=lost)
            logger.error("The dates of %d reads could not be written down; the trail has the reads", lost)

    def _write_next(self) -> None:
        with self._lock:
            if self._is_writing or not self._collected:
                return
            self._is_writing = True
            batch, self._collected = list(self._collected.values()), {}
            self._of_written, self._of_collected = self._of_collected, []
        try:
            written = self._write(batch)
        except Exception as error:  # noqa: BLE001 - whatever it is, the read has been answered
            written = Future()
            written.set_exception(error)
        written.add_done_callback(lambda done: self._tried(batch, done))

    def _tried(self, batch: Sequence[Access], done: Future[None]) -> None:
        error = done.exception()
        if error is not None:
            self._tell_failure(len(batch), error)
        with self._lock:
            self._is_writing, self._has_failed = False, error is not None
            settled, self._of_written = self._of_written, []
            if error is not None:
                self._keep(batch)
                settled, self._of_collected = settled + self._of_collected, []  # those wait for no second try
            is_waited_for = bool(self._of_collected)
            if self._collected and not is_waited_for:
                self._planned.renew()
        for one in settled:
            one.set_result(None)
        if is_waited_for:
            self._write_next()

    def _tell_failure(self, count: int, error: BaseException) -> None:
        self._metrics.increment("access_dates_failed_total")
        if not self._has_failed:  # it may go on for hours
            logger.warning("The dates of %d reads cannot be written now and are kept: %s", count, error)

    def _keep(self, batch: Sequence[Access]) -> None:
        for access in batch[: MAX_KEPT - len(self._collected)]:
            self._collected.setdefault((access.arn, access.version_id), access)


class _Plan:
    """Something that is done soon: by the loop of who plans it, else by a thread."""

    def __init__(self, do: Callable[[], None]) -> None:
        self._do = do
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: Timer | asyncio.TimerHandle | None = None

    def renew(self) -> None:
        """Plan it, unless it is planned already and will be done."""
        if self._timer is not None and (self._loop is None or self._loop.is_running()):
            return
        try:
            self._loop = asyncio.get_running_loop()
        except RuntimeError:
            self._loop = None
            self._timer = Timer(DELAY_SECONDS, self._due)
            self._timer.daemon = True
            self._timer.start()
        else:
            self._timer = self._loop.call_later(DELAY_SECONDS, self._due)

    def cancel(self) -> None:
        if self._timer is not None and self._loop is None:
            self._timer.cancel()
        self._timer = None

    def _due(self) -> None:
        self._timer = None
        self._do()
