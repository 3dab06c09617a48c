"""PostgreSQL through psycopg 3: a pool of connections, short transactions, bounded retries.

Why it is safe:
- A writing call locks the row of the secret it changes before it reads anything else of it, so changes of
  one secret are made one after the other (READ COMMITTED suffices; docs/adr/0003).
- A conflict with another node (serialization failure, deadlock, a unique key taken in between) undoes the
  attempt and runs the pure function again, a bounded number of times.
- A reading call sees one snapshot (REPEATABLE READ, READ ONLY).
- A connection that is found to be lost, as after a restart of the database, before anything could count is replaced
  by one that was looked at, once.
- Journal entries are written before COMMIT, when every statement has succeeded; if they are refused nothing
  is committed.

Changes of which it is foreseen what they read share transactions (`postgresql_transaction`). Others do not: one that
waits for a row would hold up, and could deadlock with, whoever shares it. They share what is slow: the trail's
fdatasync, and PostgreSQL's own flush of its log.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final, TypeVar

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg_pool import ConnectionPool, PoolTimeout

from strongroom.errors import OperatorError
from strongroom.metrics import Metrics
from strongroom.recall import Mark, Subject
from strongroom.storage.base import (
    Foreseen,
    Given,
    Journal,
    NotBroughtError,
    StorageError,
    Transaction,
    WriteRequiredError,
)
from strongroom.storage.migrate import VERSION_TABLE, complete, dialect_text, pending
from strongroom.storage.postgresql_bringer import PostgresqlBringer
from strongroom.storage.postgresql_brought import MARK, serve
from strongroom.storage.postgresql_history import Notes, watched
from strongroom.storage.postgresql_session import LostConnectionError, Session, before_it_counts
from strongroom.storage.postgresql_transaction import CONFLICTS, ForeseenCall, SharedTransactions
from strongroom.storage.postgresql_writer import PostgresqlWriter, WritingMeans
from strongroom.storage.reach import Reach
from strongroom.storage.rows import Params, Row
from strongroom.storage.sql import load
from strongroom.storage.term_index import Run
from strongroom.storage.transaction import SqlTransaction

T = TypeVar("T")

MAX_ATTEMPTS: Final = 10
"""Runs of one writing call before a conflict becomes a failure."""

POOL_SIZE: Final = 16
CONNECT_TIMEOUT_S: Final = 10

USES_KEPT: Final = 1_000
"""How often a thread uses one connection before it gives the pool a chance to renew it."""

_MIGRATION_LOCK: Final = 0x5_7267_6D21
"""Advisory lock that keeps two nodes from migrating at once; any constant of our own."""


class _Connection(psycopg.Connection[Any]):
    """A connection with its prepared statements."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.session = Session(self.pgconn)


class _Keeper:
    """Lends one thread the same connection again and again, for as long as nothing goes wrong on it.

    The pool lends another one each time, whose server process has other things at hand. Now and then it is given
    back all the same: the pool renews connections that are old.
    """

    def __init__(self, pool: ConnectionPool[_Connection]) -> None:
        self._pool = pool
        self._kept: _Connection | None = None
        self._uses = 0

    def use(self, use: Callable[[Session], T]) -> T:
        try:
            return self._use(use)
        except LostConnectionError:
            self._pool.check()
            return self._use(use)

    def _use(self, use: Callable[[Session], T]) -> T:
        if self._uses >= USES_KEPT:
            self.give_back()
        connection, self._kept = self._kept or self._pool.getconn(), None
        try:
            result = use(connection.session)
        except BaseException:
            self._pool.putconn(connection)
            raise
        self._kept = connection
        self._uses += 1
        return result

    def give_back(self) -> None:
        if self._kept is not None:
            self._pool.putconn(self._kept)
            self._kept, self._uses = None, 0


class PostgresqlStorage:
    """A PostgreSQL database shared by any number of nodes."""

    reads_inline = False

    def __init__(self, url: str, *, pool_size: int = POOL_SIZE) -> None:
        self.pool_size = pool_size
        self.slice_size = max(2, pool_size // 2)
        self._metrics = Metrics()
        self._queries = load("postgresql")
        self._journal: Journal | None = None
        self._where = _without_password(url)
        _migrate(url, self._where)
        self._pool = ConnectionPool(
            url,
            min_size=1,
            max_size=pool_size,
            connection_class=_Connection,
            kwargs={
                "autocommit": True,
                "connect_timeout": CONNECT_TIMEOUT_S,
                "application_name": "strongroom",
                "client_encoding": "utf8",
            },
            configure=_configure,
            timeout=CONNECT_TIMEOUT_S,
            open=True,
        )
        # Whoever asks before the first connection is there makes the pool open a second one.
        self._guarded(lambda: self._pool.wait(CONNECT_TIMEOUT_S))
        self._threads = ThreadPoolExecutor(pool_size, thread_name_prefix="postgresql")
        # Of its own: calls that wait for rows which a shared transaction has locked may occupy all the others.
        self._journal_thread = ThreadPoolExecutor(1, thread_name_prefix="journal")
        self.bringer: PostgresqlBringer = PostgresqlBringer(lambda: _Keeper(self._pool), self._queries)
        self._notes = Notes(self._queries)
        self._writer = PostgresqlWriter(
            SharedTransactions(self._queries, self._notes, self._count_commit),
            WritingMeans(
                lambda: _Keeper(self._pool),
                record=lambda entries: self._record(entries, durable=True),
                alone=self._make_alone,
                disk=self._journal_thread,
            ),
        )

    def describe(self) -> str:
        return f"PostgreSQL at {self._where}"

    def attach_journal(self, journal: Journal, metrics: Metrics | None = None) -> None:
        self._journal = journal
        self._metrics = metrics or self._metrics

    def mark(self, given: Given | None = None) -> Mark | None:
        rows = None if given is None else given.get(MARK)
        return str(rows[0][0]) if rows else None

    def changed(self, old: Mark, new: Mark) -> frozenset[Subject] | None:
        return self.bringer.history.between(old, new)

    def read(self, work: Callable[[Transaction], T], given: Given | None = None) -> T:
        if given is not None:
            return self._read_given(work, given)
        return self._guarded(lambda: self._attempt(work, writable=False))

    def look_up(self, work: Callable[[Transaction], T], given: Given | None = None) -> T:
        if given is not None:
            return work(SqlTransaction(serve(given), self._queries, writable=False))
        return self._guarded(lambda: self._at_once(work))

    def write(self, work: Callable[[Transaction], T]) -> T:
        return self._guarded(lambda: self._with_retries(work))

    def submit(
        self,
        work: Callable[[Transaction], T],
        foreseen: Foreseen | None = None,
        *,
        changes_one_secret: bool = False,  # noqa: ARG002 - said better by what is foreseen
    ) -> Future[T]:
        if foreseen is not None:
            return self._writer.submit(work, foreseen)
        try:
            return self._threads.submit(self.write, work)
        except RuntimeError as error:
            raise StorageError("the storage is closed") from error

    def check(self) -> None:
        self.read(lambda tx: tx.list_terms())

    def close(self) -> None:
        self.bringer.close()
        self._writer.close()
        self._threads.shutdown(wait=True)
        self._journal_thread.shutdown(wait=True)
        self._pool.close()

    def _guarded(self, run: Callable[[], T]) -> T:
        try:
            return run()
        except (psycopg.Error, PoolTimeout) as error:
            raise StorageError(f"{type(error).__name__}: {error}") from error

    def _with_retries(self, work: Callable[[Transaction], T]) -> T:
        for _ in range(MAX_ATTEMPTS - 1):
            try:
                return self._attempt(work, writable=True)
            except CONFLICTS:
                continue
        return self._attempt(work, writable=True)

    def _attempt(self, work: Callable[[Transaction], T], *, writable: bool) -> T:
        return self._with_session(lambda session: self._transact(session, work, writable=writable))

    def _with_session(self, use: Callable[[Session], T]) -> T:
        try:
            return self._lent(use)
        except LostConnectionError:
            self._pool.check()  # of those that a restart of the database took, none is lent again
            return self._lent(use)

    def _lent(self, use: Callable[[Session], T]) -> T:
        connection = self._pool.getconn()
        try:
            return use(connection.session)
        finally:
            self._pool.putconn(connection)

    def _transact(self, session: Session, work: Callable[[Transaction], T], *, writable: bool) -> T:
        reach = Reach()
        tx = SqlTransaction(
            watched(session.query, reach) if writable else session.query, self._queries, writable=writable
        )
        try:
            with before_it_counts(session):
                session.begin("BEGIN" if writable else "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
                result = work(tx)
                if writable:
                    self._notes.leave(session, reach)
                session.flush()
        except (psycopg.Error, WriteRequiredError):  # run again, or as a write: it journals then
            session.roll_back()
            raise
        except Exception:
            session.roll_back()
            self._record(tx.entries, durable=writable)
            raise
        try:
            self._record(tx.entries, durable=writable)
        except Exception:
            session.roll_back()
            raise
        session.commit()
        if writable:
            self._count_commit(1)
        return result

    def _make_alone(self, call: ForeseenCall) -> None:
        self._threads.submit(call.tell_of, self.write)

    def _count_commit(self, calls: int) -> None:
        self._metrics.increment("commits_total")
        self._metrics.increment("committed_calls_total", by=calls)

    def _read_given(self, work: Callable[[Transaction], T], given: Given) -> T:
        tx = SqlTransaction(serve(given), self._queries, writable=False)
        try:
            result = work(tx)
        except (WriteRequiredError, NotBroughtError):  # the call is repeated, and journals then
            raise
        except Exception:
            self._record(tx.entries, durable=False)
            raise
        self._record(tx.entries, durable=False)
        return result

    def _at_once(self, work: Callable[[Transaction], T]) -> T:
        def use(session: Session) -> T:
            with before_it_counts(session):
                return work(SqlTransaction(session.query, self._queries, writable=False))

        return self._with_session(use)

    def _record(self, entries: Sequence[bytes], *, durable: bool) -> None:
        if entries:
            if self._journal is None:
                raise StorageError("no journal is attached")
            self._journal(tuple(entries), durable)


def _configure(connection: _Connection) -> None:
    """Have no statement compiled, and no table read whole where an index leads to its rows.

    PostgreSQL does both by what it thinks that a statement costs, which of tables that have grown since it analyzed
    them is far off: it takes half a second to compile what is done in a thousandth of that, and keeps to the plan by
    which a statement read the whole of a table that was empty then.
    """
    connection.execute("SET jit = off")
    connection.execute("SET enable_seqscan = off")


def _migrate(url: str, where: str) -> None:
    try:
        with psycopg.connect(url, connect_timeout=CONNECT_TIMEOUT_S) as connection:
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (_MIGRATION_LOCK,))
            connection.execute(dialect_text(VERSION_TABLE, "postgresql").encode())
            row = connection.execute("SELECT COALESCE(MAX(version), 0) FROM schema_version").fetchone()
            todo = pending("postgresql", int(row[0]) if row else 0)
            for migration in todo:
                for statement in migration.statements:
                    connection.execute(statement.encode())
                connection.execute("INSERT INTO schema_version (version) VALUES (%s)", (migration.version,))
            complete(todo, _run_on(connection))
    except psycopg.Error as error:
        raise OperatorError(
            f"The database at {where} cannot be used.",
            why=str(error).strip() or type(error).__name__,
            next_step="check the URL given as --database, that the server runs, and that the user may create tables",
        ) from error


def _run_on(connection: psycopg.Connection) -> Run:
    queries = load("postgresql").writing

    def run(name: str, params: Params) -> list[Row]:
        cursor = connection.execute(queries[name].text.encode(), params)
        return cursor.fetchall() if cursor.description else []

    return run


def _without_password(url: str) -> str:
    """Return where the database is, for people to read. Raises OperatorError for what is no URL of one."""
    try:
        parts = conninfo_to_dict(url)
    except psycopg.Error:
        raise OperatorError(
            "The URL of the database is malformed.",
            why="PostgreSQL's library cannot take it apart; it is not shown, since it may hold a password",
            next_step="write it as postgresql://user@host:5432/name; characters such as @ or / are written %40, %2F",
        ) from None
    port = f":{parts['port']}" if parts.get("port") else ""
    return f"{parts.get('host') or 'a local socket'}{port}/{parts.get('dbname') or ''}"
