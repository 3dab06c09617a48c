"""Changes of many calls in one transaction of PostgreSQL, where it is foreseen what they read.

Calls that come while a transaction is under way go together in the next one. It takes three round trips,
however many they are: one locks and brings what they read, one tells what they change, one commits. So the
trail's flush, PostgreSQL's own, and the waking of threads are shared too.

Why it is safe:
- Nobody waits for a secret in a shared transaction: one that another transaction holds is passed over, and its
  call goes on alone. So does a call that reads more than was brought; it has changed nothing then. What can be
  waited for is a new name that another node is just making, and all nodes make names in one order.
- Changes of one secret that wait together are made one after the other, each after the changes of the one
  before were told.
- A call that fails has told nothing, so it takes nothing from its neighbours, and needs no savepoint.
- If the database refuses the changes (a name that another node took, a lost connection), all of it is undone,
  nothing is recorded, and every call is made again alone.
- Journal entries are written when every statement has succeeded, before COMMIT. If they are refused, nothing
  is committed.
"""

from __future__ import annotations

import contextlib
import itertools
import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Final

import psycopg
from psycopg import errors
from psycopg_pool import PoolTimeout

from strongroom.storage.base import Foreseen, Given, NotBroughtError, StorageError, Transaction
from strongroom.storage.postgresql_changes import Change, combined
from strongroom.storage.postgresql_foresight import Foresight, bring
from strongroom.storage.postgresql_history import Notes
from strongroom.storage.postgresql_session import Lender, Session
from strongroom.storage.reach import Reach
from strongroom.storage.sql import Queries
from strongroom.storage.transaction import SqlTransaction

MAX_TOGETHER: Final = 64
"""Calls that share a transaction at most."""

CONFLICTS: Final = (errors.SerializationFailure, errors.DeadlockDetected, errors.UniqueViolation)
"""What another node did meanwhile; what is made again finds it done."""

Record = Callable[[Sequence[bytes]], None]


@dataclass(slots=True)
class ForeseenCall:
    """A call that waits, and what became of it."""

    work: Callable[[Transaction], Any]
    foreseen: Foreseen
    told: Future[Any]
    result: Any = None
    error: BaseException | None = None
    goes_alone: bool = False

    @property
    def place(self) -> tuple[str, str, str]:
        version = self.foreseen.version
        return version.account_id, version.region, version.name

    def tell(self) -> None:
        with contextlib.suppress(Exception):  # one caller gone must not silence the others
            if self.error is None:
                self.told.set_result(self.result)
            else:
                self.told.set_exception(self.error)

    def tell_of(self, write: Callable[[Callable[[Transaction], Any]], Any]) -> None:
        """Make the call with a function that makes one in a transaction of its own, and tell the caller."""
        self.result = self.error = None
        try:
            self.result = write(self.work)
        except Exception as error:  # noqa: BLE001 - it is the caller's, and goes to the caller
            self.error = error
        self.tell()


class PostgresqlWriter:
    """The thread, and the calls that wait for it. One, because two would share out what waits, and share less.

    Args:
        lender: makes what lends the thread its session.
        queries: of the dialect.
        notes: tells readers what was changed.
        record: writes entries to the journal, on disk.
        committed: is told how many calls a commit was for.
        alone: makes a call in a transaction of its own, elsewhere, and tells its caller.
    """

    def __init__(
        self,
        lender: Callable[[], Lender],
        queries: Queries,
        notes: Notes,
        *,
        record: Record,
        committed: Callable[[int], None],
        alone: Callable[[ForeseenCall], None],
    ) -> None:
        self._lender = lender
        self._queries = queries
        self._notes = notes
        self._record = record
        self._committed = committed
        self._alone = alone
        self._closing = threading.Lock()
        self._closed = False
        self._waiting: queue.SimpleQueue[ForeseenCall | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="postgresql-writer")
        self._thread.start()

    def submit(self, work: Callable[[Transaction], Any], foreseen: Foreseen) -> Future[Any]:
        call = ForeseenCall(work, foreseen, Future())
        with self._closing:
            if self._closed:
                raise StorageError("the storage is closed")
            self._waiting.put(call)
        return call.told

    def close(self) -> None:
        """Finish what was submitted, then stop."""
        with self._closing:
            self._closed = True
            self._waiting.put(None)
        self._thread.join()

    def _run(self) -> None:
        lender, is_end = self._lender(), False
        while not is_end and (first := self._waiting.get()) is not None:
            together, is_end = self._gather(first)
            self._perform(lender, together)
            for call in together:
                if call.goes_alone:
                    self._alone(call)
                else:
                    call.tell()
        lender.give_back()

    def _gather(self, first: ForeseenCall) -> tuple[list[ForeseenCall], bool]:
        """Return `first` and the calls that wait behind it, and whether the end was among them."""
        together = [first]
        while len(together) < MAX_TOGETHER:
            try:
                call = self._waiting.get_nowait()
            except queue.Empty:
                break
            if call is None:
                return together, True
            together.append(call)
        return together, False

    def _perform(self, lender: Lender, together: list[ForeseenCall]) -> None:
        """Make the calls; afterwards each has its result, its error, or goes alone."""
        try:
            lender.use(lambda session: self._transact(session, together))
        except PoolTimeout as error:
            _fail(together, StorageError(f"{type(error).__name__}: {error}"))
        except psycopg.Error:
            for call in together:
                call.goes_alone = True
        except Exception as error:  # noqa: BLE001 - the thread must not end, nor a caller wait for ever
            _fail(together, error)

    def _transact(self, session: Session, together: list[ForeseenCall]) -> None:
        entries: list[bytes] = []
        reach = Reach()
        session.begin("BEGIN")
        try:
            for distinct in _rounds(together):
                given = bring(session, self._queries, [call.foreseen for call in distinct])
                changes: list[list[Change]] = []
                for call, its in zip(distinct, given, strict=True):
                    entries += self._make(call, its, changes)
                for query, params in itertools.chain.from_iterable(changes):
                    reach.add(query.name, query.changes, params)
                for query, params in combined(self._queries, changes):
                    session.query(query, params)
            self._notes.leave(session, reach)
            session.flush()
            if entries:
                self._record(entries)
        except BaseException:
            session.roll_back()
            raise
        made = [call for call in together if not call.goes_alone and call.error is None]
        try:
            session.commit()
        except CONFLICTS:
            raise
        except psycopg.Error as error:  # nobody knows whether it is committed
            _fail(made, StorageError(f"{type(error).__name__}: {error}"))
        else:
            self._committed(len(made))

    def _make(self, call: ForeseenCall, given: Given | None, changes: list[list[Change]]) -> list[bytes]:
        """Run a call on what was brought, add to `changes` what it changes, and return its entries."""
        if given is None:
            call.goes_alone = True
            return []
        foresight = Foresight(given)
        tx = SqlTransaction(foresight.execute, self._queries, writable=True)
        try:
            call.result = call.work(tx)
        except NotBroughtError:
            call.goes_alone = True
            return []
        except Exception as error:  # noqa: BLE001 - it is the caller's, and goes to the caller
            call.error = error
        else:
            changes.append(foresight.changes)
        return tx.entries


def _rounds(together: Sequence[ForeseenCall]) -> list[list[ForeseenCall]]:
    """Return the calls in rounds of different secrets, those of one secret in the order they came.

    By name within a round, so that two nodes take new names in one order and never wait for each other.
    """
    rounds: list[dict[tuple[str, str, str], ForeseenCall]] = []
    turns: dict[tuple[str, str, str], int] = {}
    for call in together:
        turn = turns[call.place] = turns.get(call.place, -1) + 1
        if turn == len(rounds):
            rounds.append({})
        rounds[turn][call.place] = call
    return [[calls[place] for place in sorted(calls)] for calls in rounds]


def _fail(calls: Sequence[ForeseenCall], error: BaseException) -> None:
    for call in calls:
        call.error = error
