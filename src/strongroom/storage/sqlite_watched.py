"""The statements of one commit after the other: what they changed, and what calls of one commit need not ask again.

Rules:
- What a call read of KMS keys, and of what its caller is granted, holds for the calls after it in the same commit:
  nobody else writes meanwhile, and it is forgotten as soon as one of them changes a table that it may depend on, or is
  undone.
"""

from __future__ import annotations

from typing import Any, Final

from strongroom.storage.brought import Keys
from strongroom.storage.reach import Reach, is_beyond_secrets
from strongroom.storage.rows import Params, Row
from strongroom.storage.sql import Query
from strongroom.storage.transaction import Execute

ERASING: Final = frozenset({"delete_wrapped_keys", "put_version"})
"""Queries after which an old wrapped key lies in the log and nowhere else."""

SHARED: Final = frozenset({"find_kms_alias", "find_kms_key", "find_backing_key", "find_grants"})
"""Queries of tables that calls hardly ever change, which each change of a value asks again."""


class Watched:
    """Runs the writer's statements."""

    def __init__(self, execute: Execute) -> None:
        self.reach = Reach()
        self.keys = Keys()
        self._execute = execute
        self._erased = False
        self._shared: dict[tuple[Any, ...], list[Row]] = {}

    def execute(self, query: Query, params: Params) -> list[Row]:
        if query.changes is None:
            return self._execute(query, params) if query.name not in SHARED else self._read_once(query, params)
        self.note(query, params)
        return self._execute(query, params)

    def note(self, query: Query, params: Params) -> None:
        """Take into account what a statement is going to change."""
        if query.name in ERASING:
            self._erased = True
        if is_beyond_secrets(str(query.changes)):
            self.forget()
        self.reach.add(query.name, query.changes, params)

    def forget(self) -> None:
        """Read everything anew: a commit begins, or a call is undone."""
        self.keys.clear()
        self._shared.clear()

    def erased(self) -> bool:
        """Tell whether wrapped keys were deleted or replaced since this was last asked."""
        erased, self._erased = self._erased, False
        return erased

    def _read_once(self, query: Query, params: Params) -> list[Row]:
        asked = (query.name, *params.values())
        rows = self._shared.get(asked)
        if rows is None:
            rows = self._shared[asked] = self._execute(query, params)
        return rows
