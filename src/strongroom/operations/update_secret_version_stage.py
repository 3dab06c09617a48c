"""UpdateSecretVersionStage: moves, adds or removes one staging label."""

from __future__ import annotations

import msgspec

from strongroom.domain import staging, versions
from strongroom.errors import (
    InternalServiceError,
    InvalidParameterException,
    InvalidRequestException,
    LimitExceededException,
    ResourceNotFoundException,
)
from strongroom.operations.base import REQUIRED, OnReplica, Operation, Request, Response, SecretState
from strongroom.operations.call import Call
from strongroom.operations.shapes import SecretId, VersionId, VersionStage


class UpdateSecretVersionStageRequest(Request, kw_only=True):
    secret_id: SecretId = REQUIRED
    version_stage: VersionStage = REQUIRED
    remove_from_version_id: VersionId | None = None
    move_to_version_id: VersionId | None = None


class UpdateSecretVersionStageResponse(Response, kw_only=True):
    arn: str | None = msgspec.field(name="ARN", default=None)
    name: str | None = None


def validate(request: UpdateSecretVersionStageRequest) -> None:
    staging.require_version_named(to_version=request.move_to_version_id, from_version=request.remove_from_version_id)


def update_secret_version_stage(
    call: Call, request: UpdateSecretVersionStageRequest
) -> UpdateSecretVersionStageResponse:
    secret = call.secret
    for version_id in (request.move_to_version_id, request.remove_from_version_id):
        if version_id is not None:
            versions.require_present(call.tx.find_version(secret, version_id), version_id)
    before = call.tx.stages(secret)
    after = staging.move(
        before,
        request.version_stage,
        to_version=request.move_to_version_id,
        from_version=request.remove_from_version_id,
        most=call.quotas.labels_per_secret,
    )
    if after != before:
        call.put_stages(secret, before, after)
        call.save(secret)
    return UpdateSecretVersionStageResponse(arn=secret.arn, name=secret.name)


OPERATION = Operation(
    name="UpdateSecretVersionStage",
    request=UpdateSecretVersionStageRequest,
    response=UpdateSecretVersionStageResponse,
    names_secret=lambda request: request.secret_id,
    secret_state=SecretState.USABLE,
    on_replica=OnReplica.REFUSED,
    mutates=True,
    validate=validate,
    condition_keys=("secretsmanager:VersionStage",),
    further_actions=None,
    creates=False,
    handler=update_secret_version_stage,
    shown_request=("secret_id", "version_stage", "remove_from_version_id", "move_to_version_id"),
    shown_response=("arn", "name"),
    errors=(
        ResourceNotFoundException,
        InvalidParameterException,
        InvalidRequestException,
        LimitExceededException,
        InternalServiceError,
    ),
)
