"""What a receiver of notices is, and what every one is told.

Rules:
- A notice is told at least once: until the receiver accepted it, and again if the server died before it could
  write that down. `id` is that of the change and is the same each time.
- Nothing is told but the alarm's name, its state, its subject (an ARN, an address, a trail), the time and a sentence.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol

import msgspec

from strongroom.domain.alarms import Notice

TIMEOUT_SECONDS: Final = 10.0
"""How long a receiver may take; then it is tried again later."""

_encode: Final = msgspec.json.Encoder().encode


class SinkError(Exception):
    """A receiver did not take a notice."""


@dataclass(frozen=True, slots=True)
class Sender:
    """Who tells: the account and region of the server's settings."""

    account_id: str
    region: str


class Sink(Protocol):
    """A receiver of notices."""

    def describe(self) -> str:
        """Return what may be shown of it: no password and no key."""
        ...

    def send(self, notice: Notice, now: datetime) -> None:
        """Tell it; return when it has accepted. Raises SinkError."""
        ...


def instant(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def members_of(notice: Notice) -> dict[str, Any]:
    return {
        "id": notice.notice_id,
        "alarm": notice.alarm,
        "state": notice.state.value,
        "subject": notice.subject,
        "time": instant(notice.happened_at),
        "reason": notice.reason,
    }


def body_of(notice: Notice) -> bytes:
    """Return a notice as JSON."""
    return _encode(members_of(notice))


def event_of(notice: Notice, sender: Sender) -> bytes:
    """Return a notice in the envelope of an EventBridge event (documented)."""
    return _encode(
        {
            "version": "0",
            "id": notice.notice_id,
            "detail-type": "Strongroom Alarm State Change",
            "source": "strongroom.alarms",
            "account": sender.account_id,
            "time": instant(notice.happened_at),
            "region": sender.region,
            "resources": [notice.subject] if notice.subject.startswith("arn:") else [],
            "detail": members_of(notice),
        }
    )


def sentence_of(notice: Notice) -> str:
    """Return a notice in one line for people."""
    return f"{notice.alarm} is {notice.state.value.upper()} for {notice.subject}: {notice.reason}"
