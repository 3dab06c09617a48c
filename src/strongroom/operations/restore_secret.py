"""RestoreSecret: takes a scheduled deletion back; a secret that is not scheduled stays as it is."""

from __future__ import annotations

import msgspec

from strongroom.domain import deletion
from strongroom.errors import (
    InternalServiceError,
    InvalidParameterException,
    InvalidRequestException,
    ResourceNotFoundException,
)
from strongroom.operations.base import REQUIRED, OnReplica, Operation, Request, Response, SecretState
from strongroom.operations.call import PURGE_JOB, Call
from strongroom.operations.shapes import SecretId


class RestoreSecretRequest(Request, kw_only=True):
    secret_id: SecretId = REQUIRED


class RestoreSecretResponse(Response, kw_only=True):
    arn: str | None = msgspec.field(name="ARN", default=None)
    name: str | None = None


def restore_secret(call: Call, _: RestoreSecretRequest) -> RestoreSecretResponse:
    secret = deletion.restore(call.secret, call.now)
    if secret != call.secret:
        call.save(secret)
        call.tx.delete_job(PURGE_JOB, secret.arn)
        call.tx.deletions.delete(secret.arn)
        for version in call.tx.list_versions(secret):
            if version.deleted_at is None:
                call.record_event("CancelSecretVersionDelete", secret, VersionId=version.version_id)
    return RestoreSecretResponse(arn=secret.arn, name=secret.name)


OPERATION = Operation(
    name="RestoreSecret",
    request=RestoreSecretRequest,
    response=RestoreSecretResponse,
    names_secret=lambda request: request.secret_id,
    secret_state=SecretState.ANY,
    on_replica=OnReplica.OWN_LIFE,
    mutates=True,
    validate=None,
    condition_keys=(),
    further_actions=None,
    creates=False,
    handler=restore_secret,
    shown_request=("secret_id",),
    shown_response=("arn", "name"),
    errors=(ResourceNotFoundException, InvalidParameterException, InvalidRequestException, InternalServiceError),
)
