"""What can be asked about the audit trail: its events by their attributes, and who read which secret.

Rules:
- An event is known by its id. Events are told newest first; those of one second in the reverse of the order in
  which their trail has them.
- Username is what CloudTrail calls so: the name of a user, of a role's session, or root (documented).
- The principal of a session is the role or user whose it is: sessions come and go.
- A reader of a secret is a principal at an address with a kind of client that wants a version by one label or
  by its id. `MAX_READERS` are kept of a secret; those that were seen longest ago are dropped.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import Final, NamedTuple

MAX_READERS: Final = 200
"""Readers kept of one secret."""

MAX_AGENT: Final = 64
"""Longest name of a kind of client, in characters."""

UNKNOWN_AGENT: Final = "-"

_PRODUCT: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # a token of HTTP


class Outcome(StrEnum):
    """What came of a call."""

    SUCCESS = "success"
    DENIED = "denied"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class TrailPosition:
    """A place behind a record of a trail: in the file that begins with record `file_first`, at a byte."""

    sequence: int
    mac: str
    file_first: int
    file_offset: int


class TrailEvent(NamedTuple):
    """One record of a trail with what it can be found by.

    Attributes:
        event_id: unique.
        happened_at: whole seconds.
        sequence: the record's number in its trail.
        account_id: empty where nobody has proven who calls.
        username: of the user or the session.
        principal_arn: whose policies decided: user, role or root.
        identity_arn: the caller itself; of a session, that of the session.
        resource_name: name of the secret or of what else the call is about.
        resource_arn: its ARN, if it is known.
        code: of the error, None for success.
        record: the record as it stands on the trail.
    """

    event_id: str
    happened_at: datetime
    trail: str
    sequence: int
    account_id: str
    region: str | None
    event_name: str
    event_source: str
    read_only: bool
    username: str | None
    principal_arn: str | None
    identity_arn: str | None
    access_key_id: str | None
    resource_type: str | None
    resource_name: str | None
    resource_arn: str | None
    code: str | None
    source_ip: str
    user_agent: str | None
    request_id: str
    record: str

    @property
    def outcome(self) -> Outcome:
        return outcome_of(self.code)

    @property
    def place(self) -> EventPlace:
        return EventPlace(self.happened_at, self.sequence, self.event_id)


@dataclass(frozen=True, slots=True, order=True)
class EventPlace:
    """Where an event stands among all, to go on behind it."""

    happened_at: datetime
    sequence: int
    event_id: str


@dataclass(frozen=True, slots=True)
class EventQuery:
    """Which events are asked for: those of an account for which everything that is given holds."""

    account_id: str
    since: datetime
    until: datetime
    region: str | None = None
    event_id: str | None = None
    event_name: str | None = None
    event_source: str | None = None
    read_only: bool | None = None
    username: str | None = None
    principal_arn: str | None = None
    identity_arn: str | None = None
    access_key_id: str | None = None
    resource_type: str | None = None
    resource_name: str | None = None
    resource_arn: str | None = None
    outcome: Outcome | None = None

    def wants(self, event: TrailEvent) -> bool:
        """Tell whether everything that is given holds of an event."""
        if event.account_id != self.account_id or not self.since <= event.happened_at <= self.until:
            return False
        pairs = ((getattr(self, name), getattr(event, name)) for name in _ATTRIBUTES)
        return all(wanted in (None, found) for wanted, found in pairs)


_BOUNDS: Final = ("account_id", "since", "until")
_ATTRIBUTES: Final = tuple(field.name for field in fields(EventQuery) if field.name not in _BOUNDS)


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads a secret, from where and with what; `refused_at` is when a read was last refused."""

    secret_arn: str
    principal_arn: str
    source_ip: str
    agent: str
    stage: str
    first_at: datetime
    last_at: datetime
    reads: int
    refusals: int
    refused_at: datetime | None


def outcome_of(code: str | None) -> Outcome:
    if code is None:
        return Outcome.SUCCESS
    return Outcome.DENIED if code == "AccessDenied" else Outcome.FAILED


@lru_cache(maxsize=256)
def agent_family(user_agent: str | None) -> str:
    """Return the product that a user agent names first, without its version: `Boto3` of `Boto3/1.44.5 md/...`."""
    match = _PRODUCT.match(user_agent or "")
    return UNKNOWN_AGENT if match is None else match[0][:MAX_AGENT]
