"""Copies the trails of this node into the table that is asked about them, and counts who reads which secret.

Rules:
- Each record is copied once, whatever crashes: how far a trail was copied stands in the transaction that
  copies. A record that is there already (its id is unique) is neither copied nor counted again.
- Only what is on disk is copied, so the table never knows more than the trail after a power cut.
- With the same transaction go the readers of secrets and the last use of long-term access keys.
- A slice is read, taken apart and looked up before the database's one writer is taken (`trail_slice`), and is as
  large as fits into `HOLD_SECONDS` of work there: callers that change something wait no longer than that and its
  commit, whatever the machine is like. While there is nothing new nothing is committed; what is new is
  committed once a second, because every commit makes readers work things out anew (docs/adr/0012). What is more
  than a slice follows after pauses: copying takes an eighth of a processor, less while callers are busy, and more when
  it is late (`pace`). The lag is a metric.
- Trails that have more than a slice are copied in turns, a slice of each.
- Events and readers older than the retention are deleted, in slices of the same length of time.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Final, TypeVar

from strongroom.audit.events import event_of
from strongroom.audit.files import Placed, open_path, records_after, trail_names
from strongroom.clock import Clock
from strongroom.domain.trail_event import TrailPosition
from strongroom.metrics import Metrics
from strongroom.storage.base import Storage, Transaction
from strongroom.workers import trail_slice
from strongroom.workers.pace import USUAL_FACTOR, Pace
from strongroom.workers.runner import next_slice
from strongroom.workers.trail_slice import TrailSlice

T = TypeVar("T")

POLL_SECONDS: Final = 1.0
HOLD_SECONDS: Final = 0.005
"""How long one slice may work in the database."""

MIN_SLICE: Final = 32
MAX_SLICE: Final = 256
"""Records copied, or blocks and readers deleted, in one transaction. What fewer than the least take is their statements
and their commit; more than the most would make a commit long, which is not part of the work that is measured."""

MIN_DELETED: Final = 4
"""The least of what is deleted: a block has terms of up to all its events."""

FINAL_SECONDS: Final = 1.0
"""How long a stopping server goes on copying; the next start does the rest."""

RETENTION_SECONDS: Final = 60.0
"""How often what is too old is looked for."""

logger = logging.getLogger(__name__)


class OvertakenError(Exception):
    """Somebody else has copied the trail further; nothing of this attempt is kept."""


class AuditIndex:
    """The thread that copies, one for each node."""

    def __init__(
        self,
        storage: Storage,
        clock: Clock,
        metrics: Metrics,
        *,
        node: str,
        folder: Path,
        kept: timedelta,
        pace: Pace | None = None,
    ) -> None:
        self._storage = storage
        self._clock = clock
        self._metrics = metrics
        self._node = node
        self._folder = folder
        self._kept = kept
        self._pace = pace or Pace()
        self._slice = MIN_SLICE
        self._positions: dict[str, TrailPosition | None] = {}
        self._seen: dict[str, tuple[int, int]] = {}
        self._lags: dict[str, float] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="audit-index")

    def start(self) -> None:
        self._thread.start()

    @property
    def lag(self) -> timedelta:
        """How long ago the last record was written that a trail has in the index, while newer ones wait."""
        return timedelta(seconds=max(tuple(self._lags.values()), default=0.0))

    def stop(self) -> None:
        """Copy what is new, unless it is very much, and end."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()
            self._try_copying(time.monotonic() + FINAL_SECONDS)

    def copy_all(self, until: float | None = None) -> int:
        """Copy what is new, and return how many records that were; stop after an instant of `time.monotonic`."""
        waiting = deque(self._copy_trail(trail) for trail in trail_names(self._folder))
        copied = 0
        while waiting and (until is None or time.monotonic() < until):
            trail = waiting.popleft()
            part = next(trail, 0)
            if part:
                copied += part
                waiting.append(trail)
        return copied

    def forget_old(self) -> int:
        """Delete what is older than the retention, and return how many events that were."""
        before = self._clock.now() - self._kept
        if not self._storage.read(lambda tx: tx.trail.has_events(before)):
            return 0
        deleted = self._delete(lambda tx, limit: tx.trail.delete_blocks(before, limit))
        self._delete(lambda tx, limit: [1] * tx.trail.delete_readers(before, limit))
        return deleted

    def _delete(self, delete: Callable[[Transaction, int], Sequence[int]]) -> int:
        """Delete slice after slice until there is no whole one, or the server stops; return what they had in all."""
        deleted, size = 0, MIN_DELETED
        while True:
            began = time.monotonic()
            done, took = self._storage.write(lambda tx, size=size: _timed(lambda: delete(tx, size)))  # type: ignore[misc]
            deleted += sum(done)
            if len(done) < size or self._stopping.is_set():
                return deleted
            size = next_slice(size, took, MAX_SLICE, least=MIN_DELETED, seconds=HOLD_SECONDS)
            self._pause(USUAL_FACTOR * (time.monotonic() - began))

    def _run(self) -> None:
        due = 0.0
        while not self._stopping.wait(POLL_SECONDS):
            self._try_copying(None)
            if time.monotonic() >= due:
                due = time.monotonic() + RETENTION_SECONDS
                self._try_forgetting()

    def _try_copying(self, until: float | None) -> None:
        """Copy; the thread must not end, or the trail could not be asked any more."""
        try:
            self.copy_all(until)
        except Exception:
            logger.exception("The audit trails cannot be copied into the index now")

    def _try_forgetting(self) -> None:
        try:
            self.forget_old()
        except Exception:
            logger.exception("Old events cannot be deleted from the index now")

    def _copy_trail(self, trail: str) -> Iterator[int]:
        """Copy a slice each time, with a pause after it if there is more, and yield how many records it had."""
        state = _state_of(open_path(self._folder, trail))
        if state is not None and self._seen.get(trail) == state:
            return
        name = f"{self._node}/{trail}"
        for part, is_last in self._slices(trail, name):
            began = time.monotonic()
            self._copy(name, part)
            if not is_last:
                self._note_lag(trail, self._age_of(part[-1]))
                self._pause(self._pace.pause_after(time.monotonic() - began, self._lags[trail]))
            yield len(part)
        self._note_lag(trail, 0.0)
        if state is not None:
            self._seen[trail] = state

    def _slices(self, trail: str, name: str) -> Iterator[tuple[list[Placed], bool]]:
        """Yield what is new in slices, and whether each is the last one."""
        records = records_after(self._folder, trail, self._position(name))
        part = list(islice(records, self._slice))
        while part:
            following = next(records, None)
            yield part, following is None
            part = [] if following is None else [following, *islice(records, self._slice - 1)]

    def _position(self, name: str) -> TrailPosition | None:
        if name not in self._positions:
            self._positions[name] = self._storage.read(lambda tx: tx.trail.position(name))
        return self._positions[name]

    def _copy(self, name: str, part: Sequence[Placed]) -> None:
        """Copy a slice. Raises OvertakenError if it no longer is the next one."""
        oldest = self._clock.now() - self._kept
        events = [event_of(one.line.record, name, one.line.sequence) for one in part]
        wanted = [event for event in events if event is not None and event.happened_at >= oldest]
        before, after = self._positions[name], part[-1].position

        def put(tx: Transaction, prepared: TrailSlice) -> None:
            if not tx.trail.advance(name, before, after):
                raise OvertakenError
            trail_slice.put(tx, prepared)

        try:
            prepared = self._storage.read(lambda tx: trail_slice.prepare(tx, wanted))
            _, took = self._storage.write(lambda tx: _timed(lambda: put(tx, prepared)))
        except Exception:
            del self._positions[name]  # whatever happened, the database knows how far it is
            raise
        self._positions[name] = after
        self._slice = next_slice(self._slice, took, MAX_SLICE, least=MIN_SLICE, seconds=HOLD_SECONDS)

    def _note_lag(self, trail: str, seconds: float) -> None:
        self._lags[trail] = seconds
        self._metrics.set("audit_lag_seconds", int(self.lag.total_seconds()), self._clock.now())

    def _age_of(self, placed: Placed) -> float:
        """Return how many seconds ago a record was written."""
        event = event_of(placed.line.record, "", 0)
        return 0.0 if event is None else max(0.0, (self._clock.now() - event.happened_at).total_seconds())

    def _pause(self, seconds: float) -> None:
        if self._thread.is_alive():
            self._stopping.wait(seconds)


def _state_of(path: Path) -> tuple[int, int] | None:
    """Return what changes when a file grows or is replaced; None where there is none."""
    try:
        state = path.stat()
    except FileNotFoundError:
        return None
    return state.st_ino, state.st_size


def _timed(work: Callable[[], T]) -> tuple[T, float]:
    """Return what a work returns, and how many seconds it took."""
    began = time.monotonic()
    result = work()
    return result, time.monotonic() - began
