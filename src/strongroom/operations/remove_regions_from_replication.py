"""RemoveRegionsFromReplication: deletes replicas, at once and without a recovery window."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec.structs import replace

from strongroom.domain import replication
from strongroom.errors import (
    InternalServiceError,
    InvalidParameterException,
    InvalidRequestException,
    ResourceNotFoundException,
)
from strongroom.operations.base import REQUIRED, OnReplica, Operation, Request, Response, SecretState, limits
from strongroom.operations.call import Call
from strongroom.operations.shapes import ReplicationStatus, SecretId, replication_status


class RemoveRegionsFromReplicationRequest(Request, kw_only=True):
    secret_id: SecretId = REQUIRED
    remove_replica_regions: Annotated[list[Annotated[str, limits(1, 128, pattern=r"^([a-z]+-)+\d+$")]], limits(1)] = (
        REQUIRED
    )


class RemoveRegionsFromReplicationResponse(Response, kw_only=True):
    arn: str | None = msgspec.field(name="ARN", default=None)
    replication_status: list[ReplicationStatus] | None = None


def remove_regions_from_replication(
    call: Call, request: RemoveRegionsFromReplicationRequest
) -> RemoveRegionsFromReplicationResponse:
    secret = call.secret
    replicas = replication.in_other_regions(secret, call.tx.list_replicas(secret))
    replication.require_present(request.remove_replica_regions, replicas)
    leaving = [replica for replica in replicas if replica.region in request.remove_replica_regions]
    for replica in leaving:
        call.tx.delete_replica(secret.arn, replica.arn)
        copy = call.tx.find_secret_by_arn(secret.account_id, replica.region, replica.arn)
        if copy is not None and copy.primary_region == secret.region:
            call.remove(copy)
    if len(leaving) == len(replicas):
        secret = replace(secret, primary_region=None)
    secret = call.save(secret)
    return RemoveRegionsFromReplicationResponse(
        arn=secret.arn, replication_status=replication_status(call.tx, secret, call.tx.list_replicas(secret))
    )


OPERATION = Operation(
    name="RemoveRegionsFromReplication",
    request=RemoveRegionsFromReplicationRequest,
    response=RemoveRegionsFromReplicationResponse,
    names_secret=lambda request: request.secret_id,
    secret_state=SecretState.USABLE,
    on_replica=OnReplica.REFUSED,
    mutates=True,
    validate=None,
    condition_keys=(),
    further_actions=None,
    creates=False,
    handler=remove_regions_from_replication,
    shown_request=("secret_id", "remove_replica_regions"),
    shown_response=("arn", "replication_status"),
    errors=(ResourceNotFoundException, InvalidRequestException, InvalidParameterException, InternalServiceError),
)
