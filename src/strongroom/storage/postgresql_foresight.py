"""What changes are going to read, brought for many of them in one round trip, and a transaction on it.

Two statements, because each sees what was committed when it began: the first locks the secrets, the second
reads all else of them, which nobody else can change from then on (docs/adr/0003). A secret that another
transaction holds is passed over: its change waits for it in a transaction of its own.

What a call changes is collected, and told to the database later. So a call that was not brought something,
that reads what it has changed itself, that changes what the lock does not cover, or that has to be told what it
changed, leaves nothing behind: it is refused with NotBroughtError.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from strongroom.domain.kms_key import DEFAULT_ALIAS
from strongroom.storage.base import Foreseen, Given, NotBroughtError
from strongroom.storage.brought import label_rows, policy_rows
from strongroom.storage.postgresql_brought import told
from strongroom.storage.postgresql_changes import Change
from strongroom.storage.rows import KMS_KEY_COLUMNS, SECRET_COLUMNS, VERSION_COLUMNS, Params, Row
from strongroom.storage.sql import FOR_UPDATE, Queries, Query

_ARN: Final = 3
_PLACE: Final = 3
_KMS_KEY_ID: Final = 7
_VERSION: Final = SECRET_COLUMNS + 2
_VERSION_KEY: Final = _VERSION + VERSION_COLUMNS
_COUNTS: Final = _VERSION_KEY + KMS_KEY_COLUMNS + 3
_SEALING: Final = _COUNTS + 2

_READS: Final[dict[str, set[str]]] = {
    "secrets": {"find_secret", "find_secret_by_arn"},
    "versions": {"find_version", "count_versions"},
    "stages": {"stages"},
    "resource_policies": {"list_policies"},
    "secret_terms": set(),
}
"""What a call may change here: rows of which its secret's lock keeps others away. With the queries that read them."""

CHANGEABLE: Final = frozenset(_READS)
"""The tables of which a call may change rows here."""

_encode: Final = msgspec.json.Encoder().encode


class Foresight:
    """Runs the queries of one call on what was brought, and keeps what it changes in `changes`."""

    __slots__ = ("_given", "_outdated", "changes")

    def __init__(self, given: Given) -> None:
        self._given = given
        self._outdated: set[str] = set()
        self.changes: list[Change] = []

    def execute(self, query: Query, params: Params) -> list[Row]:
        if query.changes is not None:
            if query.changes not in _READS or "RETURNING" in query.text:
                raise NotBroughtError(query.name)
            self._outdated |= _READS[query.changes]
            self.changes.append((query, dict(params)))
            return []
        name = query.name.removesuffix(FOR_UPDATE)
        rows = self._given.get((name, _sought(name, params)))
        if rows is None or name in self._outdated:
            raise NotBroughtError(name)
        return rows


def _sought(name: str, params: Params) -> tuple[Any, ...]:
    """Return what rows are found by; for a secret not the version that is brought along with it."""
    values = tuple(params.values())
    return values[:_PLACE] if name in _READS["secrets"] else values


def questions(queries: Queries, foreseen: Sequence[Foreseen]) -> list[tuple[Query, Params]]:
    """Return what locks and brings what is foreseen of different secrets."""
    wanted = {"wanted": _encode([told(place, one.version) for place, one in enumerate(foreseen)]).decode()}
    principals = sorted({one.principal_arn for one in foreseen if one.principal_arn is not None})
    run = queries.reading
    asked: list[tuple[Query, Params]] = [
        (run["lock_for_changes"], wanted),
        (run["bring_for_changes"], wanted | {"default_alias": DEFAULT_ALIAS}),
    ]
    if principals:
        asked.append((run["bring_grants"], {"texts": _encode(principals).decode()}))
    return asked


def presumed_keys(queries: Queries, foreseen: Sequence[Foreseen]) -> list[tuple[Query, Params]]:
    """Return what asks for access keys that were presumed; nothing if none were."""
    ids = sorted({one.presumed.access_key_id for one in foreseen if one.presumed is not None})
    return [(queries.reading["find_access_keys"], {"texts": _encode(ids).decode()})] if ids else []


def brought(foreseen: Sequence[Foreseen], answers: Sequence[list[Row]]) -> list[Given | None]:
    """Return what each is given of the answers; None for a secret that another transaction holds."""
    locked, found, *granted = answers
    grants = {row[0]: row[1:] for row in granted[0]} if granted else {}
    arns, by_place = {row[0] for row in locked}, {row[0]: row[1:] for row in found}
    return [_given(one, by_place[place], arns, grants) for place, one in enumerate(foreseen)]


def _given(foreseen: Foreseen, row: Row, locked: set[str], grants: dict[str, Row]) -> Given | None:
    """Return the rows of what was brought by the queries that would find them."""
    arn, wanted = row[_ARN], foreseen.version
    if arn is not None and arn not in locked:
        return None
    given: dict[tuple[str, tuple[Any, ...]], list[Row]] = {}
    place = (wanted.account_id, wanted.region)
    found = [row[:SECRET_COLUMNS]] if arn is not None and wanted.arn in (None, arn) else []
    if wanted.arn is None:
        given["find_secret", (*place, wanted.name)] = found
    else:
        given["find_secret_by_arn", (*place, wanted.arn)] = found
    if arn is not None:
        given |= _given_of_secret(row, wanted.version_id)
    if (sealing := row[_SEALING:])[0] is not None:
        given |= _given_of_key(sealing)
        if arn is None or row[_KMS_KEY_ID] is None:
            given["find_kms_alias", (*place, DEFAULT_ALIAS)] = [(sealing[2],)]
    if foreseen.principal_arn is not None:
        own = grants.get(foreseen.principal_arn)
        given["find_grants", (foreseen.principal_arn,)] = [] if own is None else [own]
    return given


def _given_of_secret(row: Row, version_id: str | None) -> dict[tuple[str, tuple[Any, ...]], list[Row]]:
    arn, counts = row[_ARN], row[_COUNTS:_SEALING]
    given: dict[tuple[str, tuple[Any, ...]], list[Row]] = {
        ("stages", (arn,)): label_rows(row[SECRET_COLUMNS]),
        ("list_policies", (arn,)): policy_rows(row[SECRET_COLUMNS + 1]),
        ("count_versions", (arn,)): [counts[:1]],
    }
    if counts[1] == 0:
        given["list_replicas", (arn,)] = []
    if row[_VERSION] is not None:
        given["find_version", (arn, row[_VERSION])] = [row[_VERSION:_VERSION_KEY]]
    elif version_id is not None:
        given["find_version", (arn, version_id)] = []
    if row[_VERSION_KEY] is not None:
        given |= _given_of_key(row[_VERSION_KEY:_COUNTS])
    return given


def _given_of_key(row: Row) -> dict[tuple[str, tuple[Any, ...]], list[Row]]:
    key, backing = row[:KMS_KEY_COLUMNS], row[KMS_KEY_COLUMNS:]
    given: dict[tuple[str, tuple[Any, ...]], list[Row]] = {("find_kms_key", key[:3]): [key]}
    if backing[0] is not None:
        given["find_backing_key", (*key[:3], backing[0])] = [backing]
    return given
