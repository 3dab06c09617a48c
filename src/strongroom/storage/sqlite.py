"""SQLite, embedded: reads on the caller's own connection, writes with group commit by one thread (`sqlite_writer`).

Why it is safe:
- synchronous=FULL in WAL mode: COMMIT returns when the change is on disk, and only then are the callers
  answered. Calls that wait together share one COMMIT, hence one fsync.
- A call that fails is undone alone and never takes its neighbours' answers (`sqlite_batch`).
- The journal entries of a batch are written, and made durable, before its COMMIT. If the journal refuses
  them the whole batch is rolled back.
- Processes that write take turns (`sqlite_turn`), so that none waits for SQLite's own lock, which it would do asleep.
- BEGIN IMMEDIATE: the writer never upgrades a read snapshot (that would fail with SQLITE_BUSY).
- secure_delete overwrites freed pages; temp_store=MEMORY keeps what savepoints can undo out of files.
- Checkpoints run on their own thread, off the commit path; after wrapped keys were deleted or replaced they
  erase the log too.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

import apsw

from strongroom.errors import OperatorError
from strongroom.metrics import Metrics
from strongroom.promises import Told
from strongroom.recall import Mark, Subject
from strongroom.storage.base import (
    Foreseen,
    Given,
    Journal,
    StorageError,
    Transaction,
    WriteRequiredError,
)
from strongroom.storage.migrate import VERSION_TABLE, complete, pending
from strongroom.storage.rows import Params, Row
from strongroom.storage.sql import Query, load
from strongroom.storage.sqlite_changes import ChangeNotes, ChangeRing
from strongroom.storage.sqlite_checkpoint import Checkpointer
from strongroom.storage.sqlite_draft import Drafts, WaitingCall
from strongroom.storage.sqlite_drafter import Drafter
from strongroom.storage.sqlite_mark import CommitMark
from strongroom.storage.sqlite_turn import Turn
from strongroom.storage.sqlite_watched import Watched
from strongroom.storage.sqlite_writer import Commits, SqliteWriter
from strongroom.storage.transaction import Execute, SqlTransaction

T = TypeVar("T")

CACHE_KIB: Final = 8_192
"""Most that a connection keeps of the file in memory. SQLite's own 2 MiB hold no page of a large listing twice."""

BUSY_TIMEOUT_MS: Final = 10_000
"""How long a statement waits for another process, such as a command-line tool, to end its write."""

DRAFTS_FROM: Final = 12
"""Calls that the last commit had, from which on drafts pay where several processes write. Of fewer calls most of the
turn is the disk's, and a draft costs a sixth of a call more than working it out in the turn."""


logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Reader:
    """A thread's own connection; one cursor serves all its statements, each read to its end at once."""

    connection: apsw.Connection
    cursor: apsw.Cursor
    execute: Execute
    drafter: Drafter


class SqliteStorage:
    """The embedded database in one file."""

    reads_inline = True
    bringer = None
    pool_size = 1
    slice_size = 16  # a caller waits for the commit of all of them: a millisecond for each, and its flushes

    def __init__(self, path: Path) -> None:
        """Open the file, bring its schema up to date, and start the writer."""
        self._path = path
        self._metrics = Metrics()
        self._queries = load("sqlite")
        self._readers = threading.local()
        self._open_readers: list[_Reader] = []
        self._journal: Journal | None = None
        self._mark: CommitMark | None = None
        self._has_no_mark = False
        self._changes: ChangeRing | None = None
        self._closed = False
        connection = _open(path)
        _migrate(connection)
        self._notes = ChangeNotes(path)
        self._looks = _turn(path)
        checkpointer = Checkpointer(
            connection,
            lambda: _open(path),
            _turn(path),
            busy_timeout_ms=BUSY_TIMEOUT_MS,
            flush=self._notes.flush,
        )
        commits = Commits(
            queries=self._queries,
            watched=Watched(_executor(connection.cursor())),
            notes=self._notes,
            record=lambda entries: self._record(entries, durable=True),
            committed=self._count_commit,
        )
        self._writer = SqliteWriter(connection, _turn(path), checkpointer, commits)

    def describe(self) -> str:
        return f"SQLite {apsw.sqlite_lib_version()} at {self._path}"

    def attach_journal(self, journal: Journal, metrics: Metrics | None = None) -> None:
        self._journal = journal
        self._metrics = metrics or self._metrics

    def mark(self, given: Given | None = None) -> Mark | None:  # noqa: ARG002 - never given
        if self._mark is not None:
            return self._mark.read()
        if not self._has_no_mark:
            self._reader()  # while it is open SQLite keeps the shared memory
            try:
                self._mark = CommitMark.of(self._path)
            except (OSError, ValueError):
                logger.warning("The shared memory of %s cannot be mapped; every read asks the database", self._path)
                self._has_no_mark = True
        return None if self._mark is None else self._mark.read()

    def changed(self, old: Mark, new: Mark) -> frozenset[Subject] | None:
        if self._changes is None:
            try:
                self._changes = ChangeRing(self._path, writes=False)
            except (OSError, ValueError):  # nobody has written since there is such a thing
                return None
        assert isinstance(old, bytes)
        assert isinstance(new, bytes)
        return self._changes.between(old, new)

    def read(self, work: Callable[[Transaction], T], given: Given | None = None) -> T:  # noqa: ARG002 - never given
        if self._closed:
            raise _closed()
        reader = self._reader()
        tx = SqlTransaction(reader.execute, self._queries, writable=False)
        reader.cursor.execute("BEGIN")
        try:
            result = work(tx)
        except WriteRequiredError:
            tx.entries.clear()  # the call is repeated as a write, which journals it
            raise
        finally:
            if reader.connection.in_transaction:
                reader.cursor.execute("COMMIT")
            self._record(tx.entries, durable=False)
        return result

    def look_up(self, work: Callable[[Transaction], T], given: Given | None = None) -> T:  # noqa: ARG002
        if self._closed:
            raise _closed()
        return work(SqlTransaction(self._reader().execute, self._queries, writable=False))

    def write(self, work: Callable[[Transaction], T]) -> T:
        future: Future[T] = Told()
        self._writer.submit([WaitingCall(work, future, None)])
        return future.result()

    def submit(
        self,
        work: Callable[[Transaction], T],
        foreseen: Foreseen | None = None,  # noqa: ARG002
        *,
        changes_one_secret: bool = False,
    ) -> Future[T]:
        future: Future[T] = Told()
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            loop = None
        call = WaitingCall(work, future, loop)
        if changes_one_secret and loop is not None and not self._closed:
            self._reader().drafter.take(call, loop)
        else:
            self._writer.submit([call])
        return future

    def check(self) -> None:
        try:
            self._reader().cursor.execute("SELECT 1 FROM schema_version").fetchall()
        except apsw.Error as error:
            raise StorageError(f"{self.describe()}: {error}") from error
        if self._writer.has_ended:
            raise StorageError("the writer thread has ended")
        if self._writer.waits_longer_than(BUSY_TIMEOUT_MS / 1_000):
            raise StorageError(f"{self.describe()}: another process has been writing for {BUSY_TIMEOUT_MS / 1_000:g} s")

    def close(self) -> None:
        """Finish what was submitted, then stop."""
        if self._closed:
            return
        self._closed = True
        for reader in self._open_readers:
            reader.drafter.pass_on()
        self._writer.close()
        try:
            for reader in self._open_readers:
                reader.connection.close()
        except apsw.ThreadingViolationError:  # it is still being used; then the marks have to stay open too
            return
        if self._mark is not None:
            self._mark.release()
        if self._changes is not None:
            self._changes.close()
        self._notes.close()
        self._looks.close()

    def _reader(self) -> _Reader:
        reader: _Reader | None = getattr(self._readers, "reader", None)
        if reader is None:
            connection = _open(self._path)
            connection.pragma("query_only", True)  # noqa: FBT003
            cursor = connection.cursor()
            execute = _executor(cursor)
            drafts = Drafts(execute, self._queries, self.changed)
            drafter = Drafter(cursor, drafts, self._drafts_pay, self.mark, self._writer.submit)
            reader = self._readers.reader = _Reader(connection, cursor, execute, drafter)
            self._open_readers.append(reader)
        return reader

    def _drafts_pay(self) -> bool:
        if self._writer.shared < DRAFTS_FROM:
            return False
        return self._notes.others_write or self._looks.is_taken()

    def _record(self, entries: Sequence[bytes], *, durable: bool) -> None:
        if entries:
            if self._journal is None:
                raise StorageError("no journal is attached")
            self._journal(entries, durable)

    def _count_commit(self, calls: int) -> None:
        self._metrics.increment("commits_total")
        self._metrics.increment("committed_calls_total", by=calls)


def _executor(cursor: apsw.Cursor) -> Execute:
    def execute(query: Query, params: Params) -> list[Row]:
        try:
            return cursor.execute(query.text, query.bind(params)).fetchall()
        except apsw.Error as error:
            raise StorageError(f"{type(error).__name__}: {error}") from error

    return execute


def _turn(path: Path) -> Turn:
    try:
        return Turn(path)
    except OSError as error:
        raise OperatorError(
            f"The database {path} cannot be written to.",
            why=str(error),
            next_step="check that this user may make files in its directory, and that it is on a local disk",
        ) from error


def _closed() -> StorageError:
    return StorageError("the storage is closed")


def _use_write_ahead_log(connection: apsw.Connection) -> None:
    """Switch to the log, which is not waited for as other locks are while another process makes the database."""
    deadline = time.monotonic() + BUSY_TIMEOUT_MS / 1_000
    while True:
        try:
            connection.pragma("journal_mode", "wal")
        except apsw.BusyError:
            if time.monotonic() >= deadline:
                raise
            time.sleep(0.01)
        else:
            return


def _open(path: Path) -> apsw.Connection:
    try:
        connection = apsw.Connection(str(path))
        connection.set_busy_timeout(BUSY_TIMEOUT_MS)
        # One plan for all values: else a statement is compiled again whenever another value is bound to it.
        connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
        _use_write_ahead_log(connection)
        connection.pragma("synchronous", "full")
        connection.pragma("foreign_keys", True)  # noqa: FBT003
        connection.pragma("secure_delete", True)  # noqa: FBT003
        connection.pragma("temp_store", "memory")
        connection.pragma("cache_size", -CACHE_KIB)
        connection.wal_autocheckpoint(0)
    except apsw.Error as error:
        raise OperatorError(
            f"The database {path} cannot be opened.",
            why=str(error),
            next_step="check that the directory exists, is writable and is on a local disk (never NFS or SMB)",
        ) from error
    return connection


def _migrate(connection: apsw.Connection) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        connection.execute(VERSION_TABLE)
        present = connection.execute("SELECT COALESCE(MAX(version), 0) FROM schema_version").get
        execute, queries = _executor(connection.cursor()), load("sqlite").writing
        todo = pending("sqlite", present)
        for migration in todo:
            for statement in migration.statements:
                connection.execute(statement)
            connection.execute("INSERT INTO schema_version (version) VALUES (?)", (migration.version,))
        complete(todo, lambda name, params: execute(queries[name], params))
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
