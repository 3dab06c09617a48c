"""GetSecretValue: the plaintext of one version, by id, by staging label, or the current one.

The first read of a day has its date written down, on the secret and on the version.
"""

from __future__ import annotations

import msgspec

from strongroom.domain import staging, versions
from strongroom.domain.access import Access
from strongroom.domain.secret_value import SecretValue
from strongroom.domain.staging import labels_of
from strongroom.domain.timestamps import day_of, wire_time
from strongroom.errors import (
    DecryptionFailure,
    InternalServiceError,
    InvalidParameterException,
    InvalidRequestException,
    ResourceNotFoundException,
)
from strongroom.operations.base import REQUIRED, OnReplica, Operation, Request, Response, SecretState
from strongroom.operations.call import Call
from strongroom.operations.shapes import SecretId, VersionId, VersionStage, value_members
from strongroom.recall import MAX_SEALED_BYTES


class GetSecretValueRequest(Request, kw_only=True):
    secret_id: SecretId = REQUIRED
    version_id: VersionId | None = None
    version_stage: VersionStage | None = None


class GetSecretValueResponse(Response, kw_only=True):
    arn: str | None = msgspec.field(name="ARN", default=None)
    name: str | None = None
    version_id: str | None = None
    secret_binary: bytes | None = None
    secret_string: str | None = None
    version_stages: list[str] | None = None
    created_date: float | None = None


def get_secret_value(call: Call, request: GetSecretValueRequest) -> GetSecretValueResponse:
    secret = call.secret
    call.require_value_access(secret)
    stages = call.tx.stages(secret)
    version_id = versions.wanted_version_id(stages, request.version_id, request.version_stage)
    found = call.tx.find_version(secret, version_id)
    version, sealed = versions.require_readable(found, version_id, stages, request.version_stage)
    open_value = call.value_opener(secret, version_id, sealed)
    value = open_value()
    today = day_of(call.now)
    if version.last_accessed_on != today or secret.last_accessed_on != today:
        call.note_access(Access(secret.arn, version_id, today))
    labels, created = labels_of(stages, version_id) or None, wire_time(version.created_at)
    arn, name = secret.arn, secret.name  # what is recalled holds nothing else of the secret: there are thousands

    def respond(value: SecretValue) -> GetSecretValueResponse:
        text, binary = value_members(value)
        return GetSecretValueResponse(
            arn=arn,
            name=name,
            version_id=version_id,
            secret_string=text,
            secret_binary=binary,
            version_stages=labels,
            created_date=created,
        )

    if len(sealed.ciphertext) <= MAX_SEALED_BYTES:
        call.may_recall(lambda: respond(open_value()))
    return respond(value)


OPERATION = Operation(
    name="GetSecretValue",
    request=GetSecretValueRequest,
    response=GetSecretValueResponse,
    names_secret=lambda request: request.secret_id,
    secret_state=SecretState.USABLE,
    on_replica=OnReplica.ALLOWED,
    mutates=False,
    validate=None,
    reads_version=lambda request: (request.version_id, request.version_stage or staging.CURRENT),
    condition_keys=("secretsmanager:VersionId", "secretsmanager:VersionStage"),
    further_actions=None,
    creates=False,
    handler=get_secret_value,
    shown_request=("secret_id", "version_id", "version_stage"),
    shown_response=(),
    errors=(
        ResourceNotFoundException,
        InvalidParameterException,
        InvalidRequestException,
        DecryptionFailure,
        InternalServiceError,
    ),
)
