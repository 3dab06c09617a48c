"""Copies a primary secret to one replica.

Rules:
- What is copied is the primary's present state, whole: values, labels, description, tags, type and policy.
  Copying twice, or late, is harmless; a later state is never overwritten by an earlier one, because each
  copy reads the state it copies in its own transaction.
- Values are opened with the primary's key and sealed with the replica's; wrapped keys never travel.
- The entry of the replica at its primary is what allows a copy: where it is gone, nothing is written.
- What cannot succeed by itself (a name that is taken, a key that cannot be used) is a status, with its
  reason; the next change of the primary, or ReplicateSecretToRegions, tries again. Anything else is an
  error of the job, which is retried.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from strongroom.crypto.vault import Vault
from strongroom.domain import deletion, replication
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
    present = _present_replica(tx, primary, entry, now)
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
    if present is None:
        tx.insert_secret(replica)
    else:
        tx.put_secret(replica)
    _copy_versions(tx, vault, primary, replica, key)
    _copy_policies(tx, primary, replica)


def _copy_across_accounts(tx: Transaction, vault: Vault, primary: Secret, entry: Replica, now: datetime) -> None:
    """Copy values and labels to a replica that is another account's own in everything else."""
    replica = tx.find_secret_by_arn(entry.account_id, entry.region, entry.arn)
    if replica is None or replica.cross_account_primary != primary.arn or deletion.is_scheduled(replica):
        raise _Unable("Replication failed: the replica secret was deleted, or is no replica any more.")
    key = vault.encryption_key(tx, replica.kms_key_id, account_id=entry.account_id, region=entry.region, now=now)
    _copy_versions(tx, vault, primary, replica, key)
    tx.put_secret(touched(replica, now))


def _present_replica(tx: Transaction, primary: Secret, entry: Replica, now: datetime) -> Secret | None:
    """Return the replica as it is, None if it is yet to be made; make way for it where that is allowed."""
    other = tx.find_secret(entry.account_id, entry.region, primary.name)
    if other is None or (other.arn == entry.arn and other.primary_region == primary.region):
        return other
    if not entry.overwrites or tx.list_replicas(other):
        raise _Unable(replication.name_taken(primary.name, entry.region))
    erase(tx, other, now)
    return None


def _copy_versions(tx: Transaction, vault: Vault, primary: Secret, replica: Secret, key: KmsKey) -> None:
    present = {version.version_id: version for version in tx.list_versions(replica)}
    for listed in tx.list_versions(primary):
        version = tx.find_version(primary, listed.version_id)
        copy = tx.find_version(replica, listed.version_id) if listed.version_id in present else None
        if version is None or (copy is not None and (copy.sealed is None) == (version.sealed is None)):
            continue
        copied = _sealed_copy(tx, vault, primary, replica, version, key)
        if copy is None:
            tx.insert_version(replica, copied)
        else:
            tx.put_version(replica, replace(copied, last_accessed_on=copy.last_accessed_on))
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
    for name, document in wanted.items():
        if present.get(name) != document:
            tx.put_policy(replica, name, document)
