"""Which secrets were changed between two snapshots of PostgreSQL, for readers that keep what they worked out.

The mark of a state is the snapshot it was read in: which transactions it sees. Each transaction of ours leaves a row
in `committed_changes`, under its own number and committed with it, that tells what it changed. So whoever reads a
snapshot together with these rows knows what happened since the snapshot before.

It can only err on the safe side. Of every transaction that one snapshot sees and the one before does not, the row must
be there: of one that left none (another database's on the same server, one that was rolled back, somebody's own SQL),
or whose row was cleared away since, the answer is that anything may have changed. So it is when the server was started
anew, or another one took over. Subtransactions, which snapshots do not tell of, leave no rows either.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

import msgspec

from strongroom.recall import Mark, Subject, subject_of
from strongroom.storage.postgresql_session import Session
from strongroom.storage.reach import Reach
from strongroom.storage.rows import Params, Row
from strongroom.storage.sql import Queries, Query
from strongroom.storage.transaction import Execute

MAX_SECRETS: Final = 256
"""Secrets that a row tells of; a transaction that changed more says that anything may have changed."""

MAX_TRANSACTIONS: Final = 512
"""Transactions between two snapshots that are looked at: as many as the query `noted` asks for."""

MARKS_KEPT: Final = 1_024
"""Snapshots that a reader may be behind."""

ROWS_KEPT: Final = 10_000
"""Transactions from whose numbers on rows are cleared away."""

CLEARED_EVERY: Final = 256
"""Transactions of this process between two clearings."""

_SUBJECT_BYTES: Final = 8
_decode: Final = msgspec.json.Decoder(list[tuple[int, str | None]]).decode


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """`pg_current_snapshot()`: everything before `lowest` is seen, nothing from `end` on, `running` in between is not.

    See https://www.postgresql.org/docs/current/functions-info.html#FUNCTIONS-PG-SNAPSHOT
    """

    lowest: int
    end: int
    running: frozenset[int]
    server: str

    @classmethod
    def of(cls, mark: Mark) -> _Snapshot:
        text, _, server = str(mark).partition(" ")
        lowest, end, running = text.split(":")
        return cls(int(lowest), int(end), frozenset(map(int, running.split(","))) if running else frozenset(), server)

    def sees(self, xid: int) -> bool:
        return xid < self.end and xid not in self.running


class History:
    """The snapshots that one connection has read one after the other, and what was changed between them.

    Only used by one thread, that of the event loop.
    """

    def __init__(self) -> None:
        self._changed: OrderedDict[Mark, frozenset[Subject] | None] = OrderedDict()
        self._last: _Snapshot | None = None

    @property
    def since(self) -> int | None:
        """From which transaction on what is noted must be read along with the next snapshot; None for none."""
        return None if self._last is None else self._last.lowest

    def add(self, mark: Mark, noted: str) -> None:
        """Take the next snapshot, with what transactions since `since` have noted: numbers, and subjects in hex."""
        if mark in self._changed:
            return
        snapshot = _Snapshot.of(mark)
        self._changed[mark] = None if self._last is None else _changed(self._last, snapshot, dict(_decode(noted)))
        self._last = snapshot
        if len(self._changed) > MARKS_KEPT:
            self._changed.popitem(last=False)

    def between(self, old: Mark, new: Mark) -> frozenset[Subject] | None:
        """Return the secrets that were changed between two marks; None if it may be anything."""
        changed: set[Subject] = set()
        is_after = True
        for mark in reversed(self._changed):
            is_after = is_after and mark != new
            if mark == old:
                return None if is_after else frozenset(changed)
            if not is_after:
                subjects = self._changed[mark]
                if subjects is None:
                    return None
                changed |= subjects
        return None


def _changed(old: _Snapshot, new: _Snapshot, noted: dict[int, str | None]) -> frozenset[Subject] | None:
    if old.server != new.server or not old.lowest <= new.end <= old.lowest + MAX_TRANSACTIONS:
        return None
    changed: set[Subject] = set()
    for xid in range(old.lowest, new.end):
        if old.sees(xid) or not new.sees(xid):
            continue
        subjects = noted.get(xid)
        if subjects is None:
            return None
        packed = bytes.fromhex(subjects)
        changed.update(packed[at : at + _SUBJECT_BYTES] for at in range(0, len(packed), _SUBJECT_BYTES))
    return frozenset(changed)


class Notes:
    """What transactions of this process leave for readers. For any thread."""

    def __init__(self, queries: Queries) -> None:
        self._note = queries.writing["note_changes"]
        self._clear = queries.writing["clear_changes"]
        self._left = 0

    @property
    def queries(self) -> tuple[Query, Query]:
        """What leaves notes, and clears old ones away."""
        return self._note, self._clear

    def of(self, reach: Reach) -> list[tuple[Query, Params]]:
        """Return what a transaction does at its end to note what it has changed: also if it has only locked."""
        arns = reach.taken()
        subjects = None if arns is None or len(arns) > MAX_SECRETS else b"".join(sorted(map(subject_of, arns)))
        note: tuple[Query, Params] = self._note, {"subjects": subjects}
        self._left += 1
        return [note] if self._left % CLEARED_EVERY else [note, (self._clear, {"kept": ROWS_KEPT})]

    def leave(self, session: Session, reach: Reach) -> None:
        """Note at the end of a transaction what it has changed, if it has begun."""
        if session.has_begun:
            for query, params in self.of(reach):
                session.query(query, params)


def watched(execute: Execute, reach: Reach) -> Execute:
    """Return what runs queries and tells `reach` of them."""

    def run(query: Query, params: Params) -> list[Row]:
        reach.add(query.name, query.changes, params)
        return execute(query, params)

    return run
