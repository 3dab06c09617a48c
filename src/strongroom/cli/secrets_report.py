"""What a person should know of a secret before it is deleted, and until when a deletion can be taken back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from strongroom.cli.output import print_table
from strongroom.cli.secrets_references import PolicyReference, mentions_of, references_in
from strongroom.domain import protection
from strongroom.domain.protection import DeletionRules, PlannedDeletion
from strongroom.domain.replication import Replica
from strongroom.domain.secret import Secret
from strongroom.domain.staging import CURRENT
from strongroom.domain.timestamps import day_of
from strongroom.domain.trail_event import EventPlace, EventQuery, Outcome, Reader, TrailEvent
from strongroom.storage.base import Transaction

NO_INDEX: Final = "no readers index yet (audit_index_days is 0)"
MAX_PAGES: Final = 40
PAGE: Final = 500


@dataclass(frozen=True, slots=True)
class Report:
    """What refers to a secret and who reads it; `readers` is None where nobody counts them."""

    secret: Secret
    readers: list[Reader] | None
    has_recent_access: bool
    replicas: list[Replica]
    policies: list[PolicyReference]
    mentions: list[str]
    restorable_until: datetime | None
    minimum_days: int
    is_protected: bool

    @property
    def is_read(self) -> bool:
        """Whether somebody was given its value of late; one who is always refused would miss nothing."""
        return any(reader.reads for reader in self.readers or ()) or self.has_recent_access

    @property
    def is_referred_to(self) -> bool:
        return bool(self.replicas or self.policies or self.mentions)


def report_on(
    tx: Transaction,
    secret: Secret,
    now: datetime,
    *,
    window: timedelta,
    recent: timedelta,
    rules: DeletionRules,
    is_indexed: bool,
) -> Report:
    """Return the report on a secret; readers are those who wanted its value since `recent` ago."""
    readers = None
    if is_indexed:
        readers = [reader for reader in tx.trail.readers(secret.arn) if reader.last_at >= now - recent]
    accessed = secret.last_accessed_on
    return Report(
        secret=secret,
        readers=readers,
        has_recent_access=accessed is not None and accessed > day_of(now - recent),
        replicas=tx.list_replicas(secret),
        policies=references_in(tx, secret),
        mentions=mentions_of(tx, secret),
        restorable_until=now + window if window else None,
        minimum_days=protection.minimum_days(secret, rules),
        is_protected=protection.is_protected(secret),
    )


def shown(report: Report) -> dict[str, Any]:
    """Return a report as `--json` prints it."""
    secret, rotation = report.secret, report.secret.rotation
    return {
        "Name": secret.name,
        "ARN": secret.arn,
        "DeletionProtection": report.is_protected,
        "MinRecoveryWindowInDays": report.minimum_days,
        "RestorableUntil": report.restorable_until,
        "AlreadyScheduledUntil": secret.purge_at,
        "LastAccessedDate": secret.last_accessed_on,
        "ReadersIndex": "present" if report.readers is not None else NO_INDEX,
        "Readers": [_reader(reader) for reader in report.readers or ()],
        "Replicas": [{"ARN": replica.arn, "Status": replica.status.value} for replica in report.replicas],
        "RotationEnabled": rotation is not None and rotation.enabled,
        "NextRotationDate": None if rotation is None else rotation.next_rotation_at,
        "Policies": [
            {"Kind": one.kind, "Holder": one.holder, "Policy": one.policy, "NamedBy": list(one.named_by)}
            for one in report.policies
        ],
        "MentionedBy": report.mentions,
        "IsRead": report.is_read,
        "IsReferredTo": report.is_referred_to,
    }


def _reader(reader: Reader) -> dict[str, Any]:
    return {
        "Principal": reader.principal_arn,
        "SourceIPAddress": reader.source_ip,
        "Agent": reader.agent,
        "VersionStage": reader.stage,
        "FirstSeen": reader.first_at,
        "LastSeen": reader.last_at,
        "Reads": reader.reads,
        "Refusals": reader.refusals,
    }


def print_report(report: Report) -> None:
    """Print a report for people."""
    members = shown(report)
    simple: tuple[str, ...] = (
        "Name",
        "ARN",
        "DeletionProtection",
        "MinRecoveryWindowInDays",
        "RestorableUntil",
        "AlreadyScheduledUntil",
    )
    simple += ("LastAccessedDate", "RotationEnabled", "NextRotationDate")
    rows = [[name, told(members[name])] for name in simple]
    rows.append(["Readers", NO_INDEX if report.readers is None else str(len(report.readers))])
    for reader in report.readers or ():
        label = "" if reader.stage == CURRENT else f" {reader.stage}"
        outcome = f"{reader.reads} reads" + (f", {reader.refusals} refused" if reader.refusals else "")
        who = f"{reader.principal_arn} from {reader.source_ip} ({reader.agent}){label}"
        rows.append(["", f"{who}, {told(reader.last_at)}: {outcome}"])
    rows += [["Replica", f"{replica.arn} {replica.status.value}"] for replica in report.replicas]
    rows += [
        ["Policy", f"{one.kind} {one.policy} of {one.holder} {', '.join(one.named_by)}"] for one in report.policies
    ]
    rows += [["Mentioned by", name] for name in report.mentions]
    print_table(("before deleting", ""), rows)


def told(value: object) -> str:
    """Return a member as people read it."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value.strftime("%Y-%m-%d %H:%M:%SZ") if isinstance(value, datetime) else str(value)


@dataclass(frozen=True, slots=True)
class Pending:
    """A scheduled deletion: who asked for it, and whose reads were refused since."""

    secret: Secret
    planned: PlannedDeletion | None
    scheduled_by: str | None
    refused: list[TrailEvent] | None

    def members(self) -> dict[str, Any]:
        last = self.refused[0] if self.refused else None
        return {
            "Name": self.secret.name,
            "ARN": self.secret.arn,
            "DeletedAt": self.secret.deleted_at,
            "DeletionDate": self.secret.purge_at,
            "AskedForDate": self.secret.purge_at if self.planned is None else self.planned.due_at,
            "ScheduledBy": self.scheduled_by,
            "HeldBy": None if self.planned is None else self.planned.held_by,
            "RefusedReads": None if self.refused is None else len(self.refused),
            "LastRefusedRead": None if last is None else last.happened_at,
            "LastRefusedReader": None if last is None else last.identity_arn or last.source_ip,
            "LastRefusedFrom": None if last is None else last.source_ip,
        }


def pending_of(tx: Transaction, secret: Secret, now: datetime, *, is_indexed: bool) -> Pending:
    """Return what is known of a secret that is scheduled for deletion."""
    planned = tx.deletions.find(secret.arn)
    since = (secret.deleted_at or now).replace(microsecond=0)
    refused, scheduled_by = None, (planned.scheduled_by or None) if planned else None
    if is_indexed:
        reads = _events(tx, secret, since, now, "GetSecretValue", Outcome.FAILED)
        refused = [event for event in reads if event.code == "InvalidRequestException"]
        if scheduled_by is None:
            calls = _events(tx, secret, since, now, "DeleteSecret", Outcome.SUCCESS)
            scheduled_by = calls[-1].identity_arn if calls else None
    return Pending(secret, planned, scheduled_by, refused)


def _events(
    tx: Transaction, secret: Secret, since: datetime, now: datetime, name: str, outcome: Outcome
) -> list[TrailEvent]:
    query = EventQuery(
        secret.account_id,
        since,
        now,
        event_name=name,
        resource_name=secret.name,
        resource_arn=secret.arn,
        outcome=outcome,
    )
    found: list[TrailEvent] = []
    after: EventPlace | None = None
    for _ in range(MAX_PAGES):
        page = tx.trail.events(query, after, PAGE)
        found += page.events
        after = page.after
        if after is None:
            break
    return found
