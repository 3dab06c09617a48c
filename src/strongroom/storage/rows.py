"""Rows of the database to records and back. Column order is that of the fragments in `queries/`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from functools import lru_cache
from typing import Any, Final, TypeAlias

import msgspec

from strongroom.domain.kms_key import KeyManager, KeyState, KmsKey
from strongroom.domain.replication import Replica, ReplicaStatus
from strongroom.domain.resource_policies import StoredPolicy
from strongroom.domain.secret import RotationSettings, SealedValue, Secret, Tag, Version
from strongroom.domain.secret_value import ValueKind
from strongroom.domain.timestamps import from_days, from_micros, to_days, to_micros
from strongroom.storage.base import AccessKeyRow, Census, Job, JobGroup, Tombstone, WrappedKey

Row: TypeAlias = tuple[Any, ...]
Params: TypeAlias = dict[str, Any]

SECRET_COLUMNS: Final = 18
VERSION_COLUMNS: Final = 10
KMS_KEY_COLUMNS: Final = 8
ACCESS_KEY_COLUMNS: Final = 8

CENSUS: Final = ("secrets_by_state", "jobs_by_state", "key_dates")
"""The queries whose rows `census_of` takes."""

SECRETS_KEPT: Final = 1_024
KEYS_KEPT: Final = 1_024
"""Records kept by the row they were made of: a row always means the same record, so none is ever stale."""

_encode: Final = msgspec.json.Encoder().encode
_decode_tags: Final = msgspec.json.Decoder(list[tuple[str, str]]).decode
_decode_rotation: Final = msgspec.json.Decoder(RotationSettings).decode


def census_of(secrets: Sequence[Row], jobs: Sequence[Row], dates: Sequence[Row]) -> Census:
    counts: dict[int, int] = dict(secrets)
    groups = [JobGroup(kind, state, count, from_micros(oldest)) for kind, state, count, oldest in jobs]
    newest_term, oldest_access_key = map(_instant, dates[0])
    return Census(counts.get(0, 0), counts.get(1, 0), groups, newest_term, oldest_access_key)


def micros(instant: datetime | None) -> int | None:
    return None if instant is None else to_micros(instant)


def _instant(value: int | None) -> datetime | None:
    return None if value is None else from_micros(value)


def _days(day: date | None) -> int | None:
    return None if day is None else to_days(day)


def _day(value: int | None) -> date | None:
    return None if value is None else from_days(value)


def _tags_text(tags: tuple[Tag, ...] | None) -> str | None:
    return None if tags is None else _encode([(tag.key, tag.value) for tag in tags]).decode()


def _tags(text: str | None) -> tuple[Tag, ...] | None:
    return None if text is None else tuple([Tag(key, value) for key, value in _decode_tags(text)])


def _rotation_text(rotation: RotationSettings | None) -> str | None:
    return None if rotation is None else _encode(rotation).decode()


def _rotation(text: str | None) -> RotationSettings | None:
    return None if text is None else _decode_rotation(text)


def changing_secret_of(row: Row) -> Secret:
    """As `secret_of`, of a secret that is about to be changed: its row is not met again. More columns may follow."""
    account_id, region, name, arn, created_at, last_changed_at, description, kms_key_id, tags = row[:9]
    accessed_on, deleted_at, purge_at, owner, primary_region, kind, revision, primary, rotation = row[9:SECRET_COLUMNS]
    return Secret(  # by place and not by keyword, which takes half as long again
        account_id,
        region,
        arn,
        name,
        from_micros(created_at),
        from_micros(last_changed_at),
        description,
        kms_key_id,
        _tags(tags),
        _day(accessed_on),
        _instant(deleted_at),
        _instant(purge_at),
        owner,
        primary_region,
        kind,
        revision,
        primary,
        _rotation(rotation),
    )


secret_of: Final = lru_cache(maxsize=SECRETS_KEPT)(changing_secret_of)


def secret_params(secret: Secret) -> Params:
    return {
        "account_id": secret.account_id,
        "region": secret.region,
        "name": secret.name,
        "arn": secret.arn,
        "created_at": to_micros(secret.created_at),
        "last_changed_at": to_micros(secret.last_changed_at),
        "description": secret.description,
        "kms_key_id": secret.kms_key_id,
        "tags": _tags_text(secret.tags),
        "last_accessed_on": _days(secret.last_accessed_on),
        "deleted_at": micros(secret.deleted_at),
        "purge_at": micros(secret.purge_at),
        "owning_service": secret.owning_service,
        "primary_region": secret.primary_region,
        "type": secret.type,
        "revision": secret.revision,
        "cross_account_primary": secret.cross_account_primary,
        "rotation": _rotation_text(secret.rotation),
    }


def touched_params(secret: Secret) -> Params:
    """Return what changes of a secret when it is given another value."""
    return {
        "last_changed_at": to_micros(secret.last_changed_at),
        "revision": secret.revision,
        "rotation": _rotation_text(secret.rotation),
        "arn": secret.arn,
    }


_KINDS: Final = {kind.value: kind for kind in ValueKind}


def _kind(text: str) -> ValueKind:
    """Return the kind of a value. A text that is none was tampered with, and with any kind but its own the value
    does not open, which is what its reader must be told.
    """
    return _KINDS.get(text, ValueKind.BINARY)


def version_of(row: Row) -> Version:
    sealed = None
    if row[9] is not None:
        sealed = SealedValue(_kind(row[5]), row[6], row[7], bytes(row[8] or b""), bytes(row[9]))
    return Version(
        version_id=row[0],
        created_at=from_micros(row[1]),
        sealed=sealed,
        kms_key_id=row[2],
        last_accessed_on=_day(row[3]),
        deleted_at=_instant(row[4]),
    )


def version_params(secret: Secret, version: Version) -> Params:
    sealed = version.sealed
    return {
        "account_id": secret.account_id,
        "region": secret.region,
        "arn": secret.arn,
        "version_id": version.version_id,
        "created_at": to_micros(version.created_at),
        "kms_key_id": version.kms_key_id,
        "last_accessed_on": _days(version.last_accessed_on),
        "deleted_at": micros(version.deleted_at),
        "kind": None if sealed is None else sealed.kind.value,
        "key_arn": None if sealed is None else sealed.key_arn,
        "key_version": None if sealed is None else sealed.key_version,
        "wrapped_key": None if sealed is None else sealed.wrapped_key,
        "ciphertext": None if sealed is None else sealed.ciphertext,
    }


@lru_cache(maxsize=KEYS_KEPT)
def kms_key_of(row: Row) -> KmsKey:
    return KmsKey(
        account_id=row[0],
        region=row[1],
        key_id=row[2],
        manager=KeyManager(row[3]),
        state=KeyState(row[4]),
        current_version=row[5],
        created_at=from_micros(row[6]),
        description=row[7],
    )


def kms_key_params(key: KmsKey) -> Params:
    return {
        "account_id": key.account_id,
        "region": key.region,
        "key_id": key.key_id,
        "manager": key.manager.value,
        "state": key.state.value,
        "current_version": key.current_version,
        "created_at": to_micros(key.created_at),
        "description": key.description,
    }


@lru_cache(maxsize=KEYS_KEPT)
def access_key_of(row: Row) -> AccessKeyRow:
    return AccessKeyRow(
        access_key_id=row[0],
        account_id=row[1],
        principal_arn=row[2],
        principal_id=row[3],
        active=bool(row[4]),
        revision=row[5],
        sealed_secret=bytes(row[6]),
        created_at=from_micros(row[7]),
    )


def access_key_params(key: AccessKeyRow) -> Params:
    return {
        "access_key_id": key.access_key_id,
        "account_id": key.account_id,
        "principal_arn": key.principal_arn,
        "principal_id": key.principal_id,
        "active": int(key.active),
        "revision": key.revision,
        "sealed_secret": key.sealed_secret,
        "created_at": to_micros(key.created_at),
    }


def policy_of(row: Sequence[str]) -> StoredPolicy:
    return StoredPolicy(row[0], tuple(msgspec.json.decode(row[1], type=dict[str, str]).items()))


def policy_params(policy: StoredPolicy) -> Params:
    principal_ids = msgspec.json.encode(dict(policy.principal_ids)).decode()
    return {"document": policy.document, "principal_ids": principal_ids}


def wrapped_key_of(row: Row) -> WrappedKey:
    return WrappedKey(int(row[0]), bytes(row[1]), str(row[2]))


def job_of(row: Row) -> Job:
    return Job(
        kind=row[0],
        subject=row[1],
        account_id=row[2],
        region=row[3],
        run_at=from_micros(row[4]),
        fence=row[5],
        attempts=row[6],
        last_error=row[7],
    )


def replica_of(row: Row) -> Replica:
    return Replica(
        arn=row[0],
        kms_key_id=row[1],
        status=ReplicaStatus(row[2]),
        status_message=row[3],
        overwrites=bool(row[4]),
        revision=row[5],
    )


def replica_params(primary: Secret, replica: Replica) -> Params:
    return {
        "account_id": primary.account_id,
        "region": primary.region,
        "arn": primary.arn,
        "replica_arn": replica.arn,
        "kms_key_id": replica.kms_key_id,
        "status": replica.status.value,
        "status_message": replica.status_message,
        "overwrites": int(replica.overwrites),
        "revision": replica.revision,
    }


def tombstone_of(row: Row) -> Tombstone:
    return Tombstone(row[0], row[1], row[2], row[3], row[4], from_micros(row[5]))
