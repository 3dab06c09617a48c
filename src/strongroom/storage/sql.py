"""Loads the named queries of `queries/*.sql`.

A file holds blocks: a line `-- name --`, comment lines that say what the query is for, and one statement.
A block called `fragment name` is text for others, put in where they say `{name}`; a fragment may hold
plain ones. A dialect's file overrides blocks of the same name. `name for update` is the variant that a
writing transaction runs where there is one. Parameters are written `:name`.

Drivers get what is quickest for them: SQLite positional parameters, since it would look each name up at
every execution; PostgreSQL's driver parses a text once and keeps the result.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from operator import itemgetter
from typing import Any, Final

_HEADER: Final = re.compile(r"^-- ([a-z_ ]+) --$", re.MULTILINE)
_PARAMETER: Final = re.compile(r"(?<!:):([a-z_]+)")
_CHANGED: Final = re.compile(r"\b(?:INSERT INTO|UPDATE|DELETE FROM) ([a-z_]+)")
_DIALECT_FILES: Final = {"postgresql.sql"}
_FRAGMENT: Final = "fragment "
_FOR_UPDATE: Final = " for update"


@dataclass(frozen=True, slots=True)
class Query:
    """A statement as its driver takes it, and what makes the driver's parameters of named ones."""

    name: str
    text: str
    bind: Callable[[Mapping[str, Any]], Any]
    changes: str | None = None
    """The table whose rows it changes; None for a query that only reads."""


@dataclass(frozen=True, slots=True)
class Queries:
    """Every query by name, as reading and as writing transactions run it."""

    reading: Mapping[str, Query]
    writing: Mapping[str, Query]


@cache
def load(dialect: str) -> Queries:
    """Return every query of a dialect (`sqlite` or `postgresql`), fragments put in."""
    texts = _texts(dialect)
    queries = {name: _query(name, text, dialect) for name, text in texts.items()}
    plain = {name: query for name, query in queries.items() if not name.endswith(_FOR_UPDATE)}
    locking = {name.removesuffix(_FOR_UPDATE): queries[name] for name in queries.keys() - plain.keys()}
    return Queries(reading=plain, writing=plain | locking)


def _texts(dialect: str) -> dict[str, str]:
    folder = files("strongroom.storage") / "queries"
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".sql"))
    blocks: dict[str, str] = {}
    for name in [n for n in names if n not in _DIALECT_FILES]:
        fresh = _parse((folder / name).read_text())
        if repeated := fresh.keys() & blocks.keys():
            raise ValueError(f"queries/{name} repeats {sorted(repeated)}")
        blocks |= fresh
    if f"{dialect}.sql" in names:
        blocks |= _parse((folder / f"{dialect}.sql").read_text())
    plain = {k.removeprefix(_FRAGMENT): v for k, v in blocks.items() if k.startswith(_FRAGMENT)}
    fragments = {name: text.format_map(plain) for name, text in plain.items()}
    return {name: text.format_map(fragments) for name, text in blocks.items() if not name.startswith(_FRAGMENT)}


def _parse(text: str) -> dict[str, str]:
    pieces = _HEADER.split(text)[1:]
    return {
        name: "\n".join(line for line in body.splitlines() if line.strip() and not line.startswith("--"))
        for name, body in zip(pieces[::2], pieces[1::2], strict=True)
    }


def _query(name: str, text: str, dialect: str) -> Query:
    changed = _CHANGED.search(text)
    table = None if changed is None else changed[1]
    if dialect == "postgresql":
        return Query(name, _PARAMETER.sub(r"%(\1)s", text), lambda params: params, table)
    return Query(name, _PARAMETER.sub("?", text), _binder(_PARAMETER.findall(text)), table)


def _binder(names: list[str]) -> Callable[[Mapping[str, Any]], Any]:
    """Return what picks the values of `names`, in their order, from named parameters."""
    if not names:
        return lambda _: ()
    if len(names) == 1:
        return lambda params: (params[names[0]],)
    return itemgetter(*names)
