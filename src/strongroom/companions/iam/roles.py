"""Roles and their trust policies.

Rules:
- A trust policy names principals that exist; it means the users and roles that have the ARNs now. It is shown
  with the ARN such a principal has today, and with its unique id once it is gone (recorded).
- CreateRole does not tell how long sessions may last nor when the role was last used; only GetRole tells the
  latter, and the lists leave out boundary and tags (recorded). When a role was last used is not kept here.
- A role that still has policies is not deleted (recorded); its sessions end with it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from msgspec import structs

from strongroom import ids, principals
from strongroom.companions.call import CompanionCall
from strongroom.companions.iam import entities
from strongroom.companions.iam.declaration import changes, creates, everything, new_entity, reads, the_role
from strongroom.companions.iam.paging import page_of_entities
from strongroom.companions.iam.shapes import (
    Arn,
    Document,
    Marker,
    MaxItems,
    PageResponse,
    PathName,
    PathPrefix,
    Role,
    RoleDescription,
    RoleLastUsed,
    RoleName,
    RoleRequest,
    SessionSeconds,
    Tags,
    domain_tags,
)
from strongroom.domain import iam_limits, iam_names, iam_tags
from strongroom.domain import identity as domain
from strongroom.domain.identity import UNIQUE_ID_PREFIXES, IdentityKind
from strongroom.operations.base import REQUIRED, Request, Response
from strongroom.policy.document import PolicyKind, parse_policy, policy_size, principals_of
from strongroom.storage.base import Transaction


class CreateRoleRequest(Request, kw_only=True):
    path: PathName | None = None
    role_name: RoleName = REQUIRED
    assume_role_policy_document: Document = REQUIRED
    description: RoleDescription | None = None
    max_session_duration: SessionSeconds | None = None
    permissions_boundary: Arn | None = None
    tags: Tags | None = None


class RoleResponse(Response, kw_only=True):
    role: Role


class UpdateRoleResponse(Response, kw_only=True):
    """Nothing: the model has an empty structure."""


class ListRolesRequest(Request, kw_only=True):
    path_prefix: PathPrefix | None = None
    marker: Marker | None = None
    max_items: MaxItems | None = None


class ListRolesResponse(PageResponse, kw_only=True):
    roles: list[Role]


class UpdateRoleRequest(RoleRequest, kw_only=True):
    description: RoleDescription | None = None
    max_session_duration: SessionSeconds | None = None


class UpdateRoleDescriptionRequest(RoleRequest, kw_only=True):
    description: RoleDescription = REQUIRED


class UpdateTrustRequest(RoleRequest, kw_only=True):
    policy_document: Document = REQUIRED


def create_role(call: CompanionCall, request: CreateRoleRequest) -> RoleResponse:
    identities = call.tx.identities
    tags = iam_tags.merge(IdentityKind.ROLE, (), domain_tags(request.tags))
    trusted = _whom_it_trusts(call.tx, request.assume_role_policy_document)
    if request.permissions_boundary is not None:
        entities.require_boundary(call, request.permissions_boundary)
    entities.require_name_free(call, IdentityKind.ROLE, request.role_name)
    iam_limits.require_room_for(IdentityKind.ROLE, identities.count(IdentityKind.ROLE, call.account_id))
    role = domain.Role(
        account_id=call.account_id,
        name=request.role_name,
        unique_id=ids.unique_id(call.entropy, UNIQUE_ID_PREFIXES[IdentityKind.ROLE]),
        created_at=call.now,
        path=request.path or "/",
        tags=tags,
        trust_policy=request.assume_role_policy_document,
        trusted_ids=trusted,
        description=request.description,
        max_session_seconds=request.max_session_duration or domain.DEFAULT_SESSION_SECONDS,
        boundary_arn=request.permissions_boundary,
    )
    identities.insert(role)
    return RoleResponse(role=structs.replace(shown_role(call.tx, role), max_session_duration=None))


def get_role(call: CompanionCall, request: RoleRequest) -> RoleResponse:
    role = shown_role(call.tx, entities.get_role(call, request.role_name))
    return RoleResponse(role=structs.replace(role, role_last_used=RoleLastUsed()))


def list_roles(call: CompanionCall, request: ListRolesRequest) -> ListRolesResponse:
    found = page_of_entities(call, request, IdentityKind.ROLE, request.path_prefix)
    roles = [structs.replace(shown_role(call.tx, role), permissions_boundary=None, tags=None) for role in found.items]
    return ListRolesResponse(roles=roles, is_truncated=found.is_truncated, marker=found.marker)


def update_role(call: CompanionCall, request: UpdateRoleRequest) -> UpdateRoleResponse:
    role = entities.get_role(call, request.role_name)
    description = role.description if request.description is None else request.description
    seconds = request.max_session_duration or role.max_session_seconds
    call.tx.identities.put(replace(role, description=description, max_session_seconds=seconds))
    return UpdateRoleResponse()


def update_role_description(call: CompanionCall, request: UpdateRoleDescriptionRequest) -> RoleResponse:
    role = replace(entities.get_role(call, request.role_name), description=request.description)
    call.tx.identities.put(role)
    return RoleResponse(role=shown_role(call.tx, role))


def update_assume_role_policy(call: CompanionCall, request: UpdateTrustRequest) -> None:
    role = entities.get_role(call, request.role_name)
    trusted = _whom_it_trusts(call.tx, request.policy_document)
    call.tx.identities.put(replace(role, trust_policy=request.policy_document, trusted_ids=trusted))


def delete_role(call: CompanionCall, request: RoleRequest) -> None:
    identities = call.tx.identities
    role = entities.get_role(call, request.role_name)
    if identities.attachments(role):
        raise iam_names.must_first(iam_names.DETACH_POLICIES)
    if identities.inline_policies(role):
        raise iam_names.must_first(iam_names.DELETE_POLICIES)
    identities.delete(role)


def _whom_it_trusts(tx: Transaction, document: str) -> tuple[tuple[str, str], ...]:
    """Return whom a trust policy's ARNs mean. Raises MalformedPolicyDocument or LimitExceeded."""
    policy = parse_policy(document, kind=PolicyKind.TRUST, exists=partial(principals.exists, tx))
    iam_limits.require_trust_size(policy_size(document))
    return principals.meant(tx, principals_of(policy))


def shown_role(tx: Transaction, role: domain.Role) -> Role:
    return Role(
        path=role.path,
        role_name=role.name,
        role_id=role.unique_id,
        arn=role.arn,
        create_date=role.created_at,
        assume_role_policy_document=entities.encoded(shown_trust_policy(tx, role)),
        description=role.description,
        max_session_duration=role.max_session_seconds,
        permissions_boundary=entities.shown_boundary(role),
        tags=entities.shown_tags(role.tags),
    )


def shown_trust_policy(tx: Transaction, role: domain.Role) -> str:
    """Return the trust policy as it is shown; as it was written while all of its principals have their ARNs."""
    names = {}
    for arn, unique_id in role.trusted_ids:
        found = tx.identities.find_by_id(unique_id)
        if found is None or found.arn != arn:
            names[arn] = unique_id if found is None else found.arn
    if not names:
        return role.trust_policy
    document = json.loads(role.trust_policy)
    statements = document["Statement"]
    for statement in statements if isinstance(statements, list) else [statements]:
        principal = statement["Principal"]
        if isinstance(principal, dict) and "AWS" in principal:
            principal["AWS"] = _renamed(principal["AWS"], names)
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False)


def _renamed(named: Any, names: Mapping[str, str]) -> Any:
    if isinstance(named, list):
        return [names.get(each, each) for each in named]
    return names.get(named, named)


OPERATIONS = (
    creates(
        "CreateRole",
        CreateRoleRequest,
        create_role,
        resource=new_entity(IdentityKind.ROLE, "role_name"),
        result=RoleResponse,
    ),
    reads("GetRole", RoleRequest, RoleResponse, get_role, resource=the_role),
    reads("ListRoles", ListRolesRequest, ListRolesResponse, list_roles, resource=everything),
    changes("UpdateRole", UpdateRoleRequest, update_role, resource=the_role, result=UpdateRoleResponse),
    changes(
        "UpdateRoleDescription",
        UpdateRoleDescriptionRequest,
        update_role_description,
        resource=the_role,
        result=RoleResponse,
    ),
    changes("UpdateAssumeRolePolicy", UpdateTrustRequest, update_assume_role_policy, resource=the_role),
    changes("DeleteRole", RoleRequest, delete_role, resource=the_role),
)
