"""StopReplicationToReplica: a replica, called in its own region, becomes a secret of its own.

It keeps its ARN and everything it has. Its entry at the primary goes with it, so that no copy under way
can reach it any more.
"""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from strongroom.domain import replication
from strongroom.domain.secret import Secret
from strongroom.errors import (
    InternalServiceError,
    InvalidParameterException,
    InvalidRequestException,
    ResourceNotFoundException,
)
from strongroom.operations.base import REQUIRED, OnReplica, Operation, Request, Response, SecretState
from strongroom.operations.call import Call
from strongroom.operations.shapes import SecretId


class StopReplicationToReplicaRequest(Request, kw_only=True):
    secret_id: SecretId = REQUIRED


class StopReplicationToReplicaResponse(Response, kw_only=True):
    arn: str | None = msgspec.field(name="ARN", default=None)


def stop_replication_to_replica(call: Call, _: StopReplicationToReplicaRequest) -> StopReplicationToReplicaResponse:
    replica = call.secret
    replication.require_replica(replica)
    if replica.cross_account_primary is not None:
        call.require_allowed("secretsmanager:DeleteResourcePolicy", replica)
    primary = _primary_of(call, replica)
    if primary is not None:
        call.tx.delete_replica(primary.arn, replica.arn)
        left = replication.in_other_regions(primary, call.tx.list_replicas(primary))
        if replica.cross_account_primary is None and not left:
            primary = replace(primary, primary_region=None)
        call.tx.put_secret(primary)
    if replica.cross_account_primary is not None:
        call.tx.delete_policy(replica, replication.MANAGED_POLICY)
    call.save(replace(replica, primary_region=None, cross_account_primary=None))
    return StopReplicationToReplicaResponse(arn=replica.arn)


def _primary_of(call: Call, replica: Secret) -> Secret | None:
    arn = replication.primary_arn(replica)
    reference = replication.place_of(arn)
    return call.tx.find_secret_by_arn(reference.account_id, reference.region, arn)


OPERATION = Operation(
    name="StopReplicationToReplica",
    request=StopReplicationToReplicaRequest,
    response=StopReplicationToReplicaResponse,
    names_secret=lambda request: request.secret_id,
    secret_state=SecretState.USABLE,
    on_replica=OnReplica.ALLOWED,
    mutates=True,
    validate=None,
    condition_keys=(),
    further_actions=None,
    creates=False,
    handler=stop_replication_to_replica,
    shown_request=("secret_id",),
    shown_response=("arn",),
    errors=(ResourceNotFoundException, InvalidRequestException, InvalidParameterException, InternalServiceError),
)
