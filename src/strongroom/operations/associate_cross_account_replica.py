"""AssociateCrossAccountReplica: starts copying a primary to a replica that another account made for it.

Calling it again for the same replica repairs it. All accounts of a deployment count as one organization,
so both values of ReplicaRestriction allow the same. The caller needs GetSecretValue on the primary and
AcceptCrossAccountReplication on the replica, which the replica's managed policy gives.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import msgspec

from strongroom.domain import identifiers, replication
from strongroom.domain.replication import Replica, ReplicaStatus
from strongroom.errors import (
    InternalServiceError,
    InvalidParameterException,
    InvalidRequestException,
    LimitExceededException,
    ResourceNotFoundException,
)
from strongroom.operations.base import (
    REQUIRED,
    OnReplica,
    Operation,
    Request,
    Response,
    SecretState,
    limits,
)
from strongroom.operations.call import Call
from strongroom.operations.shapes import SecretId


class ReplicaRestriction(StrEnum):
    SAME_ORG = "SameOrg"
    NO_RESTRICTION = "NoRestriction"


class AssociateCrossAccountReplicaRequest(Request, kw_only=True):
    secret_id: SecretId = REQUIRED
    cross_account_replica_arn: Annotated[str, limits(20, 2_048)] = msgspec.field(
        name="CrossAccountReplicaARN", default=REQUIRED
    )
    replica_restriction: Annotated[str, limits(enum=ReplicaRestriction)] | None = None
    replication_role_arn: Annotated[str, limits(20, 2_048)] | None = msgspec.field(
        name="ReplicationRoleARN", default=None
    )


class AssociateCrossAccountReplicaResponse(Response, kw_only=True):
    arn: str | None = msgspec.field(name="ARN", default=None)
    cross_account_replica_arn: str | None = msgspec.field(name="CrossAccountReplicaARN", default=None)
    replication_status: str | None = None


def validate(request: AssociateCrossAccountReplicaRequest) -> None:
    if request.replication_role_arn is not None:
        raise InvalidParameterException("This version of Strongroom does not support the parameter ReplicationRoleARN.")


def associate_cross_account_replica(
    call: Call, request: AssociateCrossAccountReplicaRequest
) -> AssociateCrossAccountReplicaResponse:
    primary, arn = call.secret, request.cross_account_replica_arn
    place = identifiers.parse_secret_id(arn, account_id=call.account_id, region=call.region)
    replica = None
    if place.arn is not None and (place.region, place.account_id != call.account_id) == (call.region, True):
        replica = call.tx.find_secret_by_arn(place.account_id, place.region, place.arn)
    replica = replication.require_associable(primary, replica, call.tx.list_replicas(primary), arn)
    call.require_allowed("secretsmanager:GetSecretValue", primary)
    call.require_allowed("secretsmanager:AcceptCrossAccountReplication", replica)
    entry = call.plan_copy(primary, Replica(replica.arn, replica.kms_key_id, ReplicaStatus.PENDING))
    return AssociateCrossAccountReplicaResponse(
        arn=primary.arn, cross_account_replica_arn=replica.arn, replication_status=entry.status
    )


OPERATION = Operation(
    name="AssociateCrossAccountReplica",
    request=AssociateCrossAccountReplicaRequest,
    response=AssociateCrossAccountReplicaResponse,
    names_secret=lambda request: request.secret_id,
    secret_state=SecretState.USABLE,
    on_replica=OnReplica.REFUSED,
    mutates=True,
    validate=validate,
    condition_keys=(),
    further_actions=None,
    creates=False,
    handler=associate_cross_account_replica,
    shown_request=("secret_id", "cross_account_replica_arn", "replica_restriction", "replication_role_arn"),
    shown_response=("arn", "cross_account_replica_arn", "replication_status"),
    errors=(
        ResourceNotFoundException,
        InvalidRequestException,
        InvalidParameterException,
        LimitExceededException,
        InternalServiceError,
    ),
)
