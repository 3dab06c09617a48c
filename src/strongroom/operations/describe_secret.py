"""DescribeSecret: everything about a secret but its value; works while it is scheduled for deletion."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from strongroom.domain import replication
from strongroom.domain.replication import Replica
from strongroom.domain.secret import Secret
from strongroom.domain.staging import by_version
from strongroom.errors import InternalServiceError, InvalidParameterException, ResourceNotFoundException
from strongroom.operations.base import REQUIRED, OnReplica, Operation, Request, SecretState, Shape, secret_alone
from strongroom.operations.call import Call
from strongroom.operations.secret_description import SecretDescription, description_of
from strongroom.operations.shapes import (
    ReplicationStatus,
    SecretId,
    replication_status,
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


class DescribeSecretResponse(SecretDescription, kw_only=True):
    version_ids_to_stages: dict[str, list[str]] | None = None
    replication_status: list[ReplicationStatus] | None = None
    cross_account_primary: CrossAccountPrimary | None = None
    cross_account_replicas: list[CrossAccountReplica] | None = None


def describe_secret(call: Call, _: DescribeSecretRequest) -> DescribeSecretResponse:
    secret = call.secret
    replicas = call.tx.list_replicas(secret)
    return DescribeSecretResponse(
        version_ids_to_stages=by_version(call.tx.stages(secret)) or None,
        replication_status=replication_status(call.tx, secret, replicas),
        cross_account_primary=_cross_account_primary(call, secret),
        cross_account_replicas=_cross_account_replicas(secret, replicas),
        **description_of(secret),
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


def _cross_account_replicas(secret: Secret, replicas: Sequence[Replica]) -> list[CrossAccountReplica] | None:
    return [
        CrossAccountReplica(
            replica_secret_arn=entry.arn, replication_status=entry.status, status_message=entry.status_message
        )
        for entry in replicas
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
    condition_keys=(),
    further_actions=None,
    creates=False,
    handler=describe_secret,
    shown_request=("secret_id",),
    shown_response=(),
    errors=(ResourceNotFoundException, InternalServiceError, InvalidParameterException),
    reads_version=secret_alone,
    tells_access_dates=True,
)
