"""What the storage holds besides the records of the domain, as it hands it out. All frozen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from msgspec import Struct

from strongroom.domain.trail_event import EventPlace, TrailEvent


@dataclass(frozen=True, slots=True)
class WrappedKey:
    """A keyring term or a KMS key's backing key, wrapped by the level above it (`wrapped_by`)."""

    number: int
    wrapped: bytes
    wrapped_by: str


@dataclass(frozen=True, slots=True)
class AccessKeyRow:
    """A long-term access key; its secret is sealed by the keyring."""

    access_key_id: str
    account_id: str
    principal_arn: str
    principal_id: str
    active: bool
    revision: int
    sealed_secret: bytes
    created_at: datetime


@dataclass(frozen=True, slots=True)
class KeyUse:
    """When, where and for which service an access key was last used, to the minute or so."""

    used_at: datetime
    region: str
    service: str


class Job(Struct, frozen=True, gc=False):
    """A piece of background work. `fence` grows with every claim; only its holder may finish the job."""

    kind: str
    subject: str
    account_id: str
    region: str
    run_at: datetime
    fence: int = 0
    attempts: int = 0
    last_error: str | None = None


@dataclass(frozen=True, slots=True)
class Tombstone:
    """What remains of a purged secret: that it existed, and when it went."""

    account_id: str
    region: str
    arn: str
    name: str
    versions: int
    purged_at: datetime


@dataclass(frozen=True, slots=True)
class TrailHead:
    """How far a trail had come when it was last written down here; a shorter trail was cut."""

    trail: str
    sequence: int
    mac: str


@dataclass(frozen=True, slots=True)
class JobGroup:
    """Jobs of one kind that are waiting, due or failing, and the earliest instant of them."""

    kind: str
    state: str
    count: int
    oldest: datetime


@dataclass(frozen=True, slots=True)
class Census:
    """What there is, counted."""

    live: int
    scheduled: int
    jobs: Sequence[JobGroup]
    newest_term: datetime | None
    oldest_access_key: datetime | None


class SecretPlace(NamedTuple):
    """Where a secret is found."""

    account_id: str
    region: str
    name: str


@dataclass(frozen=True, slots=True)
class TrailBlock:
    """Events of one trail as they are kept (`storage.trail_blocks`). Times in microseconds."""

    block_id: int
    oldest: int
    newest: int
    first_sequence: int
    last_sequence: int
    events: int
    ids: bytes
    terms: tuple[int, ...]
    content: bytes
    failures: tuple[TrailEvent, ...]
    """Those that alarms ask for."""


class TrailPage(NamedTuple):
    """Some of the events that are asked for, and where to go on; None at the end."""

    events: list[TrailEvent]
    after: EventPlace | None
