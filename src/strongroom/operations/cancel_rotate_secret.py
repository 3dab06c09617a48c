"""CancelRotateSecret: switches rotation off. Rules and function stay stored, labels stay where they are."""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from strongroom.domain import rotation
from strongroom.errors import (
    InternalServiceError,
    InvalidParameterException,
    InvalidRequestException,
    ResourceNotFoundException,
)
from strongroom.operations.base import REQUIRED, OnReplica, Operation, Request, Response, SecretState
from strongroom.operations.call import Call
from strongroom.operations.shapes import SecretId


class CancelRotateSecretRequest(Request, kw_only=True):
    secret_id: SecretId = REQUIRED


class CancelRotateSecretResponse(Response, kw_only=True):
    arn: str | None = msgspec.field(name="ARN", default=None)
    name: str | None = None
    version_id: str | None = None


def cancel_rotate_secret(call: Call, _: CancelRotateSecretRequest) -> CancelRotateSecretResponse:
    secret, settings = call.secret, call.secret.rotation
    rotation.require_configured(enabled=None if settings is None else settings.enabled)
    if settings is not None:
        call.save(replace(secret, rotation=replace(settings, enabled=False, next_rotation_at=None)))
    half_made = rotation.unresolved_version(call.tx.stages(secret))
    return CancelRotateSecretResponse(arn=secret.arn, name=secret.name, version_id=half_made)


OPERATION = Operation(
    name="CancelRotateSecret",
    request=CancelRotateSecretRequest,
    response=CancelRotateSecretResponse,
    names_secret=lambda request: request.secret_id,
    secret_state=SecretState.USABLE,
    on_replica=OnReplica.REFUSED,
    mutates=True,
    validate=None,
    condition_keys=(),
    further_actions=None,
    creates=False,
    handler=cancel_rotate_secret,
    shown_request=("secret_id",),
    shown_response=("arn", "name", "version_id"),
    errors=(ResourceNotFoundException, InvalidParameterException, InternalServiceError, InvalidRequestException),
)
