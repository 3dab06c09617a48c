"""Changes of several calls, of different secrets, told in few statements.

Rows of one table go in together (queries called `... together`), secrets before their versions, versions before the
labels on them, and then what a new value changes of its secret; what else these calls change follows, each by itself.
That is another order than the calls had, so it is done only where the order makes no difference.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import Any, Final, TypeAlias

import msgspec

from strongroom.storage.rows import Params
from strongroom.storage.sql import Queries, Query

Change: TypeAlias = tuple[Query, Params]

_TOGETHER: Final = ("insert_secret", "insert_version", "put_stage", "touch_secret")
_OF_SECRETS: Final = frozenset({"put_secret", "put_secret_in_place", "touch_secret"})
_AFTERWARDS: Final = frozenset({"insert_terms", "delete_stage"}) | _OF_SECRETS
"""What may come after all of `_TOGETHER`: it concerns no row that these put there, but for columns of the secret."""

_PARAMETER: Final = re.compile(r"%\(([a-z_]+)\)s")
_encode: Final = msgspec.json.Encoder().encode


def combined(queries: Queries, calls: Iterable[Sequence[Change]]) -> Iterator[Change]:
    """Yield what changes the same as these calls, each of which concerns a secret of its own."""
    rows: dict[str, list[list[Any]]] = {name: [] for name in _TOGETHER}
    afterwards: list[Change] = []
    for changes in calls:
        names = [query.name for query, _ in changes]
        is_in_any_order = all(name in rows or name in _AFTERWARDS for name in names)
        if not is_in_any_order or sum(name in _OF_SECRETS for name in names) > 1:
            afterwards += changes
            continue
        for query, params in changes:
            if query.name in rows:
                rows[query.name].append([params[column] for column in _columns(query.text)])
            else:
                afterwards.append((query, params))
    for name, its in rows.items():
        if its:
            yield queries.writing[f"{name} together"], {"rows": _encode(its).decode()}
    yield from afterwards


@cache
def _columns(text: str) -> list[str]:
    """Return the parameters of a statement for one row, in the order in which that for many takes their values."""
    return _PARAMETER.findall(text)
