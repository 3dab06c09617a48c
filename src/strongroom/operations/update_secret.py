"""UpdateSecret: description, KMS key, and optionally a new current value.

An absent member stays as it is; an empty Description clears it, an empty KmsKeyId returns to the default
key. At a replica only the key can be changed. A new key re-encrypts the versions labelled AWSCURRENT,
AWSPENDING and AWSPREVIOUS, and no other.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec.structs import replace

from strongroom.domain import idempotency, kms_key, replication, secret_value, staging
from strongroom.domain.kms_key import KmsKey
from strongroom.domain.secret import Secret
from strongroom.domain.secret_value import SecretValue
from strongroom.errors import (
    DecryptionFailure,
    EncryptionFailure,
    InternalServiceError,
    InvalidParameterException,
    InvalidRequestException,
    LimitExceededException,
    MalformedPolicyDocumentException,
    PreconditionNotMetException,
    ResourceExistsException,
    ResourceNotFoundException,
)
from strongroom.operations import key_use
from strongroom.operations.base import REQUIRED, OnReplica, Operation, Request, Response, SecretState, limits
from strongroom.operations.call import Call
from strongroom.operations.shapes import (
    ClientRequestToken,
    Description,
    KmsKeyId,
    SecretBinary,
    SecretId,
    SecretString,
)


class UpdateSecretRequest(Request, kw_only=True):
    secret_id: SecretId = REQUIRED
    client_request_token: ClientRequestToken | None = None
    description: Description | None = None
    kms_key_id: KmsKeyId | None = None
    secret_binary: SecretBinary | None = None
    secret_string: SecretString | None = None
    type: Annotated[str, limits(0, 256)] | None = None


class UpdateSecretResponse(Response, kw_only=True):
    arn: str | None = msgspec.field(name="ARN", default=None)
    name: str | None = None
    version_id: str | None = None


def validate(request: UpdateSecretRequest) -> None:
    idempotency.require_sound_write(request.client_request_token, request.secret_string, request.secret_binary)


def update_secret(call: Call, request: UpdateSecretRequest) -> UpdateSecretResponse:
    secret = call.secret
    if (request.description, request.secret_string, request.secret_binary, request.type) != (None,) * 4:
        replication.require_primary(secret)
    if request.type is not None:
        secret = replace(secret, type=request.type or None)
    if request.description is not None:
        secret = replace(secret, description=request.description)
    value = secret_value.choose(request.secret_string, request.secret_binary)
    version_id = request.client_request_token if value is not None else None
    is_repeated = value is not None and _is_repeated(call, secret, str(version_id), value)
    if request.kms_key_id is not None:
        secret = _change_key(call, secret, request.kms_key_id or None)
    if value is not None and not is_repeated:
        placeholder = call.tx.find_version(secret, str(version_id))
        stages = call.add_version(secret, str(version_id), value, None, placeholder)
        call.save_after_write(secret, str(version_id), stages)
    elif not (is_repeated and secret == call.secret):
        call.save(secret)
    return UpdateSecretResponse(arn=secret.arn, name=secret.name, version_id=version_id)


def _is_repeated(call: Call, secret: Secret, token: str, value: SecretValue) -> bool:
    """Tell whether the value was written before, under this token. Raises ResourceExistsException for another."""
    existing = call.tx.find_version(secret, token)
    if existing is None or existing.is_placeholder:
        return False
    idempotency.require_replay(token, secret.arn, stored=call.read_value(secret, existing), given=value)
    return True


def _change_key(call: Call, secret: Secret, kms_key_id: str | None) -> Secret:
    changed = replace(secret, kms_key_id=kms_key_id)
    key = call.vault.encryption_key(call.tx, kms_key_id, account_id=call.account_id, region=call.region, now=call.now)
    if secret.cross_account_primary is not None:
        kms_key.require_customer_managed(key)
    call.require_key_access(key, secret)
    # Without kms:Encrypt on the new key no version is encrypted anew (documented).
    if key_use.may_use(call.authorizer, call.principal, "kms:Encrypt", key, secret, key_use.PROBE):
        _encrypt_anew(call, secret, key, kms_key_id)
    if replication.is_replica(secret):
        _tell_primary(call, secret, kms_key_id)
    return changed


def _encrypt_anew(call: Call, secret: Secret, key: KmsKey, kms_key_id: str | None) -> None:
    for version_id in staging.reencrypted_versions(call.tx.stages(secret)):
        version = call.tx.find_version(secret, version_id)
        if version is None or version.sealed is None:
            continue
        sealed = version.sealed
        if sealed.key_arn != key.arn:
            value = call.vault.open(call.tx, secret, version_id, sealed)
            sealed = call.vault.seal(call.tx, key, secret, version_id, value)
        call.tx.put_version(secret, replace(version, sealed=sealed, kms_key_id=kms_key_id))


def _tell_primary(call: Call, replica: Secret, kms_key_id: str | None) -> None:
    """Have the primary's entry name the replica's new key; what is copied from now on is sealed with it."""
    place = replication.place_of(replication.primary_arn(replica))
    primary = call.tx.find_secret_by_arn(place.account_id, place.region, str(place.arn))
    entry = None if primary is None else call.tx.find_replica(primary.arn, replica.arn)
    if primary is not None and entry is not None:
        call.tx.put_replica(primary, replace(entry, kms_key_id=kms_key_id))


OPERATION = Operation(
    name="UpdateSecret",
    request=UpdateSecretRequest,
    response=UpdateSecretResponse,
    names_secret=lambda request: request.secret_id,
    secret_state=SecretState.USABLE,
    on_replica=OnReplica.ALLOWED,
    mutates=True,
    validate=validate,
    condition_keys=(
        "secretsmanager:Description",
        "secretsmanager:KmsKeyArn",
        "secretsmanager:KmsKeyId",
        "secretsmanager:Type",
    ),
    further_actions=None,
    creates=False,
    handler=update_secret,
    shown_request=("secret_id", "client_request_token", "description", "kms_key_id", "type"),
    shown_response=("arn", "name", "version_id"),
    errors=(
        InvalidParameterException,
        InvalidRequestException,
        LimitExceededException,
        EncryptionFailure,
        ResourceExistsException,
        ResourceNotFoundException,
        MalformedPolicyDocumentException,
        InternalServiceError,
        PreconditionNotMetException,
        DecryptionFailure,
    ),
    reads_version=lambda request: (request.client_request_token, None),
)
