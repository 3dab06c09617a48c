"""DeleteResourcePolicy: detaches the resource policy `default`; without one it succeeds all the same."""

from __future__ import annotations

import msgspec

from strongroom.domain import resource_policies
from strongroom.errors import (
    InternalServiceError,
    InvalidParameterException,
    InvalidRequestException,
    ResourceNotFoundException,
)
from strongroom.operations.base import REQUIRED, OnReplica, Operation, Request, Response, SecretState
from strongroom.operations.call import Call
from strongroom.operations.shapes import PolicyName, SecretId


class DeleteResourcePolicyRequest(Request, kw_only=True):
    secret_id: SecretId = REQUIRED
    policy_name: PolicyName | None = None


class DeleteResourcePolicyResponse(Response, kw_only=True):
    arn: str | None = msgspec.field(name="ARN", default=None)
    name: str | None = None
    policy_name: str | None = None


def validate(request: DeleteResourcePolicyRequest) -> None:
    resource_policies.require_writable(request.policy_name)


def delete_resource_policy(call: Call, _: DeleteResourcePolicyRequest) -> DeleteResourcePolicyResponse:
    secret = call.secret
    if resource_policies.DEFAULT in call.tx.policies(secret):
        call.tx.delete_policy(secret, resource_policies.DEFAULT)
        call.save(secret)
    return DeleteResourcePolicyResponse(arn=secret.arn, name=secret.name, policy_name=resource_policies.DEFAULT)


OPERATION = Operation(
    name="DeleteResourcePolicy",
    request=DeleteResourcePolicyRequest,
    response=DeleteResourcePolicyResponse,
    names_secret=lambda request: request.secret_id,
    secret_state=SecretState.USABLE,
    on_replica=OnReplica.OWN_LIFE,
    mutates=True,
    validate=validate,
    condition_keys=(),
    further_actions=None,
    creates=False,
    handler=delete_resource_policy,
    shown_request=("secret_id", "policy_name"),
    shown_response=("arn", "name", "policy_name"),
    errors=(ResourceNotFoundException, InternalServiceError, InvalidRequestException, InvalidParameterException),
)
