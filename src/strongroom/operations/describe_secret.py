"""DescribeSecret: everything about a secret but its value; works while it is scheduled for deletion."""

from __future__ import annotations

import msgspec

from strongroom.domain.staging import by_version
from strongroom.domain.timestamps import wire_day, wire_time
from strongroom.errors import InternalServiceError, InvalidParameterException, ResourceNotFoundException
from strongroom.operations.base import REQUIRED, Operation, Request, Response, SecretState, Shape
from strongroom.operations.call import Call
from strongroom.operations.shapes import (
    ExternalSecretRotationMetadataItem,
    ReplicationStatus,
    RotationRules,
    SecretId,
    Tag,
    replication_status,
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
    )


OPERATION = Operation(
    name="DescribeSecret",
    request=DescribeSecretRequest,
    response=DescribeSecretResponse,
    names_secret=lambda request: request.secret_id,
    secret_state=SecretState.ANY,
    works_on_replica=True,
    mutates=False,
    validate=None,
    handler=describe_secret,
    shown_request=("secret_id",),
    shown_response=(),
    errors=(ResourceNotFoundException, InternalServiceError, InvalidParameterException),
)
