"""DisassociateCrossAccountReplica: ends the copying to a cross-account replica, which stays as it is."""

from __future__ import annotations

from typing import Annotated

import msgspec

from strongroom.domain import replication
from strongroom.errors import (
    InternalServiceError,
    InvalidParameterException,
    InvalidRequestException,
    ResourceNotFoundException,
)
from strongroom.operations.base import REQUIRED, OnReplica, Operation, Request, Response, SecretState, limits
from strongroom.operations.call import Call
from strongroom.operations.shapes import SecretId


class DisassociateCrossAccountReplicaRequest(Request, kw_only=True):
    secret_id: SecretId = REQUIRED
    cross_account_replica_arn: Annotated[str, limits(20, 2_048)] = msgspec.field(
        name="CrossAccountReplicaARN", default=REQUIRED
    )


class DisassociateCrossAccountReplicaResponse(Response, kw_only=True):
    arn: str | None = msgspec.field(name="ARN", default=None)
    cross_account_replica_arn: str | None = msgspec.field(name="CrossAccountReplicaARN", default=None)


def disassociate_cross_account_replica(
    call: Call, request: DisassociateCrossAccountReplicaRequest
) -> DisassociateCrossAccountReplicaResponse:
    primary, arn = call.secret, request.cross_account_replica_arn
    entry = replication.require_associated(primary, call.tx.find_replica(primary.arn, arn), arn)
    call.tx.delete_replica(primary.arn, entry.arn)
    return DisassociateCrossAccountReplicaResponse(arn=primary.arn, cross_account_replica_arn=entry.arn)


OPERATION = Operation(
    name="DisassociateCrossAccountReplica",
    request=DisassociateCrossAccountReplicaRequest,
    response=DisassociateCrossAccountReplicaResponse,
    names_secret=lambda request: request.secret_id,
    secret_state=SecretState.USABLE,
    on_replica=OnReplica.REFUSED,
    mutates=True,
    validate=None,
    condition_keys=(),
    further_actions=None,
    creates=False,
    handler=disassociate_cross_account_replica,
    shown_request=("secret_id", "cross_account_replica_arn"),
    shown_response=("arn", "cross_account_replica_arn"),
    errors=(ResourceNotFoundException, InvalidRequestException, InvalidParameterException, InternalServiceError),
)
