"""GetResourcePolicy: one of a secret's resource policies, as it was stored; none is no error for `default`."""

from __future__ import annotations

from functools import partial

import msgspec

from strongroom import principals
from strongroom.domain import resource_policies
from strongroom.errors import (
    InternalServiceError,
    InvalidParameterException,
    InvalidRequestException,
    ResourceNotFoundException,
)
from strongroom.operations.base import REQUIRED, OnReplica, Operation, Request, Response, SecretState, secret_alone
from strongroom.operations.call import Call
from strongroom.operations.shapes import PolicyName, SecretId


class GetResourcePolicyRequest(Request, kw_only=True):
    secret_id: SecretId = REQUIRED
    policy_name: PolicyName | None = None


class GetResourcePolicyResponse(Response, kw_only=True):
    arn: str | None = msgspec.field(name="ARN", default=None)
    name: str | None = None
    resource_policy: str | None = None
    policy_name: str | None = None


def get_resource_policy(call: Call, request: GetResourcePolicyRequest) -> GetResourcePolicyResponse:
    name = request.policy_name or resource_policies.DEFAULT
    present = call.tx.policies(call.secret)
    resource_policies.require_known(name, present)
    return GetResourcePolicyResponse(
        arn=call.secret.arn,
        name=call.secret.name,
        resource_policy=None if name not in present else present[name].shown(partial(principals.is_there, call.tx)),
        policy_name=name if name in present else None,
    )


OPERATION = Operation(
    name="GetResourcePolicy",
    request=GetResourcePolicyRequest,
    response=GetResourcePolicyResponse,
    names_secret=lambda request: request.secret_id,
    secret_state=SecretState.USABLE,
    on_replica=OnReplica.ALLOWED,
    mutates=False,
    validate=None,
    condition_keys=(),
    further_actions=None,
    creates=False,
    handler=get_resource_policy,
    shown_request=("secret_id", "policy_name"),
    shown_response=(),
    errors=(ResourceNotFoundException, InternalServiceError, InvalidRequestException, InvalidParameterException),
    reads_version=secret_alone,
)
