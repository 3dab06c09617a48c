"""The verbs about the events of the audit trails, which are kept in blocks, and about the readers of secrets.

A page is read from the blocks with the term that leaves fewest events; the other attributes are held against the
events read. So a page costs what its size allows, also when hardly any event is wanted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from strongroom.domain.timestamps import from_micros, to_micros
from strongroom.domain.trail_event import MAX_READERS, EventPlace, EventQuery, Reader, TrailEvent, TrailPosition
from strongroom.storage.records import SecretPlace, TrailBlock, TrailPage
from strongroom.storage.rows import Params, Row, micros
from strongroom.storage.trail_blocks import (
    MAX_EVENTS,
    SPAN,
    blocks_of,
    events_of,
    id_of,
    packed_ids,
    packed_terms,
    term_of,
    unpacked_ids,
    unpacked_terms,
)

Run = Callable[[str, Params], list[Row]]
_encode: Final = msgspec.json.Encoder().encode

PAGE: Final = 100
MAX_LOOKED_AT: Final = 2_048
"""Events that a page reads, or as many more as one second's blocks have."""

BLOCKS_AT_ONCE: Final = 64

LAST_INSTANT: Final = datetime(9999, 12, 31, tzinfo=UTC)

_SECOND: Final = 1_000_000
_SPAN: Final = SPAN // timedelta(microseconds=1)
_LAST_ID: Final = "\U0010ffff"
_MOST: Final = 2**63 - 1


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

    def insert_blocks(self, blocks: Sequence[TrailBlock]) -> None:
        failures: list[tuple[Any, ...]] = []
        for block in blocks:
            params: Params = {"block_id": block.block_id}
            parts = {name: getattr(block, name) for name in ("oldest", "newest", "last_sequence", "events", "ids")}
            self._change("insert_trail_block", params | parts | {"terms": packed_terms(block.terms)})
            self._change("insert_trail_content", params | {"content": block.content})
            failures += [_failure_row(event) for event in block.failures]
        terms = [(term, *_meta_of(block)) for block in blocks for term in block.terms]
        self._change("insert_trail_terms", {"rows": _encode(terms).decode()})
        if failures:
            self._change("insert_trail_failures", {"rows": _encode(failures).decode()})

    def known_events(self, events: Sequence[TrailEvent]) -> set[str]:
        # A record is repeated with its time, so it is looked for at that time alone: a slice may reach over months.
        wanted = {id_of(event.event_id): event.event_id for event in events}
        known: set[str] = set()
        for since, until in _stretches(sorted({to_micros(event.happened_at) for event in events})):
            rows = self._run("trail_blocks_between", {"since": since, "until": until, "end": until + _SPAN})
            known.update(wanted[one] for row in rows for one in unpacked_ids(row[0]) if one in wanted)
        return known

    def find_event(self, event_id: str) -> TrailEvent | None:
        rows = self._run("trail_blocks_with_event", {"id": packed_ids([id_of(event_id)])})
        events = (event for block in self._contents(row[0] for row in rows).values() for event in block)
        return next((event for event in events if event.event_id == event_id), None)

    def events(self, query: EventQuery, after: EventPlace | None, limit: int) -> TrailPage:
        if query.event_id is not None:
            found = self.find_event(query.event_id)
            return TrailPage([found] if found is not None and query.wants(found) else [], None)
        place = after or EventPlace(query.until, _MOST, _LAST_ID)
        told: list[TrailEvent] = []
        waiting: list[TrailEvent] = []
        looked_at = 0
        for bound, block in self._blocks(query, place, limit):
            # What is later than everything in this block, and so in those behind it, can be told.
            told += sorted((event for event in waiting if event.place > bound), key=_place_of, reverse=True)
            if len(told) >= limit or (looked_at >= MAX_LOOKED_AT and bound < place):
                return _page(told, limit, bound)
            waiting = [event for event in waiting if event.place < bound]
            waiting += [event for event in block if event.place < place and query.wants(event)]
            looked_at += len(block)
        told += sorted(waiting, key=_place_of, reverse=True)
        return _page(told, limit, None)

    def delete_blocks(self, before: datetime, limit: int) -> list[int]:
        blocks = self._run("old_trail_blocks", {"before": to_micros(before), "row_limit": limit})
        if blocks:
            ids = _encode([row[:1] for row in blocks]).decode()
            terms = [(term, row[1], row[2], row[0]) for row in blocks for term in unpacked_terms(row[4])]
            self._change("delete_trail_terms", {"rows": _encode(terms).decode()})
            self._change("delete_trail_contents", {"rows": ids})
            self._change("delete_trail_blocks", {"rows": ids})
            self._change("delete_trail_failures", {"until": blocks[-1][1]})
        return [row[3] for row in blocks]

    def has_events(self, before: datetime) -> bool:
        return bool(self._run("find_old_trail_block", {"before": to_micros(before)}))

    def _blocks(
        self, query: EventQuery, place: EventPlace, limit: int
    ) -> Iterator[tuple[EventPlace, list[TrailEvent]]]:
        """Yield the blocks that may hold what is asked for before a place, newest first, and where each ends."""
        started = to_micros(place.happened_at)
        params: Params = {"term": term_of(query), "since": to_micros(query.since), "row_limit": BLOCKS_AT_ONCE}
        params |= {"place_time": started, "place_sequence": place.sequence}
        behind = (started + _SPAN, _MOST, _MOST)
        while True:
            names = ("newest", "last_sequence", "block_id")
            rows = self._run("next_trail_blocks", params | dict(zip(names, behind, strict=True)))
            for group in _groups(rows, limit):
                contents = self._contents(row[2] for row in group)
                for newest, last_sequence, block_id, _ in group:
                    yield EventPlace(from_micros(newest), last_sequence, _LAST_ID), contents[block_id]
            if len(rows) < BLOCKS_AT_ONCE:
                return
            behind = rows[-1][:3]

    def _contents(self, block_ids: Iterable[int]) -> dict[int, list[TrailEvent]]:
        rows = self._run("trail_contents_of", {"rows": _encode([(one,) for one in block_ids]).decode()})
        return {block_id: events_of(content) for block_id, content in rows}

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


def every_event(index: SqlTrailIndex, query: EventQuery) -> Iterator[TrailEvent]:
    """Yield the events that are asked for, newest first, as long as they are taken."""
    page = index.events(query, None, PAGE)
    yield from page.events
    while page.after is not None:
        page = index.events(query, page.after, PAGE)
        yield from page.events


def carry_over_events(run: Run) -> None:
    """Put events that were kept as rows into blocks, and drop the rows, in constant memory."""
    index, last = SqlTrailIndex(run, run), ("", 0, "")
    names = ("trail", "sequence", "event_id")
    while rows := run("list_rows_of_events", dict(zip(names, last, strict=True)) | {"row_limit": MAX_EVENTS}):
        events = [_event_of(row) for row in rows]
        index.insert_blocks(blocks_of(events))
        last = (events[-1].trail, events[-1].sequence, events[-1].event_id)
    run("drop_rows_of_events", {})


def _page(told: list[TrailEvent], limit: int, after: EventPlace | None) -> TrailPage:
    if len(told) > limit or (len(told) == limit and after is not None):
        return TrailPage(told[:limit], told[limit - 1].place)
    return TrailPage(told, after)


def _stretches(times: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Yield the first and the last of times, given in order, that are no more than a second apart."""
    stretch: tuple[int, int] | None = None
    for instant in times:
        if stretch is not None and instant - stretch[1] > _SECOND:
            yield stretch
            stretch = None
        stretch = (instant if stretch is None else stretch[0], instant)
    if stretch is not None:
        yield stretch


def _groups(rows: Sequence[Row], limit: int) -> Iterator[list[Row]]:
    """Yield blocks in groups that have as many events as are wanted, or are the last."""
    group: list[Row] = []
    for row in rows:
        group.append(row)
        if sum(one[3] for one in group) >= limit:
            yield group
            group = []
    if group:
        yield group


def _place_of(event: TrailEvent) -> EventPlace:
    return event.place


def _event_of(row: Row) -> TrailEvent:
    members: list[Any] = list(row)
    members[1], members[8] = from_micros(row[1]), bool(row[8])
    return TrailEvent(*members)


def _meta_of(block: TrailBlock) -> tuple[int, ...]:
    return (block.newest, block.last_sequence, block.block_id, block.oldest, block.first_sequence, block.events)


def _failure_row(event: TrailEvent) -> tuple[Any, ...]:
    return (
        event.event_id,
        to_micros(event.happened_at),
        event.account_id,
        event.event_name,
        event.principal_arn,
        event.source_ip,
        event.resource_arn,
        event.code,
    )


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
