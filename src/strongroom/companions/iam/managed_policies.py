"""Managed policies: those of the account, and those that AWS manages, which are read and attached only.

Rules:
- What a policy is used for is counted in the caller's account.
- Description and tags are told of one policy, not in lists (documented). CreatePolicy tells no description.
- A policy that is attached, or a boundary, or has more than its default version, is not deleted (recorded).
- The account's policies are listed before those of AWS, both in the order of their names (inferred).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from strongroom import ids
from strongroom.companions.call import CompanionCall
from strongroom.companions.iam import entities, shapes
from strongroom.companions.iam.declaration import changes, creates, everything, new_entity, reads, the_policy
from strongroom.companions.iam.paging import Place, named_entities, page, page_of
from strongroom.companions.iam.shapes import EntityFilter, PolicyScope, PolicyUsage
from strongroom.domain import aws_managed_policies, iam_limits, iam_names, iam_tags
from strongroom.domain import identity as domain
from strongroom.domain.identity import UNIQUE_ID_PREFIXES, IdentityKind, PolicyVersion, name_key
from strongroom.errors import DeleteConflict
from strongroom.operations.base import REQUIRED, Request, Response, Shape, limits
from strongroom.policy.document import PolicyKind, parse_policy, policy_size


class CreatePolicyRequest(Request, kw_only=True):
    policy_name: shapes.PolicyName = REQUIRED
    path: shapes.PolicyPath | None = None
    policy_document: shapes.Document = REQUIRED
    description: shapes.PolicyDescription | None = None
    tags: shapes.Tags | None = None


class PolicyResponse(Response, kw_only=True):
    policy: shapes.Policy


class ListPoliciesRequest(Request, kw_only=True):
    scope: Annotated[str, limits(enum=PolicyScope)] | None = None
    only_attached: bool | None = None
    path_prefix: shapes.PolicyPath | None = None
    policy_usage_filter: shapes.Usage | None = None
    marker: shapes.Marker | None = None
    max_items: shapes.MaxItems | None = None


class ListPoliciesResponse(shapes.PageResponse, kw_only=True):
    policies: list[shapes.Policy]


class ListEntitiesRequest(shapes.PolicyRequest, kw_only=True):
    entity_filter: shapes.Entity | None = None
    path_prefix: shapes.PathName | None = None
    policy_usage_filter: shapes.Usage | None = None
    marker: shapes.Marker | None = None
    max_items: shapes.MaxItems | None = None


class PolicyGroup(Shape, kw_only=True):
    group_name: str
    group_id: str


class PolicyUser(Shape, kw_only=True):
    user_name: str
    user_id: str


class PolicyRole(Shape, kw_only=True):
    role_name: str
    role_id: str


class ListEntitiesResponse(shapes.PageResponse, kw_only=True):
    policy_groups: list[PolicyGroup]
    policy_users: list[PolicyUser]
    policy_roles: list[PolicyRole]


_FILTERED = {
    EntityFilter.USER: IdentityKind.USER,
    EntityFilter.ROLE: IdentityKind.ROLE,
    EntityFilter.GROUP: IdentityKind.GROUP,
}


def create_policy(call: CompanionCall, request: CreatePolicyRequest) -> PolicyResponse:
    identities = call.tx.identities
    tags = iam_tags.merge(IdentityKind.POLICY, (), shapes.domain_tags(request.tags))
    parse_policy(request.policy_document, kind=PolicyKind.IDENTITY)
    iam_limits.require_managed_size(policy_size(request.policy_document))
    entities.require_name_free(call, IdentityKind.POLICY, request.policy_name)
    iam_limits.require_room_for(IdentityKind.POLICY, identities.count(IdentityKind.POLICY, call.account_id))
    policy = domain.ManagedPolicy(
        account_id=call.account_id,
        name=request.policy_name,
        unique_id=ids.unique_id(call.entropy, UNIQUE_ID_PREFIXES[IdentityKind.POLICY]),
        created_at=call.now,
        path=request.path or "/",
        tags=tags,
        updated_at=call.now,
        description=request.description,
    )
    identities.insert(policy)
    identities.insert_policy_version(policy, PolicyVersion(1, request.policy_document, call.now, is_default=True))
    shown = entities.shown_policy(call, policy)
    shown.tags = entities.shown_tags(policy.tags)
    return PolicyResponse(policy=shown)


def get_policy(call: CompanionCall, request: shapes.PolicyRequest) -> PolicyResponse:
    policy = entities.get_policy(call, request.policy_arn)
    return PolicyResponse(policy=entities.shown_policy(call, policy, in_full=True))


def list_policies(call: CompanionCall, request: ListPoliciesRequest) -> ListPoliciesResponse:
    found = page(
        call,
        request,
        lambda after: _listed(call, request, after),
        lambda policy: ["aws" if iam_names.is_aws_managed(policy.arn) else "", name_key(policy.kind, policy.name)],
    )
    policies = [entities.shown_policy(call, policy) for policy in found.items]
    return ListPoliciesResponse(policies=policies, is_truncated=found.is_truncated, marker=found.marker)


def _listed(call: CompanionCall, request: ListPoliciesRequest, after: Place) -> Iterator[domain.ManagedPolicy]:
    owner, name = after or ("", "")
    if owner == "" and request.scope != PolicyScope.AWS:
        for policy in named_entities(call, IdentityKind.POLICY, request.path_prefix, name):
            if _is_wanted(call, request, policy):
                yield policy
    if request.scope == PolicyScope.LOCAL:
        return
    for policy in aws_managed_policies.all_policies():
        is_after = owner == "" or name_key(policy.kind, policy.name) > name
        if is_after and policy.path.startswith(request.path_prefix or "/") and _is_wanted(call, request, policy):
            yield policy


def _is_wanted(call: CompanionCall, request: ListPoliciesRequest, policy: domain.ManagedPolicy) -> bool:
    identities, usage = call.tx.identities, request.policy_usage_filter
    is_boundary = usage != PolicyUsage.PERMISSIONS and bool(identities.bounded_by(call.account_id, policy.arn))
    is_attached = usage != PolicyUsage.BOUNDARY and bool(identities.holders_of(call.account_id, policy.arn))
    return is_boundary or is_attached or not (request.only_attached or usage)


def delete_policy(call: CompanionCall, request: shapes.PolicyRequest) -> None:
    identities = call.tx.identities
    policy = entities.get_own_policy(call, request.policy_arn, "iam:DeletePolicy")
    if identities.holders_of(call.account_id, policy.arn) or identities.bounded_by(call.account_id, policy.arn):
        raise DeleteConflict("Cannot delete a policy attached to entities.")
    [*others, last] = identities.policy_versions(policy.arn)
    if others:
        raise DeleteConflict(
            "This policy has more than one version. Before you delete a policy, you must delete the policy's versions. "
            "The default version is deleted with the policy."
        )
    identities.delete_policy_version(policy.arn, last.number)
    identities.delete(policy)


def list_entities_for_policy(call: CompanionCall, request: ListEntitiesRequest) -> ListEntitiesResponse:
    policy = entities.get_policy(call, request.policy_arn)
    found = page_of(
        call,
        request,
        list(_users_of(call, request, policy)),
        lambda holder: f"{holder.kind.value} {name_key(holder.kind, holder.name)}",
    )
    return ListEntitiesResponse(
        policy_groups=[PolicyGroup(group_name=e.name, group_id=e.unique_id) for e in _of(found.items, domain.Group)],
        policy_users=[PolicyUser(user_name=e.name, user_id=e.unique_id) for e in _of(found.items, domain.User)],
        policy_roles=[PolicyRole(role_name=e.name, role_id=e.unique_id) for e in _of(found.items, domain.Role)],
        is_truncated=found.is_truncated,
        marker=found.marker,
    )


def _users_of(
    call: CompanionCall, request: ListEntitiesRequest, policy: domain.ManagedPolicy
) -> Iterator[domain.Identity]:
    """Yield each entity that uses a policy once, whether it is attached or a boundary."""
    identities, usage = call.tx.identities, request.policy_usage_filter
    holders = [] if usage == PolicyUsage.BOUNDARY else [*identities.holders_of(call.account_id, policy.arn)]
    bounded = [] if usage == PolicyUsage.PERMISSIONS else identities.bounded_by(call.account_id, policy.arn)
    kinds = IdentityKind if request.entity_filter is None else [_FILTERED.get(EntityFilter(request.entity_filter))]
    for holder in {holder.unique_id: holder for holder in (*holders, *bounded)}.values():
        if holder.kind in kinds and holder.path.startswith(request.path_prefix or "/"):
            yield holder


def _of(found: list[domain.Identity], kind: type[domain.Identity]) -> Iterator[domain.Identity]:
    return (entity for entity in found if isinstance(entity, kind))


OPERATIONS = (
    creates(
        "CreatePolicy",
        CreatePolicyRequest,
        create_policy,
        resource=new_entity(IdentityKind.POLICY, "policy_name"),
        result=PolicyResponse,
    ),
    reads("GetPolicy", shapes.PolicyRequest, PolicyResponse, get_policy, resource=the_policy),
    reads("ListPolicies", ListPoliciesRequest, ListPoliciesResponse, list_policies, resource=everything),
    changes("DeletePolicy", shapes.PolicyRequest, delete_policy, resource=the_policy),
    reads(
        "ListEntitiesForPolicy",
        ListEntitiesRequest,
        ListEntitiesResponse,
        list_entities_for_policy,
        resource=the_policy,
    ),
)
