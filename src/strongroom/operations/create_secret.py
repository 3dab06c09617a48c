"""CreateSecret: a new secret, with or without a first value.

A repetition with the same token and value succeeds again; a name in use or waiting for its purge is
refused. Without a value the secret has no version at all.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import msgspec

from strongroom.domain import deletion, idempotency, identifiers, kms_key, replication, secret_value, tags
from strongroom.domain.resource_policies import StoredPolicy
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
from strongroom.operations.base import (
    REQUIRED,
    OnReplica,
    Operation,
    Request,
    Response,
    SecretState,
    limits,
)
from strongroom.operations.call import Call
from strongroom.operations.replicate_secret_to_regions import add_replicas, require_regions
from strongroom.operations.shapes import (
    ClientRequestToken,
    Description,
    KmsKeyId,
    ReplicaRegion,
    ReplicationStatus,
    SecretBinary,
    SecretString,
    Tag,
    domain_tags,
    replication_status,
)


class CreateSecretRequest(Request, kw_only=True):
    name: Annotated[str, limits(1, identifiers.MAX_NAME_LENGTH)] = REQUIRED
    client_request_token: ClientRequestToken | None = None
    description: Description | None = None
    kms_key_id: KmsKeyId | None = None
    secret_binary: SecretBinary | None = None
    secret_string: SecretString | None = None
    tags: list[Tag] | None = None
    add_replica_regions: Annotated[list[ReplicaRegion], limits(1)] | None = None
    force_overwrite_replica_secret: bool | None = None
    type: Annotated[str, limits(0, 256)] | None = None
    cross_account_primary_arn: Annotated[str, limits(20, 2_048)] | None = msgspec.field(
        name="CrossAccountPrimaryARN", default=None
    )


class CreateSecretResponse(Response, kw_only=True):
    arn: str | None = msgspec.field(name="ARN", default=None)
    name: str | None = None
    version_id: str | None = None
    replication_status: list[ReplicationStatus] | None = None


def validate(request: CreateSecretRequest) -> None:
    idempotency.require_sound_write(request.client_request_token, request.secret_string, request.secret_binary)
    tags.require_well_formed(domain_tags(request.tags or ()))
    if request.cross_account_primary_arn is not None:
        _require_bare(request)


def _require_bare(request: CreateSecretRequest) -> None:
    """Refuse a cross-account replica that brings what it is to get from its primary (documented; the text ours)."""
    for member, value in (
        ("SecretString", request.secret_string),
        ("SecretBinary", request.secret_binary),
        ("Description", request.description or None),
        ("AddReplicaRegions", request.add_replica_regions),
        ("Type", request.type or None),
    ):
        if value is not None:
            raise InvalidParameterException(f"You can't specify {member} together with CrossAccountPrimaryARN.")
    if not request.kms_key_id:
        raise kms_key.customer_key_needed()


def further_actions(request: CreateSecretRequest) -> Iterator[str]:
    """Yield what the parts of a new secret need beside CreateSecret (documented; recorded for tags)."""
    if request.tags:
        yield "secretsmanager:TagResource"
    if request.add_replica_regions:
        yield "secretsmanager:ReplicateSecretToRegions"
    if request.cross_account_primary_arn is not None:
        yield "secretsmanager:PutResourcePolicy"


def create_secret(call: Call, request: CreateSecretRequest) -> CreateSecretResponse:
    value = secret_value.choose(request.secret_string, request.secret_binary)
    require_regions(call, request.add_replica_regions or (), own=call.region)
    if call.found is not None:
        return _repeat(call, call.found, request, value)
    secret = Secret(
        account_id=call.account_id,
        region=call.region,
        arn=call.arn,
        name=request.name,
        created_at=call.now,
        last_changed_at=call.now,
        description=request.description or "",
        kms_key_id=request.kms_key_id or None,
        tags=tags.merge(None, domain_tags(request.tags or ()), most=call.quotas.tags_per_secret),
        type=request.type or None,
        cross_account_primary=request.cross_account_primary_arn,
    )
    call.room.require(call.tx, call.account_id, call.region, call.quotas)
    _check_key(call, secret)
    call.tx.insert_secret(secret)
    if secret.cross_account_primary is not None:
        call.tx.put_policy(secret, replication.MANAGED_POLICY, StoredPolicy(replication.managed_policy(secret)))
    version_id = None
    if value is not None:
        version_id = idempotency.require_token(request.client_request_token)
        call.add_first_version(secret, version_id, value)
    status = None
    if request.add_replica_regions is not None:
        overwrite = bool(request.force_overwrite_replica_secret)
        add_replicas(call, secret, request.add_replica_regions, overwrite=overwrite)
        status = replication_status(call.tx, secret, call.tx.list_replicas(secret))
    return CreateSecretResponse(
        arn=secret.arn,
        name=secret.name,
        version_id=version_id,
        replication_status=status,
    )


def _check_key(call: Call, secret: Secret) -> None:
    """Refuse a key that cannot be used, and a cross-account replica without a key of its account's own."""
    if secret.cross_account_primary is not None:
        replication.require_cross_account_primary(
            secret.cross_account_primary, account_id=call.account_id, region=call.region
        )
    if secret.kms_key_id is not None:
        key = call.vault.encryption_key(
            call.tx, secret.kms_key_id, account_id=call.account_id, region=call.region, now=call.now
        )
        if secret.cross_account_primary is not None:
            kms_key.require_customer_managed(key)
        call.require_key_access(key, secret)


def _repeat(
    call: Call, secret: Secret, request: CreateSecretRequest, value: SecretValue | None
) -> CreateSecretResponse:
    if deletion.is_scheduled(secret):
        raise deletion.name_is_scheduled()
    token = request.client_request_token
    version = None if token is None else call.tx.find_version(secret, token)
    if token is None or version is None:
        raise idempotency.name_taken(secret.name)
    idempotency.require_replay(token, secret.arn, stored=call.read_value(secret, version), given=value)
    return CreateSecretResponse(
        arn=secret.arn,
        name=secret.name,
        version_id=token,
        replication_status=replication_status(call.tx, secret, call.tx.list_replicas(secret)),
    )


OPERATION = Operation(
    name="CreateSecret",
    request=CreateSecretRequest,
    response=CreateSecretResponse,
    names_secret=lambda request: identifiers.require_valid_name(request.name),  # a Name is never read as an ARN
    secret_state=SecretState.MAYBE,
    on_replica=OnReplica.ALLOWED,
    mutates=True,
    validate=validate,
    condition_keys=(
        "secretsmanager:Name",
        "secretsmanager:Description",
        "secretsmanager:KmsKeyArn",
        "secretsmanager:KmsKeyId",
        "secretsmanager:AddReplicaRegions",
        "secretsmanager:ForceOverwriteReplicaSecret",
        "secretsmanager:Type",
        "aws:RequestTag",
        "aws:TagKeys",
    ),
    further_actions=further_actions,
    creates=True,
    handler=create_secret,
    shown_request=(
        "name",
        "client_request_token",
        "description",
        "kms_key_id",
        "tags",
        "add_replica_regions",
        "force_overwrite_replica_secret",
        "type",
        "cross_account_primary_arn",
    ),
    shown_response=("arn", "name", "version_id", "replication_status"),
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
