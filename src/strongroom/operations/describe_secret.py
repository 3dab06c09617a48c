"""DescribeSecret: everything about a secret but its value; works while it is scheduled for deletion."""

from __future__ import annotations

import msgspec

from strongroom.domain import replication
from strongroom.domain.secret import Secret
from strongroom.domain.staging import by_version
from strongroom.domain.timestamps import wire_day, wire_time
from strongroom.errors import InternalServiceError, InvalidParameterException, ResourceNotFoundException
from strongroom.operations.base import REQUIRED, OnReplica, Operation, Request, Response, SecretState, Shape
from strongroom.operations.call import Call
from strongroom.operations.shapes import (
    ExternalSecretRotationMetadataItem,
    ReplicationStatus,
    RotationRules,
    SecretId,
    Tag,
    replication_status,
    rotation_members,
    wire_tags,
)


class DescribeSecretRequest(Request, kw_only=True):
    secret_id: SecretId = REQUIRED


class CrossAccountPrimary(Shape, kw_only=True):
    primary_secret_arn: str | None = msgspec.field(name="PrimarySecretARN", default=None)
    replication_status: str | None = None
    status_message: str | None = None


class CrossAccountReplica(Shape, kw_only=True):
    replica_secret_arn: str | None = msgspec.field(name="ReplicaSecretARN", default=None)
    replication_role_arn: str | None = msgspec.field(name="ReplicationRoleARN", default=None)
    replication_status: str | None = None
    status_message: str | None = None


class DescribeSecretResponse(Response, kw_only=True):
    arn: str | None = msgspec.field(name="ARN", default=None)
    name: str | None = None
    type: str | None = None
    description: str | None = None
    kms_key_id: str | None = None
    rotation_enabled: bool | None = None
    rotation_lambda_arn: str | None = msgspec.field(name="RotationLambdaARN", default=None)
    rotation_rules: RotationRules | None = None
    external_secret_rotation_metadata: list[ExternalSecretRotationMetadataItem] | None = None
    external_secret_rotation_role_arn: str | None = None
    last_rotated_date: float | None = None
    last_changed_date: float | None = None
    last_accessed_date: float | None = None
    deleted_date: float | None = None
    next_rotation_date: float | None = None
    tags: list[Tag] | None = None
    version_ids_to_stages: dict[str, list[str]] | None = None
    owning_service: str | None = None
    created_date: float | None = None
    primary_region: str | None = None
    replication_status: list[ReplicationStatus] | None = None
    cross_account_primary: CrossAccountPrimary | None = None
    cross_account_replicas: list[CrossAccountReplica] | None = None


def describe_secret(call: Call, _: DescribeSecretRequest) -> DescribeSecretResponse:
    secret = call.secret
    return DescribeSecretResponse(
        arn=secret.arn,
        name=secret.name,
        description=secret.description or None,
        kms_key_id=secret.kms_key_id,
        last_changed_date=wire_time(secret.last_changed_at),
        last_accessed_date=None if secret.last_accessed_on is None else wire_day(secret.last_accessed_on),
        deleted_date=None if secret.purge_at is None else wire_time(secret.purge_at),
        tags=wire_tags(secret.tags),
        version_ids_to_stages=by_version(call.tx.stages(secret)) or None,
        owning_service=secret.owning_service,
        created_date=wire_time(secret.created_at),
        primary_region=secret.primary_region,
        replication_status=replication_status(call.tx, secret),
        type=secret.type or None,
        cross_account_primary=_cross_account_primary(call, secret),
        cross_account_replicas=_cross_account_replicas(call, secret),
        **rotation_members(secret),
    )


def _cross_account_primary(call: Call, secret: Secret) -> CrossAccountPrimary | None:
    if secret.cross_account_primary is None:
        return None
    entry = call.tx.find_replica(secret.cross_account_primary, secret.arn)
    status = replication.cross_account_status(entry, has_versions=call.tx.count_versions(secret) > 0)
    return CrossAccountPrimary(
        primary_secret_arn=secret.cross_account_primary,
        replication_status=status,
        status_message=None if entry is None else entry.status_message,
    )


def _cross_account_replicas(call: Call, secret: Secret) -> list[CrossAccountReplica] | None:
    return [
        CrossAccountReplica(
            replica_secret_arn=entry.arn, replication_status=entry.status, status_message=entry.status_message
        )
        for entry in call.tx.list_replicas(secret)
        if entry.account_id != secret.account_id
    ] or None


OPERATION = Operation(
    name="DescribeSecret",
    request=DescribeSecretRequest,
    response=DescribeSecretResponse,
    names_secret=lambda request: request.secret_id,
    secret_state=SecretState.ANY,
    on_replica=OnReplica.ALLOWED,
    mutates=False,
    validate=None,
    handler=describe_secret,
    shown_request=("secret_id",),
    shown_response=(),
    errors=(ResourceNotFoundException, InternalServiceError, InvalidParameterException),
)
