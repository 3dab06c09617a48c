"""The calls of one commit to SQLite, one after the other; what they change of their secrets is told together.

Rules:
- A call reads its secret with all that a change of a value asks for, in one statement (`brought`). What it changes of
  that secret is kept, and told when it has succeeded: a call that fails has changed nothing, and needs no savepoint.
- A call that was worked out before the turn has the changes of its draft kept, if that still stands (`sqlite_draft`).
- Kept changes are told before anything is read that they may concern, when they are many, and at the end. In the order
  of `KEPT`, statement by statement; a call whose own order is another one is told alone.
- A call that changes or reads anything else gets a savepoint of its own, after what calls before it changed was told.
- If SQLite refuses what is told, all of that is undone, and each of its calls made again in a savepoint of its own: so
  one that breaks a rule takes nothing from its neighbours.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import apsw

from strongroom.storage.base import StorageError
from strongroom.storage.rows import Params, Row
from strongroom.storage.sql import Queries, Query
from strongroom.storage.sqlite_draft import KEPT, OF_A_SECRET, SECRET_BY_NAME, Change, OwnChanges, Standing, WaitingCall
from strongroom.storage.sqlite_watched import SHARED, Watched
from strongroom.storage.transaction import SqlTransaction

MOST_KEPT: Final = 32
"""Calls whose changes are told together at most. Telling holds up the loop, and is not interrupted."""


class Batch:
    """The calls of one commit as far as they have been performed. One thread at a time."""

    def __init__(self, connection: apsw.Connection, watched: Watched, queries: Queries, standing: Standing) -> None:
        self.calls: list[WaitingCall] = []
        self.watched = watched
        self._connection = connection
        self._queries = queries
        self._standing = standing
        self._kept: list[tuple[WaitingCall, list[Change]]] = []
        self._unread: set[str] = set()
        self._broken: BaseException | None = None

    def perform_all(self, calls: Iterable[WaitingCall]) -> None:
        for call in calls:
            self.perform(call)
        self.tell()

    def perform(self, call: WaitingCall) -> None:
        """Perform a call: one that fails is undone alone. Raises what keeps the batch from going on."""
        self.calls.append(call)
        if not self._accept(call):
            self._make(call, _Statements(self))
        if len(self._kept) >= MOST_KEPT:
            self.tell()

    def _accept(self, call: WaitingCall) -> bool:
        """Take what was worked out before the turn for what the call did, if all that it read still stands."""
        draft, reach = call.draft, self.watched.reach
        if draft is None or reach.concerns(draft.own.arns) or not self._standing.stands(draft):
            return False
        call.result, call.error, call.entries = draft.result, draft.error, draft.entries
        if draft.own.kept:
            reach.add_secrets(draft.own.arns)
            self.keep(call, draft.own)
        return True

    def tell(self) -> None:
        """Make the changes that were kept. Raises what keeps the batch from going on, whoever catches it."""
        if self._kept:
            try:
                self._tell()
            except BaseException as error:
                self._broken = error
                raise

    def _tell(self) -> None:
        kept, self._kept, self._unread = self._kept, [], set()
        self.savepoint()
        try:
            for query, rows in _by_statement(kept):
                self._connection.executemany(query.text, rows)
        except Exception:  # noqa: BLE001 - it is for whose change it was, who meets it again
            self.undo()
            for call, _ in kept:
                alone = _Statements(self)
                alone.stand_alone()
                self._make(call, alone)
        else:
            self.release()

    def keep(self, call: WaitingCall, own: OwnChanges) -> None:
        """Have changes of secrets told later."""
        self._kept.append((call, own.kept))
        self._unread |= own.names

    def tell_of(self, secret: str) -> None:
        """See to it that what is read of a secret, by its name or its ARN, is what calls before have made of it."""
        if secret in self._unread:
            self.tell()

    def change(self, query: Query, values: tuple[Any, ...]) -> None:
        """Make one change that was noted."""
        try:
            self._connection.execute(query.text, values)
        except apsw.Error as error:
            raise StorageError(f"{type(error).__name__}: {error}") from error

    def savepoint(self) -> None:
        """Begin what can be undone. Raises StorageError if there is no transaction, which SQLite would begin now."""
        if not self._connection.in_transaction:
            raise StorageError("the transaction was undone")
        self._connection.execute("SAVEPOINT call")

    def release(self) -> None:
        self._connection.execute("RELEASE call")

    def undo(self) -> None:
        """Take back what was changed since the last savepoint. Raises what keeps the batch from going on."""
        self._connection.execute("ROLLBACK TO call")
        self._connection.execute("RELEASE call")
        self.watched.forget()

    def _make(self, call: WaitingCall, statements: _Statements) -> None:
        tx = SqlTransaction(statements.execute, self._queries, writable=True, keys=self.watched.keys)
        try:
            call.result, call.error = call.work(tx), None
        except Exception as error:  # noqa: BLE001 - it is the caller's, and goes to the caller
            call.result, call.error = None, error
        if self._broken is not None:
            raise self._broken
        if call.error is None:
            statements.succeed(call)
        else:
            statements.undo()
            if not self._connection.in_transaction:  # a disk that is full may undo everything
                raise StorageError("the transaction was undone") from call.error
        call.entries = tx.entries


class _Statements:
    """Runs the statements of one call, or keeps them."""

    __slots__ = ("_batch", "_is_alone", "_own")

    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        self._own = OwnChanges()
        self._is_alone = False

    def execute(self, query: Query, params: Params) -> list[Row]:
        watched = self._batch.watched
        if self._is_alone:
            return watched.execute(query, params)
        if query.changes is None:
            if query.name in SHARED:
                return watched.execute(query, params)
            if query.name in OF_A_SECRET and not self._own.kept:
                return self._find(query, params)
        elif self._own.keep(query, params):
            watched.reach.add(query.name, query.changes, params)
            return []
        self.stand_alone()
        return watched.execute(query, params)

    def stand_alone(self) -> None:
        """Go on in a savepoint, where each statement is run at once."""
        if self._is_alone:
            return
        self._batch.tell()
        self._batch.savepoint()
        self._is_alone = True
        for query, values in self._own.kept:
            self._batch.change(query, values)
        self._own.kept.clear()

    def succeed(self, call: WaitingCall) -> None:
        if self._is_alone:
            self._batch.release()
        elif self._own.kept:
            self._batch.keep(call, self._own)

    def undo(self) -> None:
        if self._is_alone:
            self._batch.undo()

    def _find(self, query: Query, params: Params) -> list[Row]:
        place = f"{params['account_id']} {params['region']} "
        self._batch.tell_of(place + params["name"] if query.name == SECRET_BY_NAME else params["arn"])
        rows = self._batch.watched.execute(query, params)
        self._own.note_found(rows)
        return rows


def _by_statement(kept: Iterable[tuple[WaitingCall, list[Change]]]) -> list[tuple[Query, list[tuple[Any, ...]]]]:
    """Return what is kept as the rows of each statement, in the order of the statements."""
    rows: dict[str, tuple[Query, list[tuple[Any, ...]]]] = {}
    for _, changes in kept:
        for query, values in changes:
            rows.setdefault(query.name, (query, []))[1].append(values)
    return [rows[name] for name in KEPT if name in rows]
