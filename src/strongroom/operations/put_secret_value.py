"""PutSecretValue: a new version of a secret, with the labels asked for, or AWSCURRENT.

The version id is the request token. A rotation's empty placeholder is filled by the put that carries its
token. A repetition changes nothing, whatever labels it names.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from strongroom.domain import idempotency, secret_value
from strongroom.domain.staging import labels_of
from strongroom.errors import (
    DecryptionFailure,
    EncryptionFailure,
    InternalServiceError,
    InvalidParameterException,
    InvalidRequestException,
    LimitExceededException,
    ResourceExistsException,
    ResourceNotFoundException,
)
from strongroom.operations.base import REQUIRED, OnReplica, Operation, Request, Response, SecretState, limits
from strongroom.operations.call import Call
from strongroom.operations.shapes import ClientRequestToken, SecretBinary, SecretId, SecretString, VersionStage


class PutSecretValueRequest(Request, kw_only=True):
    secret_id: SecretId = REQUIRED
    client_request_token: ClientRequestToken | None = None
    secret_binary: SecretBinary | None = None
    secret_string: SecretString | None = None
    version_stages: Annotated[list[VersionStage], limits(1, 20)] | None = None
    rotation_token: Annotated[str, limits(36, 256, pattern=r"^[a-zA-Z0-9\-]+$", sensitive=True)] | None = None


class PutSecretValueResponse(Response, kw_only=True):
    arn: str | None = msgspec.field(name="ARN", default=None)
    name: str | None = None
    version_id: str | None = None
    version_stages: list[str] | None = None


def validate(request: PutSecretValueRequest) -> None:
    text, binary = request.secret_string, request.secret_binary
    idempotency.require_sound_write(request.client_request_token, text, binary, always=True)
    secret_value.require_given(text, binary)


def put_secret_value(call: Call, request: PutSecretValueRequest) -> PutSecretValueResponse:
    secret = call.secret
    token = idempotency.require_token(request.client_request_token)
    value = secret_value.require(secret_value.choose(request.secret_string, request.secret_binary))
    existing = call.tx.find_version(secret, token)
    if existing is not None and not existing.is_placeholder:
        idempotency.require_replay(token, secret.arn, stored=call.read_value(secret, existing), given=value)
        stages = call.tx.stages(secret)
    else:
        stages = call.add_version(secret, token, value, request.version_stages, existing)
        call.save_after_write(secret, token, stages)
    return PutSecretValueResponse(
        arn=secret.arn, name=secret.name, version_id=token, version_stages=labels_of(stages, token) or None
    )


OPERATION = Operation(
    name="PutSecretValue",
    request=PutSecretValueRequest,
    response=PutSecretValueResponse,
    names_secret=lambda request: request.secret_id,
    secret_state=SecretState.USABLE,
    on_replica=OnReplica.REFUSED,
    mutates=True,
    validate=validate,
    condition_keys=(),
    further_actions=None,
    creates=False,
    handler=put_secret_value,
    shown_request=("secret_id", "client_request_token", "version_stages"),
    shown_response=("arn", "name", "version_id", "version_stages"),
    errors=(
        InvalidParameterException,
        InvalidRequestException,
        LimitExceededException,
        EncryptionFailure,
        ResourceExistsException,
        ResourceNotFoundException,
        InternalServiceError,
        DecryptionFailure,
    ),
    reads_version=lambda request: (request.client_request_token, None),
)
