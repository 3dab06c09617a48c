"""Copies the trails of this node into the table that is asked about them, and counts who reads which secret.

Rules:
- Each record is copied once, whatever crashes: how far a trail was copied stands in the transaction that
  copies. A record that is there already (its id is unique) is neither copied nor counted again.
- Only what is on disk is copied, so the table never knows more than the trail after a power cut.
- With the same transaction go the readers of secrets and the last use of long-term access keys.
- A slice is as large as fits into `SLICE_SECONDS` of work in the database (`runner`). While there is nothing
  new nothing is committed; what is new is committed once a second, because every commit makes readers work
  things out anew (docs/adr/0012). What is more than a slice follows after pauses: copying takes a quarter of a
  processor at most, and falls behind where calls are very many. The lag is a metric.
- Events and readers older than the retention are deleted, a slice at a time.
- Where a call named a secret without its ARN, the ARN is that of the secret which has the name when the record
  is copied, if it was there at the time of the call.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Final

from strongroom.audit.events import SECRET_TYPE, event_of, wanted_stage
from strongroom.audit.files import Placed, open_path, records_after, trail_names
from strongroom.clock import Clock
from strongroom.domain.trail_event import Outcome, Reader, TrailEvent, TrailPosition, agent_family
from strongroom.metrics import Metrics
from strongroom.storage.base import KeyUse, SecretPlace, Storage, Transaction
from strongroom.workers.runner import MIN_SLICE, next_slice

POLL_SECONDS: Final = 1.0
MAX_SLICE: Final = 512
"""Records copied in one transaction."""

PAUSE_FACTOR: Final = 3
"""Pause after a slice, while there is more, by the time that it took."""

FINAL_SECONDS: Final = 1.0
"""How long a stopping server goes on copying; the next start does the rest."""

DELETE_SLICE: Final = 200
RETENTION_SECONDS: Final = 60.0
"""How often what is too old is looked for."""

_SESSION_KEY: Final = "ASIA"

logger = logging.getLogger(__name__)


class OvertakenError(Exception):
    """Somebody else has copied the trail further; nothing of this attempt is kept."""


class AuditIndex:
    """The thread that copies, one for each node."""

    def __init__(
        self, storage: Storage, clock: Clock, metrics: Metrics, *, node: str, folder: Path, kept: timedelta
    ) -> None:
        self._storage = storage
        self._clock = clock
        self._metrics = metrics
        self._node = node
        self._folder = folder
        self._kept = kept
        self._slice = MIN_SLICE
        self._positions: dict[str, TrailPosition | None] = {}
        self._seen: dict[str, tuple[int, int]] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="audit-index")

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Copy what is new, unless it is very much, and end."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()
            self._try_copying(time.monotonic() + FINAL_SECONDS)

    def copy_all(self, until: float | None = None) -> int:
        """Copy what is new, and return how many records that were; stop after an instant of `time.monotonic`."""
        return sum(self._copy_trail(trail, until) for trail in trail_names(self._folder))

    def forget_old(self) -> int:
        """Delete what is older than the retention, and return how many events that were."""
        before, deleted = self._clock.now() - self._kept, 0
        while self._storage.read(lambda tx: tx.trail.has_events(before)):
            began = time.monotonic()
            deleted += self._storage.write(lambda tx: tx.trail.delete_events(before, DELETE_SLICE))
            self._pause(began)
        if deleted:
            self._storage.write(lambda tx: tx.trail.delete_readers(before))
        return deleted

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

    def _copy_trail(self, trail: str, until: float | None) -> int:
        state = _state_of(open_path(self._folder, trail))
        if state is not None and self._seen.get(trail) == state:
            return 0
        name, copied = f"{self._node}/{trail}", 0
        for part, is_last in self._slices(trail, name):
            began = time.monotonic()
            self._copy(name, part)
            copied += len(part)
            if not is_last:
                self._note_lag(part)
                self._pause(began)
            if until is not None and time.monotonic() >= until:
                return copied
        self._metrics.set("audit_lag_seconds", 0, self._clock.now())
        if state is not None:
            self._seen[trail] = state
        return copied

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

        def copy(tx: Transaction) -> tuple[int, float]:
            began = time.monotonic()
            if not tx.trail.advance(name, before, after):
                raise OvertakenError
            inserted = _insert(tx, wanted)
            return len(inserted), time.monotonic() - began

        try:
            count, took = self._storage.write(copy)
        except Exception:
            del self._positions[name]  # whatever happened, the database knows how far it is
            raise
        self._positions[name] = after
        self._slice = next_slice(self._slice, took, MAX_SLICE)
        self._metrics.increment("audit_events_indexed_total", by=count)

    def _note_lag(self, part: Sequence[Placed]) -> None:
        last = event_of(part[-1].line.record, "", 0)
        if last is not None:
            lag = (self._clock.now() - last.happened_at).total_seconds()
            self._metrics.set("audit_lag_seconds", max(0, int(lag)), self._clock.now())

    def _pause(self, began: float) -> None:
        if self._thread.is_alive():
            self._stopping.wait(PAUSE_FACTOR * (time.monotonic() - began))


def _state_of(path: Path) -> tuple[int, int] | None:
    """Return what changes when a file grows or is replaced; None where there is none."""
    try:
        state = path.stat()
    except FileNotFoundError:
        return None
    return state.st_ino, state.st_size


def _insert(tx: Transaction, events: Sequence[TrailEvent]) -> list[TrailEvent]:
    """Insert events with what follows from them, and return those that were not there."""
    if not events:
        return []
    events = _with_arns(tx, events)
    fresh = tx.trail.insert_events(events)
    inserted: list[TrailEvent] = []
    for event in events:
        if event.event_id in fresh:
            fresh.remove(event.event_id)  # a slice may hold a repeated record twice
            inserted.append(event)
    tx.trail.add_readers(readers_of(inserted))
    for key, use in sorted(key_uses_of(inserted).items()):
        if tx.find_access_key(key) is not None:
            tx.identities.record_key_use(key, use)
    return inserted


def _with_arns(tx: Transaction, events: Sequence[TrailEvent]) -> list[TrailEvent]:
    places = {_place_of(event) for event in events if event.resource_type == SECRET_TYPE and event.resource_arn is None}
    secrets = tx.trail.secrets_named(places) if places else {}
    completed = []
    for event in events:
        found = secrets.get(_place_of(event)) if event.resource_arn is None else None
        if found is not None and found[1].replace(microsecond=0) <= event.happened_at:
            completed.append(replace(event, resource_arn=found[0]))
        else:
            completed.append(event)
    return completed


def _place_of(event: TrailEvent) -> SecretPlace:
    return SecretPlace(event.account_id, event.region or "", event.resource_name or "")


def readers_of(events: Iterable[TrailEvent]) -> list[Reader]:
    """Return who read or tried to read secrets, each reader once."""
    found: dict[tuple[str, str, str, str, str], Reader] = {}
    for event in events:
        if event.event_name != "GetSecretValue" or event.resource_arn is None or event.principal_arn is None:
            continue
        agent, stage = agent_family(event.user_agent), wanted_stage(event)
        key = (event.resource_arn, event.principal_arn, event.source_ip, agent, stage)
        at, is_read = event.happened_at, event.outcome is Outcome.SUCCESS
        before = found.get(key) or Reader(*key, at, at, 0, 0, None)
        refused_at = before.refused_at if is_read else max(at, before.refused_at or at)
        found[key] = Reader(
            *key,
            first_at=min(before.first_at, at),
            last_at=max(before.last_at, at),
            reads=before.reads + is_read,
            refusals=before.refusals + (not is_read),
            refused_at=refused_at,
        )
    return list(found.values())


def key_uses_of(events: Iterable[TrailEvent]) -> dict[str, KeyUse]:
    """Return the last use of each long-term key by a caller that was proven."""
    uses: dict[str, KeyUse] = {}
    for event in events:
        key = event.access_key_id
        if key is None or event.principal_arn is None or key.startswith(_SESSION_KEY):
            continue
        if key not in uses or event.happened_at >= uses[key].used_at:
            service = event.event_source.partition(".")[0]
            uses[key] = KeyUse(event.happened_at, event.region or "", service)
    return uses
