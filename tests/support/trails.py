"""Audit trails by themselves: a key, some records, and the file taken apart."""

from __future__ import annotations

from pathlib import Path

import msgspec

from strongroom.audit.chain import take_apart
from strongroom.audit.trail import Trail
from strongroom.domain.trail_event import TrailEvent
from strongroom.storage.trail_blocks import events_of
from support.storages import run_sql

KEY = bytes(range(32))
TERM = 3


def key_of_term(term: int) -> bytes:
    return {TERM: KEY}[term]


def open_trail(path: Path) -> Trail:
    return Trail(path, KEY, TERM)


def record(number: int, text: str = "") -> bytes:
    return msgspec.json.encode({"eventName": f"Event{number}", "eventID": text or str(number)})


def write_trail(path: Path, count: int) -> list[bytes]:
    """Write a trail of `count` records and return its lines."""
    trail = open_trail(path)
    for number in range(1, count + 1):
        trail.append([record(number)], durable=False)
    trail.close()
    return path.read_bytes().splitlines(keepends=True)


def names_in(path: Path) -> list[str]:
    """Return the event names of every record, in order; fails on a line that is none."""
    lines = path.read_bytes().splitlines()
    parts = [take_apart(line) for line in lines]
    assert None not in parts
    return [msgspec.json.decode(part.record)["eventName"] for part in parts if part is not None]


def indexed_events(database_url: str) -> list[TrailEvent]:
    """Return every event that is in the index."""
    rows = run_sql(database_url, "SELECT content FROM trail_contents")
    return [event for row in rows for event in events_of(row[0])]
