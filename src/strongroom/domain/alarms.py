"""Alarms: what rings, about what, and when it is quiet again.

Rules (ours; AWS's guide leaves the first one to a metric filter on CloudTrail that the reader builds):
- An alarm rings about a subject: a secret, a caller, an account, a trail. It is `ok` or in `alarm`, and each change
  from one to the other is told once. What goes on is not told again.
- `pending-secret-read`: a read of a secret was refused because it is scheduled for deletion.
- `purge-with-readers`: a secret is purged within days and somebody wanted its value since a week before its deletion.
- `tampered-ciphertext`: a stored value did not open. `broken-trail`: records of an audit trail were changed or cut.
- `denied-calls`: calls of one caller (one address, where nobody was proven) were denied so often within minutes.
- `mass-reads`: one caller wanted the values of so many secrets within minutes, whether it got them or not.
- `root-use`: a call was signed with a key of the root of an account that has users or roles.
- `rotation-failed`, `replication-failed`: what the server does by itself did not succeed.
- An alarm about something that happened is quiet when it has not happened for a day (`quiet`); about a burst, for
  fifteen minutes; about something that lasts, when it is over. A secret that is restored, purged or no longer
  scheduled has no alarm about its deletion.
- Nothing but names, times and counts is said; no value ever.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from strongroom.domain.secret import Secret
from strongroom.domain.trail_event import Reader

BURST_QUIET: Final = timedelta(minutes=15)
READING_BEFORE: Final = timedelta(days=7)
"""Who read a secret this long before its deletion, or later, still needs it."""

_SECOND: Final = timedelta(seconds=1)


class AlarmState(StrEnum):
    OK = "ok"
    ALARM = "alarm"


class Alarm(StrEnum):
    """The names of alarms. The text is stored, and matched on by receivers; never change it."""

    PENDING_SECRET_READ = "pending-secret-read"
    PURGE_WITH_READERS = "purge-with-readers"
    TAMPERED_CIPHERTEXT = "tampered-ciphertext"
    BROKEN_TRAIL = "broken-trail"
    DENIED_CALLS = "denied-calls"
    MASS_READS = "mass-reads"
    ROOT_USE = "root-use"
    ROTATION_FAILED = "rotation-failed"
    REPLICATION_FAILED = "replication-failed"


@dataclass(frozen=True, slots=True)
class Thresholds:
    """From when on alarms ring; `off` are those that never do."""

    denied_calls: int = 20
    denied_within: timedelta = timedelta(minutes=5)
    mass_reads: int = 50
    mass_within: timedelta = timedelta(minutes=5)
    purge_within: timedelta = timedelta(days=3)
    quiet: timedelta = timedelta(hours=24)
    off: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Failure:
    """A call that was refused or failed; instants of the trail are whole seconds."""

    happened_at: datetime
    event_name: str
    principal_arn: str | None
    source_ip: str
    resource_arn: str | None
    code: str

    @property
    def caller(self) -> str:
        return self.principal_arn or self.source_ip


@dataclass(frozen=True, slots=True)
class Observed:
    """What was seen of the trail and of the database at one time."""

    now: datetime
    failed_reads: Sequence[Failure] = ()
    denials: Sequence[Failure] = ()
    secrets: Mapping[str, Secret] = field(default_factory=dict)
    ending: Sequence[tuple[Secret, Sequence[Reader]]] = ()
    wide_readers: Sequence[tuple[str, int]] = ()
    root_calls: Mapping[str, str] = field(default_factory=dict)
    failed_rotations: Sequence[str] = ()
    failed_replicas: Sequence[tuple[str, str | None]] = ()
    broken_trails: Sequence[str] = ()

    @property
    def is_eventful(self) -> bool:
        """Whether anything was seen that happened at a time, and not only what lasts."""
        seen = (self.failed_reads, self.denials, self.wide_readers, self.root_calls, self.failed_rotations)
        return any(seen)


@dataclass(frozen=True, slots=True)
class Finding:
    """That an alarm rings now about a subject, and why."""

    alarm: Alarm
    subject: str
    reason: str


@dataclass(frozen=True, slots=True)
class AlarmStatus:
    """The state of an alarm about a subject, since when, and what brought it there."""

    alarm: str
    subject: str
    state: AlarmState
    since: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Notice:
    """One change of an alarm's state, to be told; receivers know repetitions by the id."""

    notice_id: str
    alarm: str
    subject: str
    state: AlarmState
    happened_at: datetime
    reason: str


def findings(observed: Observed, thresholds: Thresholds) -> dict[tuple[str, str], Finding]:
    """Return what rings, each alarm once for a subject."""
    found: dict[tuple[str, str], Finding] = {}
    for rule in _RULES:
        for finding in rule(observed, thresholds):
            if finding.alarm not in thresholds.off:
                found.setdefault((finding.alarm, finding.subject), finding)
    return found


def transitions(
    states: Iterable[AlarmStatus], found: Mapping[tuple[str, str], Finding], now: datetime
) -> list[AlarmStatus]:
    """Return the states that are others now."""
    ringing = {(status.alarm, status.subject) for status in states if status.state is AlarmState.ALARM}
    starts = [
        AlarmStatus(finding.alarm, finding.subject, AlarmState.ALARM, now, finding.reason)
        for key, finding in sorted(found.items())
        if key not in ringing
    ]
    ends = [
        AlarmStatus(alarm, subject, AlarmState.OK, now, "It has not been so for a while, or is over.")
        for alarm, subject in sorted(ringing - found.keys())
    ]
    return starts + ends


def first_burst(times: Sequence[datetime], least: int, within: timedelta) -> datetime | None:
    """Return when `least` of these instants had come within a span; None if that never was so."""
    ordered = sorted(times)
    for first, last in zip(ordered, ordered[least - 1 :], strict=False):
        if last - first <= within:
            return last
    return None


def widest_burst(times: Sequence[datetime], within: timedelta) -> int:
    """Return how many of these instants came within one span at most."""
    ordered, first, most = sorted(times), 0, 0
    for place, last in enumerate(ordered):
        while last - ordered[first] > within:
            first += 1
        most = max(most, place - first + 1)
    return most


def _pending_reads(observed: Observed, _: Thresholds) -> Iterator[Finding]:
    reads: dict[str, list[Failure]] = defaultdict(list)
    for failure in observed.failed_reads:
        secret = observed.secrets.get(failure.resource_arn or "")
        if secret is None or secret.deleted_at is None or failure.code != "InvalidRequestException":
            continue
        if failure.happened_at > secret.deleted_at - _SECOND:
            reads[secret.arn].append(failure)
    for arn, refused in reads.items():
        last = max(refused, key=lambda failure: failure.happened_at)
        until = observed.secrets[arn].purge_at
        reason = (
            f"{last.caller} at {last.source_ip} was refused the value of a secret that is scheduled for deletion "
            f"(purge: {until:%Y-%m-%dT%H:%MZ}; refused reads of late: {len(refused)})."
        )
        yield Finding(Alarm.PENDING_SECRET_READ, arn, reason)


def _ending_with_readers(observed: Observed, thresholds: Thresholds) -> Iterator[Finding]:
    for secret, readers in observed.ending:
        if secret.deleted_at is None or secret.purge_at is None:
            continue
        if secret.purge_at > observed.now + thresholds.purge_within:
            continue
        late = [reader for reader in readers if reader.last_at >= secret.deleted_at - READING_BEFORE]
        if late:
            last = max(late, key=lambda reader: reader.last_at)
            reason = (
                f"The secret is purged at {secret.purge_at:%Y-%m-%dT%H:%MZ}, and {last.principal_arn} at "
                f"{last.source_ip} wanted its value at {last.last_at:%Y-%m-%dT%H:%MZ} (readers: {len(late)})."
            )
            yield Finding(Alarm.PURGE_WITH_READERS, secret.arn, reason)


def _tampered(observed: Observed, _: Thresholds) -> Iterator[Finding]:
    for failure in observed.failed_reads:
        if failure.code == "DecryptionFailure":
            reason = f"A stored value did not open when {failure.caller} read it: it was changed, or its key was."
            yield Finding(Alarm.TAMPERED_CIPHERTEXT, failure.resource_arn or "unknown", reason)


def _broken_trails(observed: Observed, _: Thresholds) -> Iterator[Finding]:
    for trail in observed.broken_trails:
        reason = "A record that the database remembers is no longer in the audit trail: it was cut or replaced."
        yield Finding(Alarm.BROKEN_TRAIL, trail, reason)


def _denied(observed: Observed, thresholds: Thresholds) -> Iterator[Finding]:
    calls: dict[str, list[Failure]] = defaultdict(list)
    for failure in observed.denials:
        calls[failure.caller].append(failure)
    for caller, denied in calls.items():
        at = first_burst([call.happened_at for call in denied], thresholds.denied_calls, thresholds.denied_within)
        if at is not None:
            minutes = int(thresholds.denied_within.total_seconds() // 60)
            addresses = ", ".join(sorted({call.source_ip for call in denied})[:5])
            reason = f"{thresholds.denied_calls} calls or more were denied within {minutes} minutes, from {addresses}."
            yield Finding(Alarm.DENIED_CALLS, caller, reason)


def _mass_reads(observed: Observed, thresholds: Thresholds) -> Iterator[Finding]:
    for principal, secrets in observed.wide_readers:
        minutes = int(thresholds.mass_within.total_seconds() // 60)
        reason = f"The values of {secrets} secrets were wanted within {minutes} minutes."
        yield Finding(Alarm.MASS_READS, principal, reason)


def _root_use(observed: Observed, _: Thresholds) -> Iterator[Finding]:
    for account_id, said in observed.root_calls.items():
        yield Finding(Alarm.ROOT_USE, account_id, said)


def _failed_rotations(observed: Observed, _: Thresholds) -> Iterator[Finding]:
    for arn in observed.failed_rotations:
        yield Finding(Alarm.ROTATION_FAILED, arn, "A rotation of the secret failed.")


def _failed_replicas(observed: Observed, _: Thresholds) -> Iterator[Finding]:
    for arn, message in observed.failed_replicas:
        yield Finding(Alarm.REPLICATION_FAILED, arn, message or "The replica could not be brought up to date.")


_RULES: Final = (
    _pending_reads,
    _ending_with_readers,
    _tampered,
    _broken_trails,
    _denied,
    _mass_reads,
    _root_use,
    _failed_rotations,
    _failed_replicas,
)
