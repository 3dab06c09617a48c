"""What a slice of a trail becomes in the index: worked out by a read, then put there by a few statements.

Rules:
- Whatever can be worked out before the database is held is: a slice keeps callers that change something waiting
  while it is put there, and it is put there by the same few statements however many records it has.
- An event that is there already is neither put there nor counted again. Who copies a trail goes on only from where
  it was copied to, so none can come in between.
- Where a call named a secret without its ARN, the ARN is that of the secret which has the name when the record
  is copied, if it was there at the time of the call.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from strongroom.audit.events import SECRET_TYPE, wanted_stage
from strongroom.domain.trail_event import Outcome, Reader, TrailEvent, agent_family
from strongroom.storage.base import KeyUse, SecretPlace, TrailBlock, Transaction
from strongroom.storage.trail_blocks import blocks_of

_SESSION_KEY: Final = "ASIA"

_ReaderKey: TypeAlias = tuple[str, str, str, str, str]
"""Secret, principal, address, kind of client, version asked for."""


@dataclass(frozen=True, slots=True)
class TrailSlice:
    """Events that are not in the index yet, each once, the readers among their callers, and the use of keys."""

    blocks: Sequence[TrailBlock]
    readers: Sequence[Reader]
    key_uses: Mapping[str, KeyUse]


def prepare(tx: Transaction, events: Sequence[TrailEvent]) -> TrailSlice:
    """Return what is to be put into the index for these events."""
    if not events:
        return TrailSlice((), (), {})
    known = tx.trail.known_events(events)
    fresh = {event.event_id: event for event in reversed(events) if event.event_id not in known}
    completed = _with_arns(tx, list(reversed(fresh.values())))
    return TrailSlice(blocks_of(completed), _readers_of(completed), _key_uses_of(completed))


def put(tx: Transaction, part: TrailSlice) -> None:
    """Put a slice into the index."""
    if not part.blocks:
        return
    tx.trail.insert_blocks(part.blocks)
    tx.trail.add_readers(part.readers)
    if part.key_uses:
        tx.identities.record_key_uses(part.key_uses)


def _with_arns(tx: Transaction, events: Sequence[TrailEvent]) -> list[TrailEvent]:
    places = [_place_of(event) if _lacks_arn(event) else None for event in events]
    wanted = {place for place in places if place is not None}
    secrets = tx.trail.secrets_named(wanted) if wanted else {}
    completed = []
    for event, place in zip(events, places, strict=True):
        found = None if place is None else secrets.get(place)
        if found is not None and found[1].replace(microsecond=0) <= event.happened_at:
            completed.append(event._replace(resource_arn=found[0]))
        else:
            completed.append(event)
    return completed


def _lacks_arn(event: TrailEvent) -> bool:
    return event.resource_arn is None and event.resource_type == SECRET_TYPE


def _place_of(event: TrailEvent) -> SecretPlace:
    return SecretPlace(event.account_id, event.region or "", event.resource_name or "")


def _readers_of(events: Iterable[TrailEvent]) -> list[Reader]:
    """Return who read or tried to read secrets, each reader once."""
    found: dict[_ReaderKey, list[TrailEvent]] = {}
    for event in events:
        if event.event_name != "GetSecretValue" or event.resource_arn is None or event.principal_arn is None:
            continue
        agent, stage = agent_family(event.user_agent), wanted_stage(event)
        key = (event.resource_arn, event.principal_arn, event.source_ip, agent, stage)
        found.setdefault(key, []).append(event)
    return [_reader_of(key, calls) for key, calls in found.items()]


def _reader_of(key: _ReaderKey, calls: Sequence[TrailEvent]) -> Reader:
    times = [event.happened_at for event in calls]
    refused = [event.happened_at for event in calls if event.outcome is not Outcome.SUCCESS]
    return Reader(*key, min(times), max(times), len(calls) - len(refused), len(refused), max(refused, default=None))


def _key_uses_of(events: Iterable[TrailEvent]) -> dict[str, KeyUse]:
    """Return the last use of each long-term key by a caller that was proven."""
    last: dict[str, TrailEvent] = {}
    for event in events:
        key = event.access_key_id
        if key is None or event.principal_arn is None or key.startswith(_SESSION_KEY):
            continue
        if key not in last or event.happened_at >= last[key].happened_at:
            last[key] = event
    return {
        key: KeyUse(event.happened_at, event.region or "", event.event_source.partition(".")[0])
        for key, event in last.items()
    }
