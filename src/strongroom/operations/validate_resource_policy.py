"""ValidateResourcePolicy: what is wrong with a policy, without attaching it. Unreadable text is an error.

The caller needs permission to put policies, too (documented).
"""

from __future__ import annotations

from functools import partial
from typing import Annotated

from strongroom import principals
from strongroom.domain.principal import root_arn
from strongroom.errors import (
    InternalServiceError,
    InvalidParameterException,
    InvalidRequestException,
    MalformedPolicyDocumentException,
    ResourceNotFoundException,
)
from strongroom.operations.base import REQUIRED, OnReplica, Operation, Request, Response, SecretState, Shape, limits
from strongroom.operations.call import Call
from strongroom.operations.shapes import ResourcePolicy, SecretId
from strongroom.policy.document import PolicyKind, parse_policy
from strongroom.policy.public_access import validation_findings


class ValidateResourcePolicyRequest(Request, kw_only=True):
    secret_id: SecretId | None = None
    resource_policy: ResourcePolicy = REQUIRED


class ValidationErrorsEntry(Shape, kw_only=True):
    check_name: Annotated[str, limits(1, 512)] | None = None
    error_message: str | None = None


class ValidateResourcePolicyResponse(Response, kw_only=True):
    policy_validation_passed: bool | None = None
    validation_errors: list[ValidationErrorsEntry] | None = None


def validate(request: ValidateResourcePolicyRequest) -> None:
    parse_policy(request.resource_policy, kind=PolicyKind.RESOURCE)


def validate_resource_policy(call: Call, request: ValidateResourcePolicyRequest) -> ValidateResourcePolicyResponse:
    if call.found is not None:
        call.require_allowed("secretsmanager:PutResourcePolicy", call.found)
    findings = validation_findings(
        request.resource_policy,
        account_root=root_arn(call.account_id),
        exists=partial(principals.exists, call.tx),
        resource_arn=None if call.found is None else call.found.arn,
    )
    return ValidateResourcePolicyResponse(
        policy_validation_passed=not findings,
        validation_errors=[
            ValidationErrorsEntry(check_name=finding.check_name, error_message=finding.message) for finding in findings
        ],
    )


OPERATION = Operation(
    name="ValidateResourcePolicy",
    request=ValidateResourcePolicyRequest,
    response=ValidateResourcePolicyResponse,
    names_secret=lambda request: request.secret_id,
    secret_state=SecretState.ANY,
    on_replica=OnReplica.ALLOWED,
    mutates=False,
    validate=validate,
    condition_keys=(),
    further_actions=None,
    creates=False,
    handler=validate_resource_policy,
    shown_request=("secret_id", "resource_policy"),
    shown_response=(),
    errors=(
        MalformedPolicyDocumentException,
        ResourceNotFoundException,
        InvalidParameterException,
        InternalServiceError,
        InvalidRequestException,
    ),
)
