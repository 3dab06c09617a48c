"""ReplicateSecretToRegions: makes replicas of a secret in other regions, or repairs those it has.

The call stores what is wanted and succeeds; copying happens afterwards, and its outcome is the status.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec
from msgspec.structs import replace

from strongroom.domain import replication
from strongroom.domain.replication import Replica, ReplicaStatus
from strongroom.domain.secret import Secret
from strongroom.errors import (
    InternalServiceError,
    InvalidParameterException,
    InvalidRequestException,
    ResourceNotFoundException,
)
from strongroom.operations.base import REQUIRED, OnReplica, Operation, Request, Response, SecretState, limits
from strongroom.operations.call import Call
from strongroom.operations.shapes import ReplicaRegion, ReplicationStatus, SecretId, replication_status


class ReplicateSecretToRegionsRequest(Request, kw_only=True):
    secret_id: SecretId = REQUIRED
    add_replica_regions: Annotated[list[ReplicaRegion], limits(1)] = REQUIRED
    force_overwrite_replica_secret: bool | None = None


class ReplicateSecretToRegionsResponse(Response, kw_only=True):
    arn: str | None = msgspec.field(name="ARN", default=None)
    replication_status: list[ReplicationStatus] | None = None


def replicate_secret_to_regions(
    call: Call, request: ReplicateSecretToRegionsRequest
) -> ReplicateSecretToRegionsResponse:
    require_regions(call, request.add_replica_regions, own=call.secret.region)
    secret = add_replicas(
        call, call.secret, request.add_replica_regions, overwrite=bool(request.force_overwrite_replica_secret)
    )
    return ReplicateSecretToRegionsResponse(
        arn=secret.arn, replication_status=replication_status(call.tx, secret, call.tx.list_replicas(secret))
    )


def require_regions(call: Call, wanted: Sequence[ReplicaRegion], *, own: str) -> None:
    """Refuse regions that cannot have a replica of a secret of region `own`."""
    replication.require_replica_regions([entry.region or "" for entry in wanted], own=own, known=call.regions)


def add_replicas(call: Call, secret: Secret, wanted: Sequence[ReplicaRegion], *, overwrite: bool) -> Secret:
    """Store the entries of new replicas, of regions that were checked, and plan the copying; return the new primary."""
    primary = replace(secret, primary_region=secret.region)
    present = {replica.arn: replica for replica in call.tx.list_replicas(secret)}
    for entry in wanted:
        arn = replication.replica_arn(secret, entry.region or "")
        old = present.get(arn)
        kms_key_id = entry.kms_key_id or (None if old is None else old.kms_key_id)
        call.tx.put_replica(primary, Replica(arn, kms_key_id or None, ReplicaStatus.IN_PROGRESS, overwrites=overwrite))
    return call.save(primary)


OPERATION = Operation(
    name="ReplicateSecretToRegions",
    request=ReplicateSecretToRegionsRequest,
    response=ReplicateSecretToRegionsResponse,
    names_secret=lambda request: request.secret_id,
    secret_state=SecretState.USABLE,
    on_replica=OnReplica.REFUSED,
    mutates=True,
    validate=None,
    condition_keys=("secretsmanager:AddReplicaRegions", "secretsmanager:ForceOverwriteReplicaSecret"),
    further_actions=None,
    creates=False,
    handler=replicate_secret_to_regions,
    shown_request=("secret_id", "add_replica_regions", "force_overwrite_replica_secret"),
    shown_response=("arn", "replication_status"),
    errors=(ResourceNotFoundException, InvalidRequestException, InvalidParameterException, InternalServiceError),
)
