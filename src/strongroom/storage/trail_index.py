"""The verbs about the table of the audit trails' events, and about the readers of secrets.

A page is read by the attribute that leaves fewest events; the other attributes are held against the events read.
So a page costs what its size allows, also when hardly any event is wanted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from strongroom.domain.timestamps import from_micros, to_micros
from strongroom.domain.trail_event import MAX_READERS, EventPlace, EventQuery, Reader, TrailEvent, TrailPosition
from strongroom.storage.base import SecretPlace, TrailPage
from strongroom.storage.rows import Params, Row, micros

Run = Callable[[str, Params], list[Row]]
_encode: Final = msgspec.json.Encoder().encode

_DRIVERS: Final = (
    ("resource_name", "events_by_resource"),
    ("access_key_id", "events_by_key"),
    ("principal_arn", "events_by_principal"),
    ("username", "events_by_user"),
    ("event_name", "events_by_name"),
)
"""Attributes with an index, those that leave fewest events first."""


class SqlTrailIndex:
    """`TrailIndex` over one open transaction: `run` reads, `change` writes."""

    def __init__(self, run: Run, change: Run) -> None:
        self._run = run
        self._change = change

    # --- how far a trail was copied

    def position(self, trail: str) -> TrailPosition | None:
        rows = self._run("find_trail_position", {"trail": trail})
        return TrailPosition(*rows[0]) if rows else None

    def advance(self, trail: str, before: TrailPosition | None, after: TrailPosition) -> bool:
        params: Params = {"trail": trail, "expected": "" if before is None else before.mac}
        params |= {"sequence": after.sequence, "mac": after.mac}
        params |= {"file_first": after.file_first, "file_offset": after.file_offset}
        return bool(self._change("advance_trail_position", params))

    # --- events

    def insert_events(self, events: Sequence[TrailEvent]) -> set[str]:
        rows = [_event_row(event) for event in events]
        return {row[0] for row in self._change("insert_trail_events", {"rows": _encode(rows).decode()})}

    def known_events(self, event_ids: Iterable[str]) -> set[str]:
        rows = [(event_id,) for event_id in event_ids]
        return {row[0] for row in self._run("known_trail_events", {"rows": _encode(rows).decode()})}

    def find_event(self, event_id: str) -> TrailEvent | None:
        rows = self._run("find_trail_event", {"event_id": event_id})
        return _event_of(rows[0]) if rows else None

    def events(self, query: EventQuery, after: EventPlace | None, limit: int) -> TrailPage:
        if query.event_id is not None:
            found = self.find_event(query.event_id)
            return TrailPage([found] if found is not None and query.wants(found) else [], None)
        place = after or EventPlace(from_micros(to_micros(query.until) + 1), 0, "")
        params: Params = {
            "since": to_micros(query.since),
            "place_time": to_micros(place.happened_at),
            "place_sequence": place.sequence,
            "place_id": place.event_id,
            "row_limit": limit,
        }
        read = [_event_of(row) for row in self._drive(query, params)]
        return TrailPage(
            [event for event in read if query.wants(event)], read[-1].place if len(read) == limit else None
        )

    def _drive(self, query: EventQuery, params: Params) -> list[Row]:
        for attribute, name in _DRIVERS:
            if (wanted := getattr(query, attribute)) is not None:
                return self._run(name, params | {"account_id": query.account_id, "wanted": wanted})
        if query.read_only is False:
            return self._run("events_of_changes", params | {"account_id": query.account_id})
        return self._run("events_by_time", params)

    def delete_events(self, before: datetime, limit: int) -> int:
        return len(self._change("delete_old_trail_events", {"before": to_micros(before), "row_limit": limit}))

    def has_events(self, before: datetime) -> bool:
        return bool(self._run("find_old_trail_event", {"before": to_micros(before)}))

    def secrets_named(self, places: Iterable[SecretPlace]) -> dict[SecretPlace, tuple[str, datetime]]:
        rows = self._run("secrets_by_names", {"rows": _encode(sorted(places)).decode()})
        return {SecretPlace(*row[:3]): (row[3], from_micros(row[4])) for row in rows}

    # --- readers

    def add_readers(self, readers: Sequence[Reader]) -> None:
        if not readers:
            return
        rows = sorted(_reader_row(reader) for reader in readers)  # one order, so that nodes do not deadlock
        self._change("add_secret_readers", {"rows": _encode(rows).decode()})
        arns = sorted({(reader.secret_arn,) for reader in readers})
        self._change("drop_surplus_readers", {"rows": _encode(arns).decode(), "kept": MAX_READERS})

    def readers(self, secret_arn: str) -> list[Reader]:
        return [_reader_of(row) for row in self._run("list_secret_readers", {"secret_arn": secret_arn})]

    def delete_readers(self, before: datetime, limit: int) -> int:
        return len(self._change("delete_old_readers", {"before": to_micros(before), "row_limit": limit}))


def _event_row(event: TrailEvent) -> tuple[Any, ...]:
    return (
        event.event_id,
        to_micros(event.happened_at),
        event.trail,
        event.sequence,
        event.account_id,
        event.region,
        event.event_name,
        event.event_source,
        int(event.read_only),
        event.username,
        event.principal_arn,
        event.identity_arn,
        event.access_key_id,
        event.resource_type,
        event.resource_name,
        event.resource_arn,
        event.code,
        event.source_ip,
        event.user_agent,
        event.request_id,
        event.record,
    )


def _event_of(row: Row) -> TrailEvent:
    members: list[Any] = list(row)
    members[1], members[8] = from_micros(row[1]), bool(row[8])
    return TrailEvent(*members)


def _reader_row(reader: Reader) -> tuple[Any, ...]:
    return (
        reader.secret_arn,
        reader.principal_arn,
        reader.source_ip,
        reader.agent,
        reader.stage,
        to_micros(reader.first_at),
        to_micros(reader.last_at),
        reader.reads,
        reader.refusals,
        micros(reader.refused_at),
    )


def _reader_of(row: Row) -> Reader:
    members: list[Any] = list(row)
    members[5], members[6] = from_micros(row[5]), from_micros(row[6])
    members[9] = None if row[9] is None else from_micros(row[9])
    return Reader(*members)
