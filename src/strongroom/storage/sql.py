"""Loads the named queries of `queries/*.sql`.

A file holds blocks: a line `-- name --`, comment lines that say what the query is for, and one statement.
A block called `fragment name` is text for others, put in where they say `{name}`. A dialect's file
overrides blocks of the same name. `name for update` is the variant that a writing transaction runs where
the dialect has it. Parameters are written `:name`.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import Final

_HEADER: Final = re.compile(r"^-- ([a-z_ ]+) --$", re.MULTILINE)
_PARAMETER: Final = re.compile(r"(?<!:):([a-z_]+)")
_DIALECT_FILES: Final = {"postgresql.sql"}
_FRAGMENT: Final = "fragment "


@cache
def load(dialect: str) -> dict[str, str]:
    """Return every query of a dialect (`sqlite` or `postgresql`) by name, fragments put in."""
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
    fragments = {k.removeprefix(_FRAGMENT): v for k, v in blocks.items() if k.startswith(_FRAGMENT)}
    return {
        name: _placeholders(text.format_map(fragments), dialect)
        for name, text in blocks.items()
        if not name.startswith(_FRAGMENT)
    }


def _parse(text: str) -> dict[str, str]:
    pieces = _HEADER.split(text)[1:]
    return {
        name: "\n".join(line for line in body.splitlines() if line.strip() and not line.startswith("--"))
        for name, body in zip(pieces[::2], pieces[1::2], strict=True)
    }


def _placeholders(text: str, dialect: str) -> str:
    return _PARAMETER.sub(r"%(\1)s", text) if dialect == "postgresql" else text
