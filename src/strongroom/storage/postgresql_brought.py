"""What calls are about to read of PostgreSQL: as questions, and as the rows that the queries of a call would find.

Every row that is brought has the mark of the state it is of, and whoever asks for access keys is told what was changed
since an earlier one. A secret's row, its labels, policies, version and keys come in one statement, hence from one
snapshot.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, TypeAlias

import msgspec

from strongroom.storage.base import Given, NotBroughtError, WantedVersion
from strongroom.storage.rows import ACCESS_KEY_COLUMNS, SECRET_COLUMNS, Params, Row
from strongroom.storage.sql import Queries, Query

MARK: Final = ("mark", ())
"""Where `Given` has the mark: the snapshot and the server it is of. What two equal ones see is the same."""

_ARN: Final = 3
_PRINCIPAL_ARN: Final = 2
_NOTED: Final = 1
_PLACE: Final = 2
_KEY: Final = 3
_GRANTS: Final = _KEY + ACCESS_KEY_COLUMNS
_VERSION: Final = SECRET_COLUMNS + 2
_encode: Final = msgspec.json.Encoder().encode

Wanted: TypeAlias = str | tuple[WantedVersion, ...]
"""Either the id of an access key, or versions."""

Questions: TypeAlias = Sequence[tuple[Query, Params]]
Distribute: TypeAlias = Callable[[Sequence[list[Row]]], list[Given]]
"""Gives each its own of the answers to questions."""


def questions(wanted: Iterable[Wanted], queries: Queries, since: int | None) -> tuple[Questions, Distribute]:
    """Return what to ask for all that is wanted, and what gives each its own of the answers.

    With each answer comes what was noted by transactions from the number `since` on.
    """
    together = list(wanted)
    keys = sorted({one for one in together if isinstance(one, str)})
    versions = list(dict.fromkeys(itertools.chain.from_iterable(one for one in together if not isinstance(one, str))))
    asked: list[tuple[Query, Params]] = []
    if keys:
        params = {"texts": _encode(keys).decode(), "since": since}
        asked.append((queries.reading["bring_access_keys"], params))
    if versions:
        places = [told(place, one) for place, one in enumerate(versions)]
        asked.append((queries.reading["bring_versions"], {"wanted": _encode(places).decode(), "since": since}))

    def distribute(answers: Sequence[list[Row]]) -> list[Given]:
        given_keys = {row[_NOTED + 1]: _given_key(row) for row in answers[0]} if keys else {}
        given = {its: _given(its, row) for row in answers[-1] for its in (versions[row[_PLACE]],)} if versions else {}
        return [given_keys[one] if isinstance(one, str) else _all(given[its] for its in one) for one in together]

    return asked, distribute


def noted_in(answers: Sequence[list[Row]]) -> list[tuple[str, str]]:
    """Return the mark of each answer, with what was noted."""
    return [(rows[0][0], rows[0][_NOTED]) for rows in answers if rows]


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
    access_key_id, key, grants = row[_KEY - 1], row[_KEY:_GRANTS], row[_GRANTS:]
    if key[0] is None:
        return {MARK: [row[:1]], ("find_access_key", (access_key_id,)): []}
    found = [] if grants[0] is None else [grants]
    return {
        MARK: [row[:1]],
        ("find_access_key", (access_key_id,)): [key],
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
    replicas, row = brought[_PLACE + 1], brought[_PLACE + 2 :]
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
