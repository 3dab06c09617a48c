"""DeleteSecret: schedules the purge of a secret, at the end of its recovery window or at once.

Forcing a name that does not exist succeeds (recorded); so does forcing a secret already scheduled. A secret may be
protected, or have a shortest window, which is ours (`domain.protection`).
"""

from __future__ import annotations

import msgspec

from strongroom import ids
from strongroom.domain import deletion, identifiers, protection, replication
from strongroom.domain.timestamps import wire_time
from strongroom.errors import (
    InternalServiceError,
    InvalidParameterException,
    InvalidRequestException,
    ResourceNotFoundException,
)
from strongroom.operations.base import REQUIRED, OnReplica, Operation, Request, Response, SecretState
from strongroom.operations.call import PURGE_JOB, Call
from strongroom.operations.shapes import SecretId
from strongroom.storage.base import Job


class DeleteSecretRequest(Request, kw_only=True):
    secret_id: SecretId = REQUIRED
    recovery_window_in_days: int | None = None
    force_delete_without_recovery: bool | None = None


class DeleteSecretResponse(Response, kw_only=True):
    arn: str | None = msgspec.field(name="ARN", default=None)
    name: str | None = None
    deletion_date: float | None = None


def validate(request: DeleteSecretRequest) -> None:
    deletion.recovery_window(request.recovery_window_in_days, force=bool(request.force_delete_without_recovery))


def delete_secret(call: Call, request: DeleteSecretRequest) -> DeleteSecretResponse:
    force = bool(request.force_delete_without_recovery)
    window = deletion.recovery_window(request.recovery_window_in_days, force=force)
    deletion_date = wire_time(call.now + window)
    if call.found is None:
        if not force:
            raise identifiers.secret_not_found()
        arn = _arn_of_nothing(call, request.secret_id)
        return DeleteSecretResponse(arn=arn, name=request.secret_id, deletion_date=deletion_date)
    if not force:
        deletion.require_usable(call.secret)
    protection.require_unprotected(call.secret)
    protection.require_window(call.secret, window, call.now, call.deletion_rules)
    replication.require_none(call.secret, call.tx.list_replicas(call.secret))
    secret = call.save(deletion.schedule(call.secret, window, call.now))
    call.tx.put_job(Job(PURGE_JOB, secret.arn, secret.account_id, secret.region, call.now + window))
    if window:
        call.tx.deletions.put(protection.plan(secret, call.principal.arn, call.now + window))
    return DeleteSecretResponse(arn=secret.arn, name=secret.name, deletion_date=deletion_date)


def _arn_of_nothing(call: Call, secret_id: str) -> str:
    if secret_id.startswith("arn:"):
        return secret_id
    return identifiers.render_arn(call.region, call.account_id, f"{secret_id}-{ids.arn_suffix(call.entropy)}")


OPERATION = Operation(
    name="DeleteSecret",
    request=DeleteSecretRequest,
    response=DeleteSecretResponse,
    names_secret=lambda request: request.secret_id,
    secret_state=SecretState.MAYBE,
    on_replica=OnReplica.OWN_LIFE,
    mutates=True,
    validate=validate,
    condition_keys=("secretsmanager:RecoveryWindowInDays", "secretsmanager:ForceDeleteWithoutRecovery"),
    further_actions=None,
    creates=False,
    handler=delete_secret,
    shown_request=("secret_id", "recovery_window_in_days", "force_delete_without_recovery"),
    shown_response=("arn", "name", "deletion_date"),
    errors=(ResourceNotFoundException, InvalidParameterException, InvalidRequestException, InternalServiceError),
)
