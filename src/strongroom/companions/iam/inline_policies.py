"""Inline policies of users, groups and roles: the same four operations for each.

Rules:
- A policy is kept as it was written and shown percent-encoded (documented).
- All inline policies of one holder count together towards its quota (documented).
- Writing one of a name that is there replaces it (documented).
"""

from __future__ import annotations

from functools import partial
from typing import Any

from strongroom.companions.base import CompanionOperation
from strongroom.companions.call import CompanionCall
from strongroom.companions.iam import entities, shapes
from strongroom.companions.iam.declaration import Resource, changes, reads, the_group, the_role, the_user
from strongroom.companions.iam.paging import page_of
from strongroom.domain import iam_limits, iam_names
from strongroom.domain.identity import IdentityKind
from strongroom.operations.base import REQUIRED, Request, Response
from strongroom.policy.document import PolicyKind, parse_policy, policy_size


class UserPolicyRequest(shapes.UserRequest, kw_only=True):
    policy_name: shapes.PolicyName = REQUIRED


class GroupPolicyRequest(shapes.GroupRequest, kw_only=True):
    policy_name: shapes.PolicyName = REQUIRED


class RolePolicyRequest(shapes.RoleRequest, kw_only=True):
    policy_name: shapes.PolicyName = REQUIRED


class PutUserPolicyRequest(UserPolicyRequest, kw_only=True):
    policy_document: shapes.Document = REQUIRED


class PutGroupPolicyRequest(GroupPolicyRequest, kw_only=True):
    policy_document: shapes.Document = REQUIRED


class PutRolePolicyRequest(RolePolicyRequest, kw_only=True):
    policy_document: shapes.Document = REQUIRED


class ListUserPoliciesRequest(shapes.UserRequest, kw_only=True):
    marker: shapes.Marker | None = None
    max_items: shapes.MaxItems | None = None


class ListGroupPoliciesRequest(shapes.GroupRequest, kw_only=True):
    marker: shapes.Marker | None = None
    max_items: shapes.MaxItems | None = None


class ListRolePoliciesRequest(shapes.RoleRequest, kw_only=True):
    marker: shapes.Marker | None = None
    max_items: shapes.MaxItems | None = None


class UserPolicyResponse(Response, kw_only=True):
    user_name: str
    policy_name: str
    policy_document: str


class GroupPolicyResponse(Response, kw_only=True):
    group_name: str
    policy_name: str
    policy_document: str


class RolePolicyResponse(Response, kw_only=True):
    role_name: str
    policy_name: str
    policy_document: str


class ListPoliciesResponse(shapes.PageResponse, kw_only=True):
    policy_names: list[str]


def put_policy(kind: IdentityKind, call: CompanionCall, request: Any) -> None:
    holder = _holder(kind, call, request)
    parse_policy(request.policy_document, kind=PolicyKind.IDENTITY)
    documents = call.tx.identities.inline_policies(holder) | {request.policy_name: request.policy_document}
    iam_limits.require_inline_size(kind, holder.name, sum(map(policy_size, documents.values())))
    call.tx.identities.put_inline_policy(holder, request.policy_name, request.policy_document)


def get_policy(kind: IdentityKind, response: type[Response], call: CompanionCall, request: Any) -> Response:
    holder, document = _find(kind, call, request)
    members = {_member(kind): holder.name, "policy_name": request.policy_name}
    return response(**members, policy_document=entities.encoded(document))


def delete_policy(kind: IdentityKind, call: CompanionCall, request: Any) -> None:
    holder, _ = _find(kind, call, request)
    call.tx.identities.delete_inline_policy(holder, request.policy_name)


def list_policies(kind: IdentityKind, call: CompanionCall, request: Any) -> ListPoliciesResponse:
    present = call.tx.identities.inline_policies(_holder(kind, call, request))
    found = page_of(call, request, list(present), str)
    return ListPoliciesResponse(policy_names=found.items, is_truncated=found.is_truncated, marker=found.marker)


def _holder(kind: IdentityKind, call: CompanionCall, request: Any) -> Any:
    return entities.get_named(call, kind, getattr(request, _member(kind)))


def _member(kind: IdentityKind) -> str:
    return f"{kind.value}_name"


def _find(kind: IdentityKind, call: CompanionCall, request: Any) -> tuple[Any, str]:
    holder = _holder(kind, call, request)
    document = call.tx.identities.inline_policies(holder).get(request.policy_name)
    if document is None:
        raise iam_names.inline_policy_not_found(kind, request.policy_name)
    return holder, document


def _operations(
    kind: IdentityKind,
    resource: Resource,
    put_request: type[Request],
    request: type[Request],
    list_request: type[Request],
    response: type[Response],
) -> tuple[CompanionOperation[Any], ...]:
    """Return the operations about the inline policies of one kind of holder."""
    noun, listing = kind.value.title(), partial(list_policies, kind)
    return (
        changes(f"Put{noun}Policy", put_request, partial(put_policy, kind), resource=resource),
        reads(f"Get{noun}Policy", request, response, partial(get_policy, kind, response), resource=resource),
        changes(f"Delete{noun}Policy", request, partial(delete_policy, kind), resource=resource),
        reads(f"List{noun}Policies", list_request, ListPoliciesResponse, listing, resource=resource),
    )


OPERATIONS = (
    *_operations(
        IdentityKind.USER,
        the_user,
        PutUserPolicyRequest,
        UserPolicyRequest,
        ListUserPoliciesRequest,
        UserPolicyResponse,
    ),
    *_operations(
        IdentityKind.GROUP,
        the_group,
        PutGroupPolicyRequest,
        GroupPolicyRequest,
        ListGroupPoliciesRequest,
        GroupPolicyResponse,
    ),
    *_operations(
        IdentityKind.ROLE,
        the_role,
        PutRolePolicyRequest,
        RolePolicyRequest,
        ListRolePoliciesRequest,
        RolePolicyResponse,
    ),
)
