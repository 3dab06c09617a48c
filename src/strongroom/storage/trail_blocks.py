"""Events of the trails as blocks: written and compressed together, found by a few terms for all of them.

Rules:
- A block holds events of one trail that follow one another, at most `MAX_EVENTS` of them and of `SPAN` of time.
- It is found by its terms: what its events may be asked for by. A term is a number made of the account, an attribute
  and its value; two may share one, so what is found is held against the question again.
- It tells its events' ids, shortened, so that one event is found, and a repeated one noticed, without reading them.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from functools import lru_cache
from hashlib import blake2b
from typing import Final

import msgspec

from strongroom.domain.timestamps import to_micros
from strongroom.domain.trail_event import EventQuery, TrailEvent
from strongroom.storage.records import TrailBlock

MAX_EVENTS: Final = 256
SPAN: Final = timedelta(minutes=1)

ID_BYTES: Final = 8
TERM_BYTES: Final = 8

_LEVEL: Final = 1
"""Of zlib: records repeat one another, so that the least effort leaves a tenth of them."""

_ATTRIBUTES: Final = ("resource_name", "access_key_id", "principal_arn", "username", "event_name")
"""What events are found by, what leaves fewest of them first."""

_FAILURES: Final = frozenset({"RotationFailed"})
"""Events that tell of a failure though they have no error code."""

_ACCOUNT: Final = "account"
_CHANGES: Final = "changes"
_KEPT: Final = 4_096

_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(list[TrailEvent]).decode


def blocks_of(events: Sequence[TrailEvent]) -> list[TrailBlock]:
    """Return the blocks that events of one trail make, given in its order."""
    return [_block_of(part) for part in _parts(events)]


def events_of(content: bytes) -> list[TrailEvent]:
    """Return the events of a block."""
    return _decode(zlib.decompress(content))


@lru_cache(maxsize=MAX_EVENTS)
def id_of(event_id: str) -> int:
    """Return an event's id as blocks tell it."""
    return int.from_bytes(blake2b(event_id.encode("utf-8", "replace"), digest_size=ID_BYTES).digest(), "little")


def packed_ids(ids: Sequence[int]) -> bytes:
    return struct.pack(f"<{len(ids)}Q", *ids)


def unpacked_ids(ids: bytes) -> tuple[int, ...]:
    return struct.unpack(f"<{len(ids) // ID_BYTES}Q", ids)


def term_of(query: EventQuery) -> int:
    """Return the term by which the fewest blocks are found that may hold what is asked for."""
    for attribute in _ATTRIBUTES:
        if (wanted := getattr(query, attribute)) is not None:
            return _term(query.account_id, attribute, wanted)
    if query.read_only is False:
        return _term(query.account_id, _CHANGES, "")
    return _term(query.account_id, _ACCOUNT, "")


def packed_terms(terms: Sequence[int]) -> bytes:
    return struct.pack(f"<{len(terms)}q", *terms)


def unpacked_terms(terms: bytes) -> tuple[int, ...]:
    return struct.unpack(f"<{len(terms) // TERM_BYTES}q", terms)


def _parts(events: Iterable[TrailEvent]) -> Iterator[list[TrailEvent]]:
    part: list[TrailEvent] = []
    for event in events:
        if part and not (len(part) < MAX_EVENTS and _goes_with(event, part[0])):
            yield part
            part = []
        part.append(event)
    if part:
        yield part


def _goes_with(event: TrailEvent, first: TrailEvent) -> bool:
    return event.trail == first.trail and timedelta(0) <= event.happened_at - first.happened_at < SPAN


def _block_of(events: Sequence[TrailEvent]) -> TrailBlock:
    first, last = events[0].sequence, events[-1].sequence
    named = f"{events[0].trail}\0{first}\0{events[0].event_id}".encode("utf-8", "replace")
    return TrailBlock(
        block_id=int.from_bytes(blake2b(named, digest_size=8).digest(), "big") >> 1,
        oldest=to_micros(events[0].happened_at),
        newest=to_micros(max(event.happened_at for event in events)),
        first_sequence=first,
        last_sequence=last,
        events=len(events),
        ids=packed_ids([id_of(event.event_id) for event in events]),
        terms=tuple(sorted(_terms_of(events))),
        content=zlib.compress(_encode(events), _LEVEL),
        failures=tuple(event for event in events if event.code is not None or event.event_name in _FAILURES),
    )


def _terms_of(events: Sequence[TrailEvent]) -> set[int]:
    known = {
        (
            event.account_id,
            event.resource_name,
            event.access_key_id,
            event.principal_arn,
            event.username,
            event.event_name,
            event.read_only,
        )
        for event in events
    }
    found = set()
    for account_id, *values, read_only in known:
        found.add(_term(account_id, _ACCOUNT, ""))
        if not read_only:
            found.add(_term(account_id, _CHANGES, ""))
        for attribute, value in zip(_ATTRIBUTES, values, strict=True):
            if value is not None:
                found.add(_term(account_id, attribute, str(value)))
    return found


@lru_cache(maxsize=_KEPT)
def _term(account_id: str, attribute: str, value: str) -> int:
    text = f"{account_id}\0{attribute}\0{value}".encode("utf-8", "replace")
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "big", signed=True)
