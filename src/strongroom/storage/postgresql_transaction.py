"""The transaction of PostgreSQL that changes of many calls share, step by step, whoever takes the steps.

It takes two round trips, however many calls there are: one locks and brings what they read, one tells what they
change and commits. So the trail's flush, PostgreSQL's own, and the waking of whoever waits are shared too. While
PostgreSQL makes the changes the journal is put on disk, and COMMIT is sent when it is there (docs/adr/0030).

Why it is safe:
- Nobody waits for a secret in a shared transaction: one that another transaction holds is passed over, and its
  call goes on alone. So does a call that reads more than was brought; it has changed nothing then. What can be
  waited for is a new name that another node is just making, and all nodes make names in one order.
- Changes of one secret that wait together are made one after the other, each after the changes of the one
  before were told.
- A call whose caller is proven by an access key as it was seen last is made if the key, read in the same round trip, is
  still that; else nothing of it was done, and whoever has submitted it finds out whose it is.
- A call that fails has told nothing, so it takes nothing from its neighbours, and needs no savepoint.
- If the database refuses the changes (a name that another node took, a lost connection), all of it is undone,
  and every call is made again alone. PostgreSQL skips a COMMIT that follows a statement which it has refused.
- Journal entries are on disk before COMMIT is sent. If they are refused, nothing is committed.
- Where a change may be refused because of what others do, as a new name may, it is told in a round trip of its own
  before anything is recorded. All else concerns rows that the lock of their secret covers: it is recorded while it is
  told. If that fails all the same (a lost connection, a full disk), the journal has entries of an attempt that did
  not count, as after a failed COMMIT, and then those of the attempt that did, under the same event ids.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import psycopg
from psycopg import errors
from psycopg_pool import PoolTimeout

from strongroom.storage.base import Foreseen, Given, NotBroughtError, StorageError, Transaction
from strongroom.storage.postgresql_changes import Change, combined
from strongroom.storage.postgresql_foresight import CHANGEABLE, Foresight, brought, presumed_keys, questions
from strongroom.storage.postgresql_history import Notes
from strongroom.storage.postgresql_session import BEGIN, COMMIT, ROLLBACK
from strongroom.storage.reach import Reach
from strongroom.storage.rows import Params, Row, access_key_of
from strongroom.storage.sql import Queries, Query
from strongroom.storage.transaction import SqlTransaction

MAX_TOGETHER: Final = 64
"""Calls that share a transaction at most."""

CONFLICTS: Final = (errors.SerializationFailure, errors.DeadlockDetected, errors.UniqueViolation)
"""What another node did meanwhile; what is made again finds it done."""


_REFUSABLE: Final = frozenset({"insert_secret", "insert_secret together"})
"""What may be refused because of what another node has done meanwhile: no lock covers what is not there yet."""


@dataclass(slots=True)
class ForeseenCall:
    """A call that waits, and what became of it."""

    work: Callable[[Transaction], Any]
    foreseen: Foreseen
    told: Future[Any]
    result: Any = None
    error: BaseException | None = None
    goes_alone: bool = False
    is_confirmed: bool = False
    """Whether the access key of its caller, if it was presumed, was found as it was presumed."""

    @property
    def is_presumed(self) -> bool:
        """Whether it is not known yet that this is its caller: then it is not made, not even alone."""
        return self.foreseen.presumed is not None and not self.is_confirmed

    @property
    def place(self) -> tuple[str, str, str]:
        version = self.foreseen.version
        return version.account_id, version.region, version.name

    def tell(self) -> None:
        with contextlib.suppress(Exception):  # one caller gone must not silence the others
            if self.is_presumed:
                self.told.set_exception(NotBroughtError("an access key as it was presumed"))
            elif self.error is None:
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


@dataclass(frozen=True, slots=True)
class Asking:
    """A step: a round trip. Its answer are the rows of each statement."""

    statements: Sequence[tuple[Query, Params]]


@dataclass(frozen=True, slots=True)
class Committing:
    """A step, the last one: statements, COMMIT, and entries of the journal that have to be on disk before it."""

    statements: Sequence[tuple[Query, Params]]
    entries: Sequence[bytes]


class OutcomeUnknownError(Exception):
    """COMMIT was sent, and the connection lost before its answer."""


Step: TypeAlias = Asking | Committing | None
"""None is no step: a call was made, and who has others to look after may do so."""

Steps: TypeAlias = Generator[Step, Any, None]


class SharedTransactions:
    """Makes the steps. `committed` is told how many calls a commit was for."""

    def __init__(self, queries: Queries, notes: Notes, committed: Callable[[int], None]) -> None:
        self._queries = queries
        self._notes = notes
        self._committed = committed

    @property
    def statements(self) -> list[Query]:
        """Every statement that may be asked in a step."""
        reading = ("lock_for_changes", "bring_for_changes", "bring_grants", "find_access_keys")
        changing = (query for query in self._queries.writing.values() if query.changes in CHANGEABLE)
        told = [query for query in changing if "RETURNING" not in query.text]
        return [
            BEGIN,
            COMMIT,
            ROLLBACK,
            *(self._queries.reading[name] for name in reading),
            *self._notes.queries,
            *told,
        ]

    def steps(self, together: Sequence[ForeseenCall]) -> Steps:
        """Make the calls: afterwards each has its result, its error, or goes alone.

        The answer to a step is to be sent, or its error thrown in. What this raises leaves a transaction to be rolled
        back, and `failed` says what becomes of the calls.
        """
        entries: list[bytes] = []
        reach = Reach()
        before: list[Change] = [(BEGIN, {})]
        for distinct in _rounds(together):
            changes: list[list[Change]] = []
            foreseen = [call.foreseen for call in distinct]
            asked, keys = questions(self._queries, foreseen), presumed_keys(self._queries, foreseen)
            answers = (yield Asking([*before, *asked, *keys]))[len(before) :]
            if keys:
                _confirm(distinct, answers.pop())
            for call, given in zip(distinct, brought(foreseen, answers), strict=True):
                if not call.is_presumed:
                    entries += self._make(call, given, changes)
                yield None
            for query, params in itertools.chain.from_iterable(changes):
                reach.add(query.name, query.changes, params)
            before = list(combined(self._queries, changes))
        before += self._notes.of(reach)
        if any(query.name in _REFUSABLE for query, _ in before):
            yield Asking(before)
            before = []
        made = [call for call in together if not (call.goes_alone or call.is_presumed) and call.error is None]
        try:
            yield Committing(before, entries)
        except OutcomeUnknownError as error:
            _fail(made, StorageError(str(error)))
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


def failed(together: Iterable[ForeseenCall], error: Exception) -> None:
    """Say what becomes of calls whose transaction was undone by an error."""
    if isinstance(error, psycopg.Error):
        for call in together:
            call.goes_alone = True
    else:
        told = StorageError(f"{type(error).__name__}: {error}") if isinstance(error, PoolTimeout) else error
        _fail(together, told)


def _confirm(calls: Iterable[ForeseenCall], rows: Iterable[Row]) -> None:
    """Tell the calls whose access keys are as they were presumed."""
    keys = set(map(access_key_of, rows))
    for call in calls:
        call.is_confirmed = call.foreseen.presumed in keys


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


def _fail(calls: Iterable[ForeseenCall], error: BaseException) -> None:
    for call in calls:
        call.error = error
