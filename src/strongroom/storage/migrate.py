"""Numbered, forward-only migrations: `migrations/NNNN_name.sql`.

A server brings an older schema up to its own at start, under the database's lock, and refuses a newer
one. The statements are written in SQLite's types; `dialect_text` turns them into PostgreSQL's.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

from strongroom.errors import OperatorError
from strongroom.storage.term_index import Run, index_every_secret
from strongroom.storage.trail_index import carry_over_events

VERSION_TABLE: Final = "CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL)"

_LISTING: Final = 3
"""The migration from which on secrets are indexed for ListSecrets."""

_TRAIL_BLOCKS: Final = 8
"""The migration from which on events of the trails are kept in blocks."""

_TERMS_BY_DATE: Final = 11
"""The migration from which on the index of terms is in the order of creation."""

_FILE: Final = re.compile(r"(\d{4})_[a-z_]+\.sql")


@dataclass(frozen=True, slots=True)
class Migration:
    version: int
    name: str
    statements: tuple[str, ...]


@cache
def migrations(dialect: str) -> tuple[Migration, ...]:
    """Return every migration in order, as statements of a dialect."""
    folder = files("strongroom.storage") / "migrations"
    found = []
    for entry in sorted(folder.iterdir(), key=lambda item: item.name):
        if match := _FILE.fullmatch(entry.name):
            text = re.sub(r"--.*", "", entry.read_text())
            statements = tuple(dialect_text(part.strip(), dialect) for part in text.split(";") if part.strip())
            found.append(Migration(int(match[1]), entry.name, statements))
    return tuple(found)


def dialect_text(statement: str, dialect: str) -> str:
    if dialect != "postgresql":
        return statement
    text = re.sub(r"\bINTEGER\b", "BIGINT", statement)
    text = re.sub(r"\bBLOB\b", "BYTEA", text)
    text = re.sub(r"\bTEXT\b", 'TEXT COLLATE "C"', text)
    return re.sub(r"\)\s*STRICT(, WITHOUT ROWID)?$", ")", text)


def pending(dialect: str, present: int) -> tuple[Migration, ...]:
    """Return the migrations a database at version `present` still needs.

    Raises:
        OperatorError: the database is newer than this server.
    """
    known = migrations(dialect)
    if present > known[-1].version:
        raise OperatorError(
            f"The database has schema version {present}; this server knows versions up to {known[-1].version}.",
            why="a newer Strongroom has used this database, and an older one could damage what it wrote",
            next_step="start the newer Strongroom again, or restore a backup made before the upgrade",
        )
    return tuple(migration for migration in known if migration.version > present)


def complete(done: Sequence[Migration], run: Run) -> None:
    """Do what SQL cannot: index the secrets, and put the events into blocks, that were there before there were index
    and blocks. The schema is the newest by now.
    """
    versions = {migration.version for migration in done}
    if _TERMS_BY_DATE in versions:
        run("index_again", {})
    if _LISTING in versions:
        index_every_secret(run)
    if _TRAIL_BLOCKS in versions:
        carry_over_events(run)
