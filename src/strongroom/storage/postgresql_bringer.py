"""Point reads of many calls in one round trip to PostgreSQL.

Calls that come while a round trip is under way go together with the next one, so under load the database
is asked once for many of them, and alone a call waits for nobody. Every call is answered from what was read
after it asked. A secret's row, its labels, policies, version and keys come in one statement, hence from one
snapshot.

Why a thread: it waits for the database; the calls themselves go on where they came from. Why one: with two round trips
under way each carries half as many calls, and costs the same (docs/performance.md). A call waits for two at most.
"""

from __future__ import annotations

import itertools
import queue
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import psycopg
from psycopg_pool import PoolTimeout

from strongroom.storage.base import Given, NotBroughtError, StorageError, WantedVersion
from strongroom.storage.postgresql_session import Lender, Session, before_it_counts
from strongroom.storage.rows import ACCESS_KEY_COLUMNS, SECRET_COLUMNS, Params, Row
from strongroom.storage.sql import Queries, Query

MAX_TOGETHER: Final = 128
"""Rows from which on no more calls join those that go together."""

MARK: Final = ("mark", ())
"""Where `Given` has the mark: the snapshot and the server it is of. What two equal ones see is the same."""

_ARN: Final = 3
_PRINCIPAL_ARN: Final = 2
_GRANTS: Final = 2 + ACCESS_KEY_COLUMNS
_VERSION: Final = SECRET_COLUMNS + 2
_encode: Final = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class _Asked:
    """Either an access key or versions, and whom to tell."""

    wanted: str | tuple[WantedVersion, ...]
    told: Future[Given]

    @property
    def rows(self) -> int:
        return 1 if isinstance(self.wanted, str) else len(self.wanted)


class PostgresqlBringer:
    """The thread, and the calls that wait for it. `lender` makes what lends it its session."""

    def __init__(self, lender: Callable[[], Lender], queries: Queries) -> None:
        self._lender = lender
        self._access_keys = queries.reading["bring_access_keys"]
        self._versions = queries.reading["bring_versions"]
        self._waiting: queue.SimpleQueue[_Asked | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="bringer")
        self._thread.start()

    def access_key(self, access_key_id: str) -> Future[Given]:
        return self._ask(access_key_id)

    def versions(self, wanted: tuple[WantedVersion, ...]) -> Future[Given]:
        return self._ask(wanted)

    def together(self, earlier: Given, later: Given) -> Given:
        """Return both. They have no mark if something was committed in between: then they are of two states."""
        both = {**earlier, **later}
        if earlier.get(MARK) != later.get(MARK):
            del both[MARK]
        return both

    def close(self) -> None:
        self._waiting.put(None)
        self._thread.join()

    def _ask(self, wanted: str | tuple[WantedVersion, ...]) -> Future[Given]:
        told: Future[Given] = Future()
        self._waiting.put(_Asked(wanted, told))
        return told

    def _run(self) -> None:
        lender = self._lender()
        try:
            self._serve(lender)
        finally:
            lender.give_back()

    def _serve(self, lender: Lender) -> None:
        while (first := self._waiting.get()) is not None:
            together, is_end = self._gather(first)
            try:
                brought = lender.use(lambda session: self._bring(session, together))  # noqa: B023 - used at once
            except (psycopg.Error, PoolTimeout) as error:
                failure = StorageError(f"{type(error).__name__}: {error}")
                for asked in together:
                    asked.told.set_exception(failure)
            except Exception as error:  # noqa: BLE001 - the thread must not end
                for asked in together:
                    asked.told.set_exception(error)
            else:
                for asked, given in zip(together, brought, strict=True):
                    asked.told.set_result(given)
            if is_end:
                return

    def _gather(self, first: _Asked) -> tuple[list[_Asked], bool]:
        """Return `first` and the calls that wait behind it, and whether the end was among them."""
        together, rows = [first], first.rows
        while rows < MAX_TOGETHER:
            try:
                asked = self._waiting.get_nowait()
            except queue.Empty:
                break
            if asked is None:
                return together, True
            together.append(asked)
            rows += asked.rows
        return together, False

    def _bring(self, session: Session, together: list[_Asked]) -> list[Given]:
        keys = sorted({asked.wanted for asked in together if isinstance(asked.wanted, str)})
        batches = [asked.wanted for asked in together if not isinstance(asked.wanted, str)]
        versions = list(dict.fromkeys(itertools.chain.from_iterable(batches)))
        questions: list[tuple[Query, Params]] = []
        if keys:
            questions.append((self._access_keys, {"texts": _encode(keys).decode()}))
        if versions:
            places = [told(place, wanted) for place, wanted in enumerate(versions)]
            questions.append((self._versions, {"wanted": _encode(places).decode()}))
        with before_it_counts(session):
            answers = session.execute_together(questions)
        given_keys = {row[1]: _given_key(row) for row in answers[0]} if keys else {}
        given = {versions[row[1]]: _given(versions[row[1]], row) for row in answers[-1]} if versions else {}
        return [
            given_keys[asked.wanted] if isinstance(asked.wanted, str) else _all(given[one] for one in asked.wanted)
            for asked in together
        ]


def _all(brought: Iterable[Given]) -> Given:
    """Return what was brought by one statement as one."""
    whole: dict[tuple[str, tuple[Any, ...]], list[Row]] = {}
    for given in brought:
        whole |= given
    return whole


def serve(given: Given) -> Callable[[Query, Params], list[Row]]:
    """Return what runs queries on given rows alone. It raises NotBroughtError for any other."""

    def execute(query: Query, params: Params) -> list[Row]:
        rows = given.get((query.name, tuple(params.values())))
        if rows is None:
            raise NotBroughtError(query.name)
        return rows

    return execute


def _given_key(row: Row) -> Given:
    """Return the rows of an access key and of what its principal is granted, by the queries that would find them."""
    key, grants = row[2:_GRANTS], row[_GRANTS:]
    if key[0] is None:
        return {MARK: [row[:1]], ("find_access_key", (row[1],)): []}
    found = [] if grants[0] is None else [grants]
    return {
        MARK: [row[:1]],
        ("find_access_key", (row[1],)): [key],
        ("find_grants", (key[_PRINCIPAL_ARN],)): found,
    }


def told(place: int, wanted: WantedVersion) -> dict[str, Any]:
    """Return what is wanted as the fragment `wanted_secrets` takes it."""
    return {
        "place": place,
        "account_id": wanted.account_id,
        "region": wanted.region,
        "name": wanted.name,
        "version_id": wanted.version_id,
        "label": wanted.label,
    }


def _given(wanted: WantedVersion, brought: Row) -> Given:
    """Return the rows of a secret and of its version by the queries that would find them."""
    replicas, row = brought[2], brought[3:]
    is_found = row[_ARN] is not None and wanted.arn in (None, row[_ARN])
    found = [row[:_VERSION]] if is_found else []
    place = (wanted.account_id, wanted.region)
    given: dict[tuple[str, tuple[str, ...]], list[Row]] = {MARK: [brought[:1]]}
    if wanted.arn is None:
        given["find_secret", (*place, wanted.name)] = found
    else:
        given["find_secret_by_arn", (*place, wanted.arn)] = found
    if replicas == 0 and row[_ARN] is not None:
        given["list_replicas", (row[_ARN],)] = []
    if row[_VERSION] is not None:
        given["find_version", (row[_ARN], row[_VERSION])] = [row[_VERSION:]]
    return given
