"""Wire shapes that two or more operations share, with the model's limits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, TypeAlias

from strongroom.domain import replication
from strongroom.domain import secret as domain
from strongroom.domain.filtering import FilterKey
from strongroom.domain.kms_key import DEFAULT_ALIAS
from strongroom.domain.replication import Replica
from strongroom.domain.secret import Secret
from strongroom.domain.secret_value import SecretValue, ValueKind
from strongroom.domain.timestamps import wire_day
from strongroom.operations.base import Shape, limits
from strongroom.storage.base import Transaction

SecretId: TypeAlias = Annotated[str, limits(1, 2_048)]
ClientRequestToken: TypeAlias = Annotated[str, limits(32, 64)]
Description: TypeAlias = Annotated[str, limits(None, 2_048)]
KmsKeyId: TypeAlias = Annotated[str, limits(0, 2_048)]
SecretString: TypeAlias = Annotated[str, limits(1, 65_536, sensitive=True)]
SecretBinary: TypeAlias = Annotated[bytes, limits(1, 65_536, sensitive=True)]
VersionId: TypeAlias = Annotated[str, limits(32, 64)]
VersionStage: TypeAlias = Annotated[str, limits(1, 256)]
PolicyName: TypeAlias = Annotated[str, limits(1, 64, pattern=r"[0-9A-Za-z\-\_]+")]
ResourcePolicy: TypeAlias = Annotated[str, limits(1, 20_480)]
NextToken: TypeAlias = Annotated[str, limits(1, 4_096)]


class Tag(Shape, kw_only=True):
    key: Annotated[str, limits(1, 128)] | None = None
    value: Annotated[str, limits(0, 256)] | None = None


class Filter(Shape, kw_only=True):
    key: Annotated[str, limits(enum=FilterKey)] | None = None
    values: (
        Annotated[
            list[Annotated[str, limits(None, 512, pattern=r"^\!?[a-zA-Z0-9 :_@\/\+\=\.\-\!]*$")]],
            limits(1, 10),
        ]
        | None
    ) = None


class SecretVersionsListEntry(Shape, kw_only=True):
    version_id: str | None = None
    version_stages: list[str] | None = None
    last_accessed_date: float | None = None
    created_date: float | None = None
    kms_key_ids: list[str] | None = None


def domain_tags(tags: Iterable[Tag]) -> list[domain.Tag]:
    return [domain.Tag(tag.key or "", tag.value or "") for tag in tags]


def wire_tags(tags: tuple[domain.Tag, ...] | None) -> list[Tag] | None:
    return None if tags is None else [Tag(key=tag.key, value=tag.value) for tag in tags]


def value_members(value: SecretValue) -> tuple[str | None, bytes | None]:
    """Return the value as SecretString or as SecretBinary."""
    if value.kind is ValueKind.STRING:
        return value.reveal().decode(), None
    return None, value.reveal()


class ReplicaRegion(Shape, kw_only=True):
    region: Annotated[str, limits(1, 128, pattern=r"^([a-z]+-)+\d+$")] | None = None
    kms_key_id: KmsKeyId | None = None


class ReplicationStatus(Shape, kw_only=True):
    region: str | None = None
    kms_key_id: str | None = None
    status: str | None = None
    status_message: str | None = None
    last_accessed_date: float | None = None


class RotationRules(Shape, kw_only=True):
    automatically_after_days: Annotated[int, limits(1, 1_000)] | None = None
    duration: Annotated[str, limits(2, 3, pattern=r"[0-9]+h")] | None = None
    schedule_expression: Annotated[str, limits(1, 256, pattern=r"[0-9A-Za-z\(\)#\?\*\-\/, ]+")] | None = None


class ExternalSecretRotationMetadataItem(Shape, kw_only=True):
    key: Annotated[str, limits(1, 256)] | None = None
    value: Annotated[str, limits(1, 2_048)] | None = None


def replication_status(tx: Transaction, primary: Secret, replicas: Sequence[Replica]) -> list[ReplicationStatus] | None:
    """Return the state of a primary's replicas in other regions; None where it has none."""
    return [
        ReplicationStatus(
            region=replica.region,
            kms_key_id=replica.kms_key_id or DEFAULT_ALIAS,
            status=replica.status,
            status_message=replica.status_message,
            last_accessed_date=_last_access(tx, replica),
        )
        for replica in replication.in_other_regions(primary, replicas)
    ] or None


def _last_access(tx: Transaction, replica: Replica) -> float | None:
    copy = tx.find_secret_by_arn(replica.account_id, replica.region, replica.arn)
    return None if copy is None or copy.last_accessed_on is None else wire_day(copy.last_accessed_on)
