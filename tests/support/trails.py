"""Audit trails by themselves: a key, some records, and the file taken apart."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec

from strongroom.audit.chain import take_apart
from strongroom.audit.trail import Trail
from strongroom.domain.trail_event import EventPlace, EventQuery, TrailEvent
from strongroom.storage.base import Storage
from strongroom.storage.trail_blocks import blocks_of, events_of
from support.clock import NOW
from support.factories import ACCOUNT_ID, REGION
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


def make_event(number: int = 1, **changes: Any) -> TrailEvent:
    """Return an event of a trail; `number` makes it another one, as many seconds later."""
    event = TrailEvent(
        event_id=f"event-{number}",
        happened_at=NOW.replace(microsecond=0) + timedelta(seconds=number),
        trail="node/trail-0",
        sequence=number,
        account_id=ACCOUNT_ID,
        region=REGION,
        event_name="GetSecretValue",
        event_source="secretsmanager.amazonaws.com",
        read_only=True,
        username="alice",
        principal_arn=f"arn:aws:iam::{ACCOUNT_ID}:user/alice",
        identity_arn=f"arn:aws:iam::{ACCOUNT_ID}:user/alice",
        access_key_id="AKIAAAAAAAAAAAAAAAAA",
        resource_type="AWS::SecretsManager::Secret",
        resource_name="app",
        resource_arn=None,
        code=None,
        source_ip="192.0.2.1",
        user_agent="Boto3/1.44",
        request_id=f"request-{number}",
        record='{"eventVersion":"1.11"}',
    )
    return event._replace(**changes)


def put_events(storage: Storage, events: Iterable[TrailEvent]) -> None:
    """Put events of one trail into the index, in blocks as they come."""
    blocks = blocks_of(list(events))
    storage.write(lambda tx: tx.trail.insert_blocks(blocks))


def told_events(storage: Storage, query: EventQuery, after: EventPlace | None, limit: int) -> list[TrailEvent]:
    """Return what all pages from a place on tell; fails if one is too long, or does not go on."""
    told: list[TrailEvent] = []
    while True:
        page = storage.read(lambda tx, after=after: tx.trail.events(query, after, limit))  # type: ignore[misc]
        assert len(page.events) <= limit
        told += page.events
        if page.after is None:
            return told
        assert after is None or page.after < after
        after = page.after
