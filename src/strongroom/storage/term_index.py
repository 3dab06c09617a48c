"""Rows of secrets, and the index of terms beside them that listings narrow by.

`run` is a query by its name, with parameters; `SqlTransaction` hands down its own.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter
from typing import Final, TypeAlias

from strongroom.domain.narrowing import terms_of
from strongroom.domain.secret import Secret
from strongroom.domain.timestamps import to_micros
from strongroom.storage.rows import Params, Row, secret_of, secret_params, touched_params

Run: TypeAlias = Callable[[str, Params], list[Row]]

_INDEXED_TEXTS: Final = ("description", "tags", "primary_region", "owning_service")
_indexed: Final = attrgetter(*_INDEXED_TEXTS)
_place: Final = attrgetter("purge_at", "last_accessed_on")
"""What says where a secret stands in the orders of listings, but for its last change."""

_OF_VALUES: Final = frozenset({"last_changed_at", "revision", "rotation"})
_kept_by_a_value: Final = attrgetter(*(name for name in Secret.__struct_fields__ if name not in _OF_VALUES))
"""What stays as it is when a secret is given another value."""

_BACKFILL_CHUNK: Final = 1_000


def texts(values: Iterable[str]) -> str:
    """Return texts as the parameter of the fragment `given`."""
    return json.dumps(list(values), ensure_ascii=False)


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


def _put_terms(run: Run, secret: Secret, *, before: Sequence[str]) -> None:
    after = terms_of(secret)
    _change_terms(run, "delete_terms", secret, sorted(set(before).difference(after)))
    _change_terms(run, "insert_terms", secret, sorted(set(after).difference(before)))
    run("put_terms", {"arn": secret.arn, "terms": texts(after)})


def _change_terms(run: Run, query: str, secret: Secret, terms: Sequence[str]) -> None:
    if terms:
        place: Params = {
            "account_id": secret.account_id,
            "region": secret.region,
            "created_at": to_micros(secret.created_at),
            "name": secret.name,
        }
        run(query, place | {"texts": texts(terms)})
