"""PutResourcePolicy: attaches the resource policy `default`, replacing the one there was. Stored byte for byte."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import msgspec

from strongroom import principals
from strongroom.domain import resource_policies
from strongroom.domain.resource_policies import StoredPolicy
from strongroom.errors import (
    InternalServiceError,
    InvalidParameterException,
    InvalidRequestException,
    MalformedPolicyDocumentException,
    PublicPolicyException,
    ResourceNotFoundException,
)
from strongroom.operations.base import REQUIRED, OnReplica, Operation, Request, Response, SecretState, limits
from strongroom.operations.call import Call
from strongroom.operations.shapes import PolicyName, ResourcePolicy, SecretId
from strongroom.policy.document import PolicyKind, parse_policy, principals_of
from strongroom.policy.public_access import require_not_public


class PutResourcePolicyRequest(Request, kw_only=True):
    secret_id: SecretId = REQUIRED
    resource_policy: ResourcePolicy = REQUIRED
    policy_name: PolicyName | None = None
    block_public_policy: bool | None = None


class PutResourcePolicyResponse(Response, kw_only=True):
    arn: str | None = msgspec.field(name="ARN", default=None)
    name: str | None = None
    policy_name: Annotated[str, limits(1, 64)] | None = None


def validate(request: PutResourcePolicyRequest) -> None:
    resource_policies.require_writable(request.policy_name)
    policy = parse_policy(request.resource_policy, kind=PolicyKind.RESOURCE)
    if request.block_public_policy:
        require_not_public(policy)


def put_resource_policy(call: Call, request: PutResourcePolicyRequest) -> PutResourcePolicyResponse:
    text = request.resource_policy
    policy = parse_policy(text, kind=PolicyKind.RESOURCE, exists=partial(principals.exists, call.tx))
    stored = StoredPolicy(text, principals.meant(call.tx, principals_of(policy)))
    call.tx.put_policy(call.secret, resource_policies.DEFAULT, stored)
    secret = call.save(call.secret)
    return PutResourcePolicyResponse(arn=secret.arn, name=secret.name, policy_name=resource_policies.DEFAULT)


OPERATION = Operation(
    name="PutResourcePolicy",
    request=PutResourcePolicyRequest,
    response=PutResourcePolicyResponse,
    names_secret=lambda request: request.secret_id,
    secret_state=SecretState.USABLE,
    on_replica=OnReplica.OWN_LIFE,
    mutates=True,
    validate=validate,
    condition_keys=("secretsmanager:BlockPublicPolicy",),
    further_actions=None,
    creates=False,
    handler=put_resource_policy,
    shown_request=("secret_id", "resource_policy", "policy_name", "block_public_policy"),
    shown_response=("arn", "name", "policy_name"),
    errors=(
        MalformedPolicyDocumentException,
        ResourceNotFoundException,
        InvalidParameterException,
        InternalServiceError,
        InvalidRequestException,
        PublicPolicyException,
    ),
)
