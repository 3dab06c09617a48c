"""Statements on one PostgreSQL connection: prepared once, parameters and rows in binary, changes sent together.

A statement that returns no rows waits and goes out with the next one that does, or at the end, in one
pipeline: a call pays one round trip for each thing it reads, not for each thing it does. Its failure shows
then, and always before `flush` returns. libpq is used directly; psycopg's cursors cost as much processor
time again as the rest of a statement.

Strings are UTF-8, as the connection is told. Columns are BIGINT, TEXT and BYTEA, nothing else (migrate.py).
"""

from __future__ import annotations

import re
import select
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeVar, cast

import psycopg
from psycopg import pq

from strongroom.storage.rows import Params, Row
from strongroom.storage.sql import Query

T = TypeVar("T")

BEGIN: Final = Query("begin", "BEGIN", lambda params: params)
COMMIT: Final = Query("commit", "COMMIT", lambda params: params)
ROLLBACK: Final = Query("roll back", "ROLLBACK", lambda params: params)

_BINARY: Final = pq.Format.BINARY
_INT8: Final = 20
_BYTEA: Final = 17
_TEXT: Final = 25
_INTEGERS: Final = {20, 21, 23}
_PARAMETER: Final = re.compile(r"%\(([a-z_]+)\)s")
_GIVEN: Final = {_INT8, _TEXT, _BYTEA}
_OPEN: Final = {pq.TransactionStatus.INTRANS, pq.TransactionStatus.INERROR}
_NULL: Final[bytes] = cast("bytes", None)  # psycopg's stubs forget that libpq takes None for NULL
_ENDED: Final = (psycopg.errors.AdminShutdown, psycopg.errors.CrashShutdown)
_SUCCESS: Final = {pq.ExecStatus.TUPLES_OK, pq.ExecStatus.COMMAND_OK}


@dataclass(frozen=True, slots=True)
class _Statement:
    """A prepared statement: its name, its parameters with their types, its columns with what reads them."""

    name: bytes
    parameters: tuple[tuple[str, int], ...]
    formats: list[int]
    columns: tuple[tuple[int, Callable[[bytes], Any]], ...]
    is_commit: bool


class LostConnectionError(psycopg.OperationalError):
    """The connection was lost before anything that was done on it could count: it may be done again on another."""


@contextmanager
def before_it_counts(session: Session) -> Iterator[None]:
    """Tell a lost connection from other failures, where nothing has been committed yet nor been tried to."""
    try:
        yield
    except psycopg.OperationalError as error:
        if session.is_lost or isinstance(error, _ENDED):
            raise LostConnectionError(str(error)) from error
        raise


class Lender(Protocol):
    """Lends a thread a session, the same one while nothing goes wrong on it; given back at the end.

    What raises LostConnectionError is done once more, on a connection that was looked at.
    """

    def use(self, use: Callable[[Session], T]) -> T: ...
    def give_back(self) -> None: ...


class Session:
    """One connection's statements. For one thread at a time; lives as long as the connection."""

    def __init__(self, libpq: pq.abc.PGconn) -> None:
        self._libpq = libpq
        self._readable = select.poll()
        self._readable.register(libpq.socket, select.POLLIN)
        self._usable = select.poll()
        self._usable.register(libpq.socket, select.POLLIN | select.POLLOUT)
        self._statements: dict[str, _Statement] = {}
        self._waiting: list[tuple[_Statement, list[bytes]]] = []
        self._sent: list[_Statement] = []
        self._came: list[pq.abc.PGresult] = []
        self._is_receiving = False
        self._is_whole = True

    @property
    def is_lost(self) -> bool:
        return self._libpq.status == pq.ConnStatus.BAD

    @property
    def descriptor(self) -> int:
        return self._libpq.socket

    def end(self) -> None:
        """Close the connection; whoever has it sees that it is lost."""
        self._libpq.finish()

    def query(self, query: Query, params: Params) -> list[Row]:
        """Run a named query, as `execute` does."""
        return self.execute(query.text, params)

    def execute(self, text: str, params: Params) -> list[Row]:
        """Run a statement with parameters written `%(name)s` and return its rows.

        Raises:
            psycopg.Error: it failed, or one that waited did; nothing waits any more.
        """
        statement = self._statements.get(text) or self._prepare(text)
        values = [_encoded(params[name], type_) for name, type_ in statement.parameters]
        if not statement.columns:
            self._waiting.append((statement, values))
            return []
        self._waiting.append((statement, values))
        return _rows(self._run_waiting()[-1], statement)

    # For who must not wait: a round trip in three parts, of which none does.

    def stop_waiting(self, queries: Iterable[Query]) -> None:
        """Make ready for round trips of these queries, of which `send` begins and `receive` ends one. Waits."""
        for query in queries:
            if query.text not in self._statements:
                self._prepare(query.text)
        self._libpq.nonblocking = 1
        self._libpq.enter_pipeline_mode()

    def wait_again(self) -> None:
        """Go back to what waits. Nothing may be under way. Raises psycopg.Error if something is."""
        self._libpq.exit_pipeline_mode()
        self._libpq.nonblocking = 0

    def send(self, asked: Sequence[tuple[Query, Params]], *, is_whole: bool = True) -> bool:
        """Begin a round trip of queries, or go on with one that was not whole. Tell whether it is on its way, else
        `push` it. The server works on what it has got, and answers when it has got the whole.
        """
        self._is_receiving, self._is_whole = True, is_whole
        for query, params in asked:
            statement = self._statements[query.text]
            self._sent.append(statement)
            values = [_encoded(params[name], type_) for name, type_ in statement.parameters]
            self._libpq.send_query_prepared(statement.name, values, statement.formats, _BINARY)
        if is_whole:
            self._libpq.pipeline_sync()
        return self.push()

    def push(self) -> bool:
        """Send on, as far as the connection takes it; tell whether that was all."""
        return self._libpq.flush() == 0

    def receive(self) -> list[list[Row]] | None:
        """Take in what has come, and return the rows of each query when all have; None until then.

        Raises:
            psycopg.Error: one of them failed, or the connection is lost.
        """
        libpq = self._libpq
        libpq.consume_input()
        if libpq.status != pq.ConnStatus.OK:
            raise psycopg.OperationalError("the connection is lost")
        # Of what is not whole there is no end to wait for, and libpq would say again and again that nothing is there.
        while self._is_receiving and self._is_whole and not libpq.is_busy():
            result = libpq.get_result()
            if result is None:  # ends a statement's results
                if libpq.status != pq.ConnStatus.OK:
                    raise psycopg.OperationalError("the connection is lost")
            elif result.status == pq.ExecStatus.PIPELINE_SYNC:
                return self._received()
            else:
                self._came.append(result)
        if libpq.status != pq.ConnStatus.OK:
            raise psycopg.OperationalError("the connection is lost")
        return None

    def _received(self) -> list[list[Row]]:
        came, sent, self._came, self._sent = self._came, self._sent, [], []
        self._is_receiving = False
        for result in came:
            self._require_success(result)
        return [_rows(result, statement) for result, statement in zip(came, sent, strict=True)]

    @property
    def is_readable(self) -> bool:
        """Whether something has come that was not taken in, be it the end of the connection or an error."""
        return bool(self._readable.poll(0))

    @property
    def is_receiving(self) -> bool:
        """Whether a round trip has begun that has not ended."""
        return self._is_receiving

    def execute_together(self, asked: Sequence[tuple[Query, Params]]) -> list[list[Row]]:
        """Run queries in one round trip, with all that waits, and return the rows of each.

        Raises:
            psycopg.Error: one of them failed, or one that waited did; nothing waits any more.
        """
        statements = [self._statements.get(query.text) or self._prepare(query.text) for query, _ in asked]
        for statement, (_, params) in zip(statements, asked, strict=True):
            values = [_encoded(params[name], type_) for name, type_ in statement.parameters]
            self._waiting.append((statement, values))
        results = self._run_waiting()[-len(asked) :]
        return [_rows(result, statement) for result, statement in zip(results, statements, strict=True)]

    def flush(self) -> None:
        """Run what waits. Raises psycopg.Error if any of it failed."""
        if self._waiting:
            self._run_waiting()

    def begin(self, text: str) -> None:
        """Open a transaction: it begins with its first statement, and never if there is none."""
        self._waiting.clear()
        self.execute(text, {})

    @property
    def has_begun(self) -> bool:
        """Whether there was any statement since `begin`."""
        return self._libpq.transaction_status != pq.TransactionStatus.IDLE or len(self._waiting) > 1

    def commit(self) -> None:
        """Commit, and return when it is done. Raises psycopg.Error if anything of the transaction failed."""
        if not self.has_begun:
            self._waiting.clear()
            return
        self.execute_together([(COMMIT, {})])

    def roll_back(self) -> None:
        """Undo the transaction. A connection that is lost has done so by itself."""
        self._waiting.clear()
        if self._libpq.transaction_status in _OPEN:
            undone = self._libpq.exec_(b"ROLLBACK")
            if not self.is_lost:
                self._require_success(undone)

    def _prepare(self, text: str) -> _Statement:
        names: list[str] = []

        def number(match: re.Match[str]) -> str:
            if match[1] not in names:
                names.append(match[1])
            return f"${names.index(match[1]) + 1}"

        query, name = _PARAMETER.sub(number, text), b"s%d" % len(self._statements)
        self._require_success(self._libpq.prepare(name, query.encode()))
        described = self._libpq.describe_prepared(name)
        self._require_success(described)
        parameters = tuple((one, described.param_type(place)) for place, one in enumerate(names))
        types = [described.ftype(column) for column in range(described.nfields)]
        if {type_ for _, type_ in parameters} - _GIVEN or set(types) - _DECODERS.keys():
            raise TypeError(f"a type that is not spoken here: {parameters}, {types}: {query}")
        columns = tuple((column, _DECODERS[type_]) for column, type_ in enumerate(types))
        statement = self._statements[text] = _Statement(
            name, parameters, [_BINARY] * len(names), columns, text == COMMIT.text
        )
        return statement

    def _run_waiting(self) -> list[pq.abc.PGresult]:
        """Send what waits in one go and return the results, or raise the first failure."""
        waiting, self._waiting = self._waiting, []
        libpq = self._libpq
        if len(waiting) == 1:
            statement, values = waiting[0]
            result = libpq.exec_prepared(statement.name, values, statement.formats, _BINARY)
            self._require_success(result)
            return [result]
        libpq.enter_pipeline_mode()
        for statement, values in waiting:
            libpq.send_query_prepared(statement.name, values, statement.formats, _BINARY)
        libpq.pipeline_sync()
        while libpq.flush():  # what is long is taken bit by bit, while answers may come already
            self._usable.poll()
            libpq.consume_input()
        results = self._results(len(waiting))
        libpq.exit_pipeline_mode()
        for result in results:
            self._require_success(result)
        return results

    def _results(self, count: int) -> list[pq.abc.PGresult]:
        results: list[pq.abc.PGresult] = []
        while True:
            while self._libpq.is_busy():  # get_result would wait with the interpreter's lock held
                self._readable.poll()
                self._libpq.consume_input()
            result = self._libpq.get_result()
            if result is None:  # ends a statement's results; where there are none at all, the connection is gone
                if self._libpq.status != pq.ConnStatus.OK:
                    raise psycopg.OperationalError("the connection is lost")
                continue
            if result.status == pq.ExecStatus.PIPELINE_SYNC:
                return results
            results.append(result)
            if len(results) > count:
                raise psycopg.OperationalError("the connection is lost")

    def _require_success(self, result: pq.abc.PGresult) -> None:
        if result.status not in _SUCCESS:
            raise _error_of(result)


def _error_of(result: pq.abc.PGresult) -> psycopg.Error:
    state = result.error_field(pq.DiagnosticField.SQLSTATE)
    message = result.error_message.decode(errors="replace").strip()
    if state is None:
        return psycopg.OperationalError(message)
    try:
        return psycopg.errors.lookup(state.decode())(message)
    except KeyError:
        return psycopg.DatabaseError(message)


def _encoded(value: Any, type_: int) -> bytes:
    if value is None:
        return _NULL
    if type_ == _INT8:
        return int(value).to_bytes(8, "big", signed=True)
    return bytes(value) if type_ == _BYTEA else str(value).encode()


def _rows(result: pq.abc.PGresult, statement: _Statement) -> list[Row]:
    if statement.is_commit and result.command_status != b"COMMIT":
        raise psycopg.OperationalError("the transaction was rolled back")
    value, decoders = result.get_value, statement.columns
    return [
        tuple([None if (content := value(row, column)) is None else decode(content) for column, decode in decoders])
        for row in range(result.ntuples)
    ]


def _integer(content: bytes) -> int:
    return int.from_bytes(content, "big", signed=True)


_DECODERS: Final[dict[int, Callable[[bytes], Any]]] = {
    **dict.fromkeys(_INTEGERS, _integer),
    _TEXT: bytes.decode,
    _BYTEA: bytes,
}
