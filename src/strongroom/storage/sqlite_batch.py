"""The calls of one commit to SQLite, one after the other; what they change of their secrets is told together.

Rules:
- A call reads its secret with all that a change of a value asks for, in one statement (`brought`). What it changes of
  that secret is kept, and told when it has succeeded: a call that fails has changed nothing, and needs no savepoint.
- Kept changes are told before anything is read that they may concern, when they are many, and at the end. In the order
  of `_KEPT`, statement by statement; a call whose own order is another one is told alone.
- A call that changes or reads anything else gets a savepoint of its own, after what calls before it changed was told.
- If SQLite refuses what is told, all of that is undone, and each of its calls made again in a savepoint of its own: so
  one that breaks a rule takes nothing from its neighbours.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import apsw

from strongroom.storage.base import StorageError, Transaction
from strongroom.storage.rows import Params, Row
from strongroom.storage.sql import FOR_UPDATE, Queries, Query
from strongroom.storage.sqlite_watched import SHARED, Watched
from strongroom.storage.transaction import SqlTransaction

MOST_KEPT: Final = 32
"""Calls whose changes are told together at most. Telling holds up the loop, and is not interrupted."""

_KEPT: Final = {
    name: place
    for place, name in enumerate(("insert_version", "delete_stage", "put_stage", "touch_secret", "put_secret_in_place"))
}
"""Changes of a secret that has been read, in an order in which nothing refers to what is not there yet."""

_ARN: Final = 3
_BY_NAME: Final = f"find_secret{FOR_UPDATE}"
_OF_A_SECRET: Final = frozenset({_BY_NAME, f"find_secret_by_arn{FOR_UPDATE}"})

_Change: TypeAlias = tuple[Query, tuple[Any, ...]]


@dataclass(slots=True, eq=False)
class WaitingCall:
    """A call that waits for a commit, and what became of it."""

    work: Callable[[Transaction], Any]
    future: Future[Any]
    loop: asyncio.AbstractEventLoop | None
    result: Any = None
    error: BaseException | None = None
    entries: Sequence[bytes] = ()


class Batch:
    """The calls of one commit as far as they have been performed. One thread at a time."""

    def __init__(self, connection: apsw.Connection, watched: Watched, queries: Queries) -> None:
        self.calls: list[WaitingCall] = []
        self.watched = watched
        self._connection = connection
        self._queries = queries
        self._kept: list[tuple[WaitingCall, list[_Change]]] = []
        self._unread: set[str] = set()
        self._broken: BaseException | None = None

    def perform_all(self, calls: Iterable[WaitingCall]) -> None:
        for call in calls:
            self.perform(call)
        self.tell()

    def perform(self, call: WaitingCall) -> None:
        """Perform a call: one that fails is undone alone. Raises what keeps the batch from going on."""
        self.calls.append(call)
        self._make(call, _Statements(self))
        if len(self._kept) >= MOST_KEPT:
            self.tell()

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

    def keep(self, call: WaitingCall, changes: list[_Change], secrets: set[str]) -> None:
        """Have changes of secrets told later."""
        self._kept.append((call, changes))
        self._unread |= secrets

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

    __slots__ = ("_batch", "_changes", "_is_alone", "_last", "_own", "_secrets")

    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        self._changes: list[_Change] = []
        self._is_alone = False
        self._last = 0
        self._own: set[str] = set()
        self._secrets: set[str] = set()

    def execute(self, query: Query, params: Params) -> list[Row]:
        watched = self._batch.watched
        if self._is_alone:
            return watched.execute(query, params)
        name = query.name
        if query.changes is None:
            if name in SHARED:
                return watched.execute(query, params)
            if name in _OF_A_SECRET and not self._changes:
                return self._find(query, params)
        elif (place := _KEPT.get(name, -1)) >= self._last and params["arn"] in self._own:
            self._last = place
            watched.reach.add(name, query.changes, params)
            self._changes.append((query, query.bind(params)))
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
        for query, values in self._changes:
            self._batch.change(query, values)
        self._changes = []

    def succeed(self, call: WaitingCall) -> None:
        if self._is_alone:
            self._batch.release()
        elif self._changes:
            self._batch.keep(call, self._changes, self._secrets)

    def undo(self) -> None:
        if self._is_alone:
            self._batch.undo()

    def _find(self, query: Query, params: Params) -> list[Row]:
        place = f"{params['account_id']} {params['region']} "
        self._batch.tell_of(place + params["name"] if query.name == _BY_NAME else params["arn"])
        rows = self._batch.watched.execute(query, params)
        for row in rows:
            account_id, region, name, arn = row[: _ARN + 1]
            self._own.add(arn)
            self._secrets |= {arn, f"{account_id} {region} {name}"}
        return rows


def _by_statement(kept: Iterable[tuple[WaitingCall, list[_Change]]]) -> list[tuple[Query, list[tuple[Any, ...]]]]:
    """Return what is kept as the rows of each statement, in the order of the statements."""
    rows: dict[str, tuple[Query, list[tuple[Any, ...]]]] = {}
    for _, changes in kept:
        for query, values in changes:
            rows.setdefault(query.name, (query, []))[1].append(values)
    return [rows[name] for name in _KEPT if name in rows]
