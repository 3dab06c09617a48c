"""Copies a filled SQLite database into an empty PostgreSQL one, table by table with COPY: minutes become seconds.

It works as long as both databases have the same tables with the same columns, which is looked up, not assumed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import apsw
import psycopg
from psycopg import sql

NOT_COPIED: Final = frozenset({"schema_version", "trail_heads"})
"""What each database has of its own: how far it is migrated, and the trails of its nodes."""

Columns = dict[str, set[str]]


def copy_tables(source: Path, url: str) -> bool:
    """Copy every table; tell whether it could be done. PostgreSQL's user must be a superuser (no foreign keys)."""
    with psycopg.connect(url) as target:
        lite = apsw.Connection(str(source), flags=apsw.SQLITE_OPEN_READONLY)
        try:
            tables = _columns_of_sqlite(lite)
            if tables != _columns_of_postgresql(target):
                return False
            target.execute("SET session_replication_role = replica")
            for table in sorted(tables.keys() - NOT_COPIED):
                _copy(lite, target, table, sorted(tables[table]))
        finally:
            lite.close()
    with psycopg.connect(url, autocommit=True) as target:
        target.execute("VACUUM ANALYZE")
    return True


def _copy(lite: apsw.Connection, target: psycopg.Connection, table: str, columns: list[str]) -> None:
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    with target.cursor() as cursor, cursor.copy(statement) as copy:
        for row in lite.execute(f'SELECT {", ".join(columns)} FROM "{table}"'):  # noqa: S608 - the schema's own names
            copy.write_row(row)


def _columns_of_sqlite(lite: apsw.Connection) -> Columns:
    rows = lite.execute(
        "SELECT m.name, c.name FROM sqlite_master m, pragma_table_info(m.name) c "
        "WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%'"
    )
    return _grouped([(str(table), str(column)) for table, column in rows])


def _columns_of_postgresql(target: psycopg.Connection) -> Columns:
    statement = "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'"
    return _grouped([(str(table), str(column)) for table, column in target.execute(statement)])


def _grouped(pairs: list[tuple[str, str]]) -> Columns:
    columns: Columns = {}
    for table, column in pairs:
        columns.setdefault(table, set()).add(column)
    return columns
