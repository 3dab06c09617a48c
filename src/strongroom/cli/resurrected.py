"""Secrets that are there though the trail says that they were purged: what restoring an older backup brings back.

Rules:
- The trail is newer than the database after such a restore; each purge is on it, with the ARN and the instant.
- A secret has come back if its purge is on the trail and the database has no tombstone of that instant or
  later. (A replica that was removed and made again bears its old ARN; its tombstone tells it apart.)
- One that is due anyway is left to the server, which purges it as soon as it runs.
- Purging again is a forced deletion: refused to readers at once, erased by the server's jobs. What the secret
  replicated to is let go; a replica that was purged is on the trail by itself.
- A trail that does not verify proves nothing and purges nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import msgspec

from strongroom.audit.chain import take_apart
from strongroom.audit.files import open_content
from strongroom.domain import deletion
from strongroom.domain.secret import Secret
from strongroom.operations.call import PURGE_JOB
from strongroom.storage.base import Job, Transaction
from strongroom.workers.purge import is_end_of_secret

_END: Final = b'"EndSecretVersionDelete"'
_EVENT_TIME: Final = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True, slots=True)
class Purge:
    """A purge that the trail tells of, to the second."""

    account_id: str
    region: str
    arn: str
    at: datetime


def purges_on(trails: Iterable[Path]) -> dict[str, Purge]:
    """Return the last purge of each ARN."""
    found: dict[str, Purge] = {}
    for purge in _purges(trails):
        known = found.get(purge.arn)
        if known is None or known.at < purge.at:
            found[purge.arn] = purge
    return found


def resurrected(tx: Transaction, purges: Mapping[str, Purge], now: datetime) -> list[Secret]:
    """Return the secrets that have come back."""
    return [secret for purge in purges.values() if (secret := _come_back(tx, purge, now)) is not None]


def purge_again(tx: Transaction, secret: Secret, now: datetime) -> None:
    """Schedule a secret for its purge at once."""
    for replica in tx.list_replicas(secret):
        tx.delete_replica(secret.arn, replica.arn)
    tx.put_secret(deletion.schedule(secret, timedelta(0), now))
    tx.put_job(Job(PURGE_JOB, secret.arn, secret.account_id, secret.region, now))


def _come_back(tx: Transaction, purge: Purge, now: datetime) -> Secret | None:
    secret = tx.find_secret_by_arn(purge.account_id, purge.region, purge.arn)
    if secret is None or deletion.is_purgeable(secret, now):
        return None
    tombstone = tx.find_tombstone(purge.arn)
    if tombstone is not None and tombstone.purged_at >= purge.at:
        return None
    return secret


def _purges(trails: Iterable[Path]) -> Iterator[Purge]:
    for path in trails:
        with open_content(path) as lines:
            for line in lines:
                part = take_apart(line.rstrip(b"\n")) if _END in line else None
                purge = None if part is None else _purge_of(msgspec.json.decode(part.record))
                if purge is not None:
                    yield purge


def _purge_of(record: dict[str, Any]) -> Purge | None:
    details = record["additionalEventData"] or {}
    if record["eventType"] != "AwsServiceEvent" or not details.keys() >= {"SecretId", "VersionId"}:
        return None
    arn = details["SecretId"]
    if not is_end_of_secret(record["eventID"], arn, details["VersionId"]):
        return None
    return Purge(record["recipientAccountId"], record["awsRegion"], arn, instant_of(record))


def instant_of(record: Mapping[str, Any]) -> datetime:
    return datetime.strptime(record["eventTime"], _EVENT_TIME).replace(tzinfo=UTC)
