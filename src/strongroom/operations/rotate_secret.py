"""RotateSecret: configures rotation, and starts one unless told to wait for the schedule.

The rotation's version exists from the answer on, under the request's token, labelled AWSPENDING and
without a value. A function that cannot be invoked is refused and nothing is stored.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec.structs import replace

from strongroom.domain import rotation, schedule, staging
from strongroom.domain.secret import RotationSettings, Secret, Version
from strongroom.domain.staging import PENDING
from strongroom.errors import (
    InternalServiceError,
    InvalidParameterException,
    InvalidRequestException,
    ResourceNotFoundException,
)
from strongroom.operations.base import REQUIRED, OnReplica, Operation, Request, Response, SecretState, limits
from strongroom.operations.call import Call
from strongroom.operations.shapes import (
    ClientRequestToken,
    ExternalSecretRotationMetadataItem,
    RotationRules,
    SecretId,
)


class RotateSecretRequest(Request, kw_only=True):
    secret_id: SecretId = REQUIRED
    client_request_token: ClientRequestToken | None = None
    rotation_lambda_arn: Annotated[str, limits(0, 2_048)] | None = msgspec.field(name="RotationLambdaARN", default=None)
    rotation_rules: RotationRules | None = None
    external_secret_rotation_metadata: list[ExternalSecretRotationMetadataItem] | None = None
    external_secret_rotation_role_arn: Annotated[str, limits(20, 2_048)] | None = None
    rotate_immediately: bool | None = None


class RotateSecretResponse(Response, kw_only=True):
    arn: str | None = msgspec.field(name="ARN", default=None)
    name: str | None = None
    version_id: str | None = None


def validate(request: RotateSecretRequest) -> None:
    rotation.require_token(request.client_request_token)
    if request.rotation_rules is not None:
        schedule.parse_schedule(domain_rules(request.rotation_rules))


def rotate_secret(call: Call, request: RotateSecretRequest) -> RotateSecretResponse:
    token = rotation.require_token(request.client_request_token)
    secret = call.secret
    settings = _settings(call, secret, request)
    stages = call.tx.stages(secret)
    is_new = call.tx.find_version(secret, token) is None
    if request.rotate_immediately is not False:
        rotation.require_no_rotation_in_progress(stages, token)
        if is_new:
            call.require_room_for_version(secret)
            call.tx.insert_version(secret, Version(token, call.now, kms_key_id=secret.kms_key_id))
            call.put_stages(
                secret, stages, staging.attach(stages, token, [PENDING], most=call.quotas.labels_per_secret)
            )
    call.save(replace(secret, rotation=settings))
    return RotateSecretResponse(arn=secret.arn, name=secret.name, version_id=token)


def _settings(call: Call, secret: Secret, request: RotateSecretRequest) -> RotationSettings:
    """Return the settings after the request, or refuse what it asks for."""
    stored = secret.rotation or RotationSettings(enabled=False)
    function, role = request.rotation_lambda_arn, request.external_secret_rotation_role_arn
    metadata = request.external_secret_rotation_metadata
    rotation.require_fitting_members(
        secret.type, function_arn=function, role_arn=role, has_metadata=metadata is not None
    )
    if function:
        rotation.require_lambda_arn(function, account_id=call.account_id, region=call.region)
    is_external = rotation.is_external(secret.type)
    function = rotation.require_function(function, stored.lambda_arn, is_external=is_external)
    if is_external:
        role = rotation.require_role(role, stored.role_arn)
    if function is not None and not call.rotators.serves(function):
        raise rotation.not_invokable()
    rules = stored.rules if request.rotation_rules is None else domain_rules(request.rotation_rules)
    configured = replace(
        stored,
        enabled=True,
        rules=rules,
        lambda_arn=function,
        role_arn=role,
        metadata=stored.metadata
        if metadata is None
        else tuple((item.key or "", item.value or "") for item in metadata),
        configured_at=call.now,
    )
    return rotation.scheduled(configured, call.now)


def domain_rules(rules: RotationRules) -> schedule.RotationRules:
    return schedule.RotationRules(rules.automatically_after_days, rules.duration, rules.schedule_expression)


OPERATION = Operation(
    name="RotateSecret",
    request=RotateSecretRequest,
    response=RotateSecretResponse,
    names_secret=lambda request: request.secret_id,
    secret_state=SecretState.USABLE,
    on_replica=OnReplica.REFUSED,
    mutates=True,
    validate=validate,
    condition_keys=(
        "secretsmanager:RotationLambdaARN",
        "secretsmanager:ModifyRotationRules",
        "secretsmanager:RotateImmediately",
        "secretsmanager:ExternalSecretRotationRoleArn",
    ),
    further_actions=None,
    creates=False,
    handler=rotate_secret,
    shown_request=(
        "secret_id",
        "client_request_token",
        "rotation_lambda_arn",
        "rotation_rules",
        "external_secret_rotation_role_arn",
        "rotate_immediately",
    ),
    shown_response=("arn", "name", "version_id"),
    errors=(ResourceNotFoundException, InvalidParameterException, InternalServiceError, InvalidRequestException),
)
