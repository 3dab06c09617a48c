"""ListResourcePolicies: the names of a secret's resource policies, `default` first."""

from __future__ import annotations

from typing import Annotated, Final

from strongroom.domain import resource_policies
from strongroom.errors import (
    InternalServiceError,
    InvalidNextTokenException,
    InvalidParameterException,
    InvalidRequestException,
    ResourceNotFoundException,
)
from strongroom.operations.base import REQUIRED, OnReplica, Operation, Request, Response, SecretState, Shape, limits
from strongroom.operations.call import Call
from strongroom.operations.shapes import NextToken, SecretId

DEFAULT_PAGE: Final = 100


class ListResourcePoliciesRequest(Request, kw_only=True):
    secret_id: SecretId = REQUIRED
    max_results: Annotated[int, limits(1, 100)] | None = None
    next_token: NextToken | None = None


class ResourcePolicySummary(Shape, kw_only=True):
    policy_name: str | None = None


class ListResourcePoliciesResponse(Response, kw_only=True):
    resource_policies: list[ResourcePolicySummary] | None = None
    next_token: str | None = None


def list_resource_policies(call: Call, request: ListResourcePoliciesRequest) -> ListResourcePoliciesResponse:
    binding = ("ListResourcePolicies", call.secret.arn)
    names = resource_policies.in_listing_order(call.tx.policies(call.secret))
    if request.next_token is not None:
        after = resource_policies.listing_place(call.page_tokens.open(request.next_token, str, *binding))
        names = [name for name in names if resource_policies.listing_place(name) > after]
    wanted = request.max_results or DEFAULT_PAGE
    return ListResourcePoliciesResponse(
        resource_policies=[ResourcePolicySummary(policy_name=name) for name in names[:wanted]],
        next_token=call.page_tokens.seal(names[wanted - 1], *binding) if len(names) > wanted else None,
    )


OPERATION = Operation(
    name="ListResourcePolicies",
    request=ListResourcePoliciesRequest,
    response=ListResourcePoliciesResponse,
    names_secret=lambda request: request.secret_id,
    secret_state=SecretState.USABLE,
    on_replica=OnReplica.ALLOWED,
    mutates=False,
    validate=None,
    condition_keys=(),
    further_actions=None,
    creates=False,
    handler=list_resource_policies,
    shown_request=("secret_id", "max_results"),
    shown_response=(),
    errors=(
        ResourceNotFoundException,
        InvalidNextTokenException,
        InternalServiceError,
        InvalidRequestException,
        InvalidParameterException,
    ),
)
