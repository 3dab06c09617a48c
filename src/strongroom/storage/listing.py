"""The listing's side of the storage: stretches of an order, the inverted index, and what fills it.

`run` is a query by its name, with parameters; `SqlTransaction` hands down its own.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields
from operator import attrgetter
from typing import Final, TypeAlias

from strongroom.domain.listing import ListingPosition, SortBy, position_of
from strongroom.domain.narrowing import Narrowing, prefix_end, terms_of
from strongroom.domain.secret import Secret
from strongroom.storage.rows import Params, Row, secret_of, secret_params, touched_params

Run: TypeAlias = Callable[[str, Params], list[Row]]

_ORDERS: Final = {
    SortBy.NAME: "name",
    SortBy.CREATED_DATE: "creation",
    SortBy.LAST_CHANGED_DATE: "change",
    SortBy.LAST_ACCESSED_DATE: "access",
}
_WITH_TIES: Final = frozenset({"list_by_access", "list_by_access_desc"})
_LAST_TEXT: Final = "\U0010ffff"
_FIRST_VALUE: Final = -(2**63)
_LAST_VALUE: Final = 2**63 - 1

_INDEXED_TEXTS: Final = ("description", "tags", "primary_region", "owning_service")
_indexed: Final = attrgetter(*_INDEXED_TEXTS)
_place: Final = attrgetter("purge_at", "last_accessed_on")
"""What says where a secret stands in the orders of listings, but for its last change."""

_OF_VALUES: Final = frozenset({"last_changed_at", "revision", "rotation"})
_kept_by_a_value: Final = attrgetter(*(field.name for field in fields(Secret) if field.name not in _OF_VALUES))
"""What stays as it is when a secret is given another value."""

_BACKFILL_CHUNK: Final = 1_000


def texts(values: Iterable[str]) -> str:
    """Return texts as the parameter of the fragment `given`."""
    return json.dumps(list(values), ensure_ascii=False)


def list_secrets(
    run: Run,
    place: tuple[str, str],
    order: SortBy,
    after: ListingPosition | None,
    limit: int,
    *,
    descending: bool,
    include_scheduled: bool,
    among: Sequence[str] | None,
    name_prefix: str,
) -> list[Secret]:
    query = f"list_{'' if among is None else 'among_'}by_{_ORDERS[order]}{'_desc' if descending else ''}"
    params: Params = {"account_id": place[0], "region": place[1], "row_limit": limit}
    params |= _stretch(order, after, name_prefix, descending=descending)
    if among is not None:
        params |= {"texts": texts(among), "scheduled": int(include_scheduled)}
        return [secret_of(row) for row in run(query, params)]
    found = [
        secret_of(row)
        for scheduled in range(1 + include_scheduled)
        for row in _walk(run, query, params | {"scheduled": scheduled}, ties=after is not None)
    ]
    if include_scheduled:
        found.sort(key=lambda secret: _sort_key(secret, order), reverse=descending)
    return found[:limit]


def find_names(run: Run, place: tuple[str, str], narrowing: Narrowing, limit: int) -> list[str] | None:
    """Return the names that a narrowing lets through, each once; None when the index has more than `limit`."""
    params: Params = {"account_id": place[0], "region": place[1]}
    names: list[str] = []
    for query, prefixes in (("names_with_prefix", narrowing.names), ("names_with_term", narrowing.terms)):
        for prefix in prefixes:
            bounds = {"floor": prefix, "ceiling": prefix_end(prefix), "row_limit": limit + 1 - len(names)}
            names += [row[0] for row in run(query, params | bounds)]
            if len(names) > limit:
                return None
    return list(dict.fromkeys(names))


def insert_secret(run: Run, secret: Secret) -> None:
    terms = terms_of(secret)
    run("insert_secret", secret_params(secret) | {"terms": texts(terms)})
    _change_terms(run, "insert_terms", secret, terms)


def put_secret(run: Run, secret: Secret, *, before: Secret | None) -> None:
    """Store a changed secret; `before` is what the same transaction has last seen of it, if it has."""
    if before is not None and _kept_by_a_value(before) == _kept_by_a_value(secret):
        run("touch_secret", touched_params(secret))
        return
    params = secret_params(secret)
    stays = before is not None and _place(before) == _place(secret)
    query = "put_secret_in_place" if stays else "put_secret"
    if before is not None and _indexed(before) == _indexed(secret):
        run(query, params)
        return
    texts_now = tuple(params[column] for column in _INDEXED_TEXTS)
    rows = run("find_terms", {"arn": secret.arn})
    run(query, params)
    if rows and rows[0][:4] != texts_now:
        _put_terms(run, secret, before=json.loads(rows[0][4]))


def delete_secret(run: Run, secret: Secret) -> None:
    """Delete a secret and what the index holds of it: what was put there, whatever the rules for terms are now."""
    for row in run("find_terms", {"arn": secret.arn}):
        _change_terms(run, "delete_terms", secret, json.loads(row[4]))
    run("delete_secret", {"arn": secret.arn})


def index_every_secret(run: Run) -> None:
    """Fill the index of a database that has none yet, in constant memory."""
    arn = ""
    while rows := run("secrets_of_all", {"arn": arn, "row_limit": _BACKFILL_CHUNK}):
        for secret in map(secret_of, rows):
            _put_terms(run, secret, before=())
            arn = secret.arn


def _stretch(order: SortBy, after: ListingPosition | None, name_prefix: str, *, descending: bool) -> Params:
    if order is not SortBy.NAME:
        if after is not None:
            return {"value": after.value, "arn": after.arn}
        return {"value": _LAST_VALUE, "arn": _LAST_TEXT} if descending else {"value": _FIRST_VALUE, "arn": ""}
    floor, ceiling = name_prefix, prefix_end(name_prefix) if name_prefix else _LAST_TEXT
    if after is not None and descending:
        ceiling = min(ceiling, str(after.value))
    elif after is not None:
        # The next name there can be: names hold no control characters, and PostgreSQL no U+0000.
        floor = max(floor, f"{after.value}\x01")
    return {"floor": floor, "ceiling": ceiling}


def _walk(run: Run, query: str, params: Params, *, ties: bool) -> list[Row]:
    """Return the rows of an order that follow a place; those that tie with it come first."""
    limit = params["row_limit"]
    rows = run(f"{query}_ties", params) if ties and query in _WITH_TIES else []
    if len(rows) == limit:
        return rows
    return rows + run(query, params | {"row_limit": limit - len(rows)})


def _sort_key(secret: Secret, order: SortBy) -> tuple[str | int, str]:
    position = position_of(secret, order)
    return position.value, position.arn


def _put_terms(run: Run, secret: Secret, *, before: Sequence[str]) -> None:
    after = terms_of(secret)
    _change_terms(run, "delete_terms", secret, sorted(set(before).difference(after)))
    _change_terms(run, "insert_terms", secret, sorted(set(after).difference(before)))
    run("put_terms", {"arn": secret.arn, "terms": texts(after)})


def _change_terms(run: Run, query: str, secret: Secret, terms: Sequence[str]) -> None:
    if terms:
        place: Params = {"account_id": secret.account_id, "region": secret.region, "name": secret.name}
        run(query, place | {"texts": texts(terms)})
