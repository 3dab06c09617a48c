"""How far a change reaches among what readers keep: one secret, nothing, or anything.

A table that is named neither here nor there reaches anything: a new one is safe before it is thought of.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import Any, Final

OF_A_SECRET: Final = frozenset({"secrets", "versions", "stages", "resource_policies", "replicas"})
"""Tables whose rows belong to one secret. Statements that change them name it as `arn`."""

OF_NO_ANSWER: Final = frozenset(
    {
        "access_key_uses",
        "alarm_notices",
        "alarm_states",
        "alarm_watch",
        "committed_changes",
        "jobs",
        "planned_deletions",
        "secret_readers",
        "secret_terms",
        "tombstones",
        "trail_blocks",
        "trail_contents",
        "trail_events",
        "trail_failures",
        "trail_heads",
        "trail_positions",
        "trail_terms",
    }
)
"""Tables that nothing kept, and no draft, was worked out from: neither values nor who may read them depend on them."""

DATES_OF_READS: Final = frozenset({"record_secret_access", "record_version_access"})
"""Queries that change columns of a secret's tables which nothing kept was worked out from."""


def is_beyond_secrets(table: str) -> bool:
    """Tell whether a table is about more than one secret, and answers depend on it: identities, keys, settings."""
    return table not in OF_A_SECRET and table not in OF_NO_ANSWER


class Reach:
    """What the statements of one commit changed."""

    def __init__(self) -> None:
        self._arns: set[str] = set()
        self._is_anything = False

    def add(self, name: str, table: str | None, params: Mapping[str, Any]) -> None:
        """Take a query into account, and the table it changes: None for one that changes nothing."""
        if table is None or table in OF_NO_ANSWER or name in DATES_OF_READS:
            return
        arn = params.get("arn") if table in OF_A_SECRET else None
        if arn is None:
            self._is_anything = True
        else:
            self._arns.add(arn)

    def add_secrets(self, arns: Iterable[str]) -> None:
        """Take changes of these secrets into account."""
        self._arns.update(arns)

    def concerns(self, arns: AbstractSet[str]) -> bool:
        """Tell whether one of these secrets may have been changed."""
        return self._is_anything or not self._arns.isdisjoint(arns)

    def taken(self) -> frozenset[str] | None:
        """Return the secrets changed since this was last asked; None if it may be anything."""
        arns = None if self._is_anything else frozenset(self._arns)
        self._arns, self._is_anything = set(), False
        return arns
