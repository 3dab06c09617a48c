"""The end of secrets and of worn-out versions.

Each job is one transaction: whether it may run is decided again inside it, on the locked secret, so that
a RestoreSecret either comes before it or finds nothing. Wrapped data keys go first, the rest after them.
A crash at any point leaves all or nothing; run again, the job writes events with the same ids.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from msgspec.structs import replace

from strongroom import ids
from strongroom.audit.record import service_event
from strongroom.domain import deletion
from strongroom.domain.secret import Secret
from strongroom.operations.call import CLEANUP_JOB, PURGE_JOB
from strongroom.storage.base import Job, Tombstone, Transaction
from strongroom.workers.runner import Done, JobHandler, finish

_END: Final = "EndSecretVersionDelete"

MIN_CLEANUP_INTERVAL: Final = timedelta(hours=1)
"""How often at most the versions of one secret are cleaned up."""


def handlers() -> dict[str, JobHandler]:
    """Return the handlers of this module by job kind."""
    return {PURGE_JOB: _purge, CLEANUP_JOB: _clean_up}


def _purge(tx: Transaction, job: Job, now: datetime) -> Done:
    """Delete a secret for good, if its recovery window has ended."""
    secret = tx.find_secret_by_arn(job.account_id, job.region, job.subject)
    finish(tx, job)
    if secret is None or secret.purge_at is None:
        return {}
    if not deletion.is_purgeable(secret, now):
        tx.put_job(replace(job, run_at=secret.purge_at))
        return {}
    erase(tx, secret, now)
    return {"purged_secrets_total": 1}


def erase(tx: Transaction, secret: Secret, now: datetime) -> None:
    """Delete a secret and all it has, wrapped data keys first, and leave a tombstone."""
    versions = [version.version_id for version in tx.list_versions(secret) if version.deleted_at is None]
    _record(tx, secret, "StartSecretVersionDelete", versions, now)
    tx.delete_wrapped_keys(secret)
    tx.delete_versions(secret)
    tx.delete_policies(secret)
    tx.deletions.delete(secret.arn)
    tx.delete_secret(secret)
    tx.delete_job(CLEANUP_JOB, secret.arn)
    tx.insert_tombstone(
        Tombstone(secret.account_id, secret.region, secret.arn, secret.name, len(versions), purged_at=now)
    )
    _record(tx, secret, _END, versions, now)


def _clean_up(tx: Transaction, job: Job, now: datetime) -> Done:
    """Remove the versions without labels that are beyond the hundred kept and old enough."""
    secret = tx.find_secret_by_arn(job.account_id, job.region, job.subject)
    finish(tx, job)
    if secret is None:
        return {}
    if secret.purge_at is not None:
        # Nothing is removed that a restoration should bring back; if one comes, the clean-up is made up for.
        tx.put_job(replace(job, run_at=max(secret.purge_at, now + MIN_CLEANUP_INTERVAL)))
        return {}
    versions, labelled = tx.list_versions(secret), set(tx.stages(secret).values())
    removed = deletion.prunable_versions(versions, labelled, now)
    removed_ids = [version.version_id for version in removed]
    _record(tx, secret, "StartSecretVersionDelete", removed_ids, now)
    for version in removed:
        tx.put_version(secret, replace(version, sealed=None, deleted_at=now))
    _record(tx, secret, _END, removed_ids, now)
    left = [version for version in versions if version.version_id not in removed_ids]
    if due := deletion.next_pruning(left, labelled):
        tx.put_job(replace(job, run_at=max(due, now + MIN_CLEANUP_INTERVAL)))
    return {"purged_versions_total": len(removed)}


def is_end_of_secret(event_id: str, arn: str, version_id: str) -> bool:
    """Tell whether an EndSecretVersionDelete is of a purge, not of the clean-up, which has the date of no deletion."""
    return event_id != ids.derived_event_id(_END, arn, version_id, str(None))


def _record(tx: Transaction, secret: Secret, name: str, version_ids: list[str], now: datetime) -> None:
    for version_id in version_ids:
        tx.journal(
            service_event(
                name=name,
                now=now,
                event_id=ids.derived_event_id(name, secret.arn, version_id, str(secret.purge_at)),
                region=secret.region,
                account_id=secret.account_id,
                arn=secret.arn,
                details={"VersionId": version_id},
            )
        )
