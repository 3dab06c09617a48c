"""Changes that are worked out before their process's turn to write, from what is committed by then.

Rules:
- All that a call may read for a draft is one secret with what comes with it (`brought`), keys, and what its caller is
  granted; all that it may change is that secret (`KEPT`). What needs more is worked out in the turn.
- A draft counts only if in the turn none of that has changed since: neither the secret, by another commit or by a call
  before it in the same one, nor anything that is no secret's. Otherwise the call is made again.
- What was committed since is known from the same marks and notes as for answers that are recalled (`sqlite_changes`).
  A draft is worked out after its mark was read: it may be newer than it says, never older.
- A call that fails has a draft as well, if it has journaled why.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from strongroom.recall import Changed, Mark, Subject, subject_of
from strongroom.storage.base import Transaction
from strongroom.storage.rows import Params, Row
from strongroom.storage.sql import FOR_UPDATE, Queries, Query
from strongroom.storage.sqlite_watched import SHARED, Watched
from strongroom.storage.transaction import Execute, SqlTransaction

KEPT: Final = {
    name: place
    for place, name in enumerate(("insert_version", "delete_stage", "put_stage", "touch_secret", "put_secret_in_place"))
}
"""Changes of a secret that has been read, in an order in which nothing refers to what is not there yet."""

SECRET_BY_NAME: Final = f"find_secret{FOR_UPDATE}"
OF_A_SECRET: Final = frozenset({SECRET_BY_NAME, f"find_secret_by_arn{FOR_UPDATE}"})
"""Queries that find a secret together with what changes of its values read."""

Change: TypeAlias = tuple[Query, tuple[Any, ...]]

_ARN: Final = 3


class BeyondDraftError(Exception):
    """A call reads or changes what no draft may."""


class OwnChanges:
    """What one call changes of the secrets that it has read."""

    __slots__ = ("_last", "arns", "kept", "names")

    def __init__(self) -> None:
        self.arns: set[str] = set()
        self.names: set[str] = set()
        """The secrets by their ARNs and by account, region and name."""
        self.kept: list[Change] = []
        self._last = 0

    def note_found(self, rows: Iterable[Row]) -> None:
        """Take what is found for the call's own."""
        for row in rows:
            account_id, region, name, arn = row[: _ARN + 1]
            self.arns.add(arn)
            self.names |= {arn, f"{account_id} {region} {name}"}

    def keep(self, query: Query, params: Params) -> bool:
        """Keep a change to be told later, and return True; return False for one that has to be made at once."""
        place = KEPT.get(query.name, -1)
        if place < self._last or params["arn"] not in self.arns:
            return False
        self._last = place
        self.kept.append((query, query.bind(params)))
        return True


@dataclass(frozen=True, slots=True, eq=False)
class Draft:
    """What a call is going to answer, record and change, if what it read still stands. `mark` is older than that."""

    mark: Mark
    result: Any
    error: Exception | None
    entries: Sequence[bytes]
    own: OwnChanges
    subjects: frozenset[Subject]


@dataclass(slots=True, eq=False)
class WaitingCall:
    """A call that waits for a commit, and what became of it."""

    work: Callable[[Transaction], Any]
    future: Future[Any]
    loop: asyncio.AbstractEventLoop | None
    result: Any = None
    error: BaseException | None = None
    entries: Sequence[bytes] = ()
    draft: Draft | None = None


class Drafts:
    """Makes drafts. Only for the thread of its connection."""

    def __init__(self, execute: Execute, queries: Queries, changed: Changed) -> None:
        """Take what runs a reading statement, and what tells which secrets changed between two marks."""
        self._known = Watched(execute)
        self._known_since: Mark | None = None
        self._queries = queries
        self._changed = changed

    def begin(self, mark: Mark) -> None:
        """Forget what may have changed before this mark."""
        if mark != self._known_since:
            if self._known_since is None or self._changed(self._known_since, mark) is None:
                self._known.forget()
            self._known_since = mark

    def make(self, work: Callable[[Transaction], Any]) -> Draft | None:
        """Return the draft of a call under the mark that was begun with; None if it has to be made in the turn."""
        assert self._known_since is not None
        drafting = _Drafting(self._known)
        tx = SqlTransaction(drafting.execute, self._queries, writable=True, keys=self._known.keys)
        result, error = None, None
        try:
            result = work(tx)
        except Exception as failure:  # noqa: BLE001 - it is the caller's, if it stands in the turn
            error = failure
        if drafting.goes_beyond or (error is not None and not tx.entries):
            return None
        own = drafting.own
        if error is not None:
            own.kept.clear()
        return Draft(self._known_since, result, error, tx.entries, own, frozenset(map(subject_of, own.arns)))


class _Drafting:
    """Runs the statements of one draft."""

    __slots__ = ("_known", "goes_beyond", "own")

    def __init__(self, known: Watched) -> None:
        self._known = known
        self.own = OwnChanges()
        self.goes_beyond = False

    def execute(self, query: Query, params: Params) -> list[Row]:
        """Run a statement. Raises BeyondDraftError for one that a draft may not have, or that finds no secret."""
        if query.changes is not None:
            if self.own.keep(query, params):
                return []
        elif query.name in SHARED:
            return self._known.execute(query, params)
        elif query.name in OF_A_SECRET and not self.own.kept:
            rows = self._known.execute(query, params)
            self.own.note_found(rows)
            if rows:
                return rows
        self.goes_beyond = True
        raise BeyondDraftError(query.name)


class Standing:
    """Tells which drafts still stand in a turn: what was committed since they were begun is looked up once a mark."""

    def __init__(self, changed_since: Callable[[Mark], frozenset[Subject] | None]) -> None:
        self._changed_since = changed_since
        self._known: dict[Mark, frozenset[Subject] | None] = {}

    def stands(self, draft: Draft) -> bool:
        """Tell whether nothing was committed since that the draft depends on."""
        try:
            changed = self._known[draft.mark]
        except KeyError:
            changed = self._known[draft.mark] = self._changed_since(draft.mark)
        return changed is not None and changed.isdisjoint(draft.subjects)
