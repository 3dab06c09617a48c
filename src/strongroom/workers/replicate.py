"""Copies a primary secret to one replica.

Rules:
- What is copied is the primary's present state, whole: values, labels, description, tags, type and policy.
  Copying twice, or late, is harmless; a later state is never overwritten by an earlier one, because each
  copy reads the state it copies in its own transaction.
- Values are opened with the primary's key and sealed with the replica's; wrapped keys never travel.
- The entry of the replica at its primary is what allows a copy: where it is gone, nothing is written.
- Whatever can fail comes before the first change, so that a replica that cannot follow stays as it was,
  or does not exist, and nothing is overwritten in vain.
- What cannot succeed by itself (a name that is taken, a key that cannot be used) is a status, with its
  reason; the next change of the primary, or ReplicateSecretToRegions, tries again. Anything else is an
  error of the job, which is retried.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from msgspec.structs import replace

from strongroom.crypto.vault import Vault
from strongroom.domain import deletion, replication, staging
from strongroom.domain.kms_key import KmsKey
from strongroom.domain.replication import Replica, ReplicaStatus
from strongroom.domain.secret import Secret, Version, touched
from strongroom.errors import ServiceError
from strongroom.operations.call import REPLICATE_JOB
from strongroom.storage.base import Job, Transaction
from strongroom.workers.purge import erase
from strongroom.workers.runner import JobHandler, finish


def handlers(vault: Vault) -> dict[str, JobHandler]:
    """Return the handlers of this module by job kind."""
    return {REPLICATE_JOB: lambda tx, job, now: _replicate(tx, job, now, vault)}


class _Unable(Exception):
    """The replica cannot follow its primary until somebody changes something; the text says what."""


def _replicate(tx: Transaction, job: Job, now: datetime, vault: Vault) -> None:
    primary_arn, replica_arn = job.subject.split(" ")
    primary = tx.find_secret_by_arn(job.account_id, job.region, primary_arn)
    entry = tx.find_replica(primary_arn, replica_arn)
    finish(tx, job)
    if primary is None or entry is None or deletion.is_scheduled(primary):
        return
    try:
        _copy(tx, vault, primary, entry, now)
    except _Unable as reason:
        outcome = replace(entry, status=ReplicaStatus.FAILED, status_message=str(reason))
    except ServiceError as error:
        message = f"Replication failed: {error.message}"
        outcome = replace(entry, status=ReplicaStatus.FAILED, status_message=message)
    else:
        outcome = replace(
            entry,
            status=ReplicaStatus.IN_SYNC,
            status_message=replication.SUCCEEDED,
            overwrites=False,
            revision=primary.revision,
        )
    tx.put_replica(primary, outcome)


def _copy(tx: Transaction, vault: Vault, primary: Secret, entry: Replica, now: datetime) -> None:
    if entry.account_id != primary.account_id:
        _copy_across_accounts(tx, vault, primary, entry, now)
        return
    other = tx.find_secret(entry.account_id, entry.region, primary.name)
    present = other if _is_replica_of(other, primary, entry) else None
    if other is not None and present is None:
        _require_overwritable(tx, other, entry, now)
    key = vault.encryption_key(tx, entry.kms_key_id, account_id=entry.account_id, region=entry.region, now=now)
    replica = replace(
        primary,
        account_id=entry.account_id,
        region=entry.region,
        arn=entry.arn,
        kms_key_id=entry.kms_key_id,
        last_accessed_on=None if present is None else present.last_accessed_on,
        rotation=None,
    )
    versions = _sealed_copies(tx, vault, primary, replica, key, present=[] if present is None else _ids(tx, present))
    if present is not None:
        tx.put_secret(replica)
    else:
        if other is not None:
            erase(tx, other, now)
        tx.insert_secret(replica)
    _put_versions(tx, primary, replica, versions)
    _copy_policies(tx, primary, replica)


def _copy_across_accounts(tx: Transaction, vault: Vault, primary: Secret, entry: Replica, now: datetime) -> None:
    """Copy values and labels to a replica that is another account's own in everything else."""
    replica = tx.find_secret_by_arn(entry.account_id, entry.region, entry.arn)
    if replica is None or replica.cross_account_primary != primary.arn or deletion.is_scheduled(replica):
        raise _Unable("Replication failed: the replica secret was deleted, or is no replica any more.")
    key = vault.encryption_key(tx, replica.kms_key_id, account_id=entry.account_id, region=entry.region, now=now)
    _put_versions(tx, primary, replica, _sealed_copies(tx, vault, primary, replica, key, present=_ids(tx, replica)))
    tx.put_secret(touched(replica, now))


def _is_replica_of(found: Secret | None, primary: Secret, entry: Replica) -> bool:
    return found is not None and found.arn == entry.arn and found.primary_region == primary.region


def _require_overwritable(tx: Transaction, other: Secret, entry: Replica, now: datetime) -> None:
    """Refuse to make a replica in the place of another secret, unless that is wanted and costs no replication.

    One whose recovery window has ended only waits for its purge: Failed would stay long after the name was free.
    """
    if deletion.is_purgeable(other, now):
        return
    if replication.is_replica(other):
        raise _Unable(replication.name_replicated(other.name, entry.region))
    if not entry.overwrites or tx.list_replicas(other):
        raise _Unable(replication.name_taken(other.name, entry.region))


def _sealed_copies(
    tx: Transaction, vault: Vault, primary: Secret, replica: Secret, key: KmsKey, *, present: Collection[str]
) -> list[tuple[Version | None, Version]]:
    """Return the versions that the replica lacks, or has under a former key, each after what it has instead.

    `present` are the ids of its versions; a secret that makes way for the replica may have its ARN too.
    """
    copies = []
    rekeyed = staging.reencrypted_versions(tx.stages(primary))
    for listed in tx.list_versions(primary):
        version = tx.find_version(primary, listed.version_id)
        old = tx.find_version(replica, listed.version_id) if listed.version_id in present else None
        if version is not None and (
            old is None
            or (old.sealed is None) != (version.sealed is None)
            or (old.sealed is not None and old.sealed.key_arn != key.arn and listed.version_id in rekeyed)
        ):
            copies.append((old, _sealed_copy(tx, vault, primary, replica, version, key)))
    return copies


def _ids(tx: Transaction, secret: Secret) -> set[str]:
    return {version.version_id for version in tx.list_versions(secret)}


def _put_versions(
    tx: Transaction, primary: Secret, replica: Secret, copies: list[tuple[Version | None, Version]]
) -> None:
    for old, copy in copies:
        if old is None:
            tx.insert_version(replica, copy)
        else:
            tx.put_version(replica, replace(copy, last_accessed_on=old.last_accessed_on))
    tx.put_stages(replica, tx.stages(replica), tx.stages(primary))


def _sealed_copy(
    tx: Transaction, vault: Vault, primary: Secret, replica: Secret, version: Version, key: KmsKey
) -> Version:
    sealed = None
    if version.sealed is not None:
        value = vault.open(tx, primary, version.version_id, version.sealed)
        sealed = vault.seal(tx, key, replica, version.version_id, value)
    return replace(version, sealed=sealed, kms_key_id=replica.kms_key_id, last_accessed_on=None)


def _copy_policies(tx: Transaction, primary: Secret, replica: Secret) -> None:
    wanted, present = tx.policies(primary), tx.policies(replica)
    for name in present.keys() - wanted.keys():
        tx.delete_policy(replica, name)
    for name, policy in wanted.items():
        if present.get(name) != policy:
            tx.put_policy(replica, name, policy)
