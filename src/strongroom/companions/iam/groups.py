"""Groups and their members.

Rules:
- Adding a member that is one, and removing one that is none, succeed (recorded).
- A user is in at most ten groups (documented).
- A group that still has policies or members is not deleted (recorded).
- A group that is renamed keeps its unique id; both ARNs must be allowed, as for users (documented).
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from strongroom import ids
from strongroom.companions.call import CompanionCall
from strongroom.companions.iam import entities
from strongroom.companions.iam.declaration import changes, creates, everything, new_entity, reads, the_group, the_user
from strongroom.companions.iam.paging import page_of, page_of_entities
from strongroom.companions.iam.shapes import (
    ExistingUserName,
    Group,
    GroupName,
    GroupRequest,
    Marker,
    MaxItems,
    PageResponse,
    PathName,
    PathPrefix,
    User,
    UserRequest,
)
from strongroom.companions.targets import condition_keys
from strongroom.domain import iam_limits, iam_names
from strongroom.domain import identity as domain
from strongroom.domain.identity import UNIQUE_ID_PREFIXES, IdentityKind, name_key
from strongroom.operations.base import REQUIRED, Request, Response


class CreateGroupRequest(Request, kw_only=True):
    path: PathName | None = None
    group_name: GroupName = REQUIRED


class CreateGroupResponse(Response, kw_only=True):
    group: Group


class GetGroupRequest(GroupRequest, kw_only=True):
    marker: Marker | None = None
    max_items: MaxItems | None = None


class GetGroupResponse(PageResponse, kw_only=True):
    group: Group
    users: list[User]


class ListGroupsRequest(Request, kw_only=True):
    path_prefix: PathPrefix | None = None
    marker: Marker | None = None
    max_items: MaxItems | None = None


class ListGroupsForUserRequest(UserRequest, kw_only=True):
    marker: Marker | None = None
    max_items: MaxItems | None = None


class ListGroupsResponse(PageResponse, kw_only=True):
    groups: list[Group]


class UpdateGroupRequest(GroupRequest, kw_only=True):
    new_path: PathName | None = None
    new_group_name: GroupName | None = None


class MembershipRequest(GroupRequest, kw_only=True):
    user_name: ExistingUserName = REQUIRED


def create_group(call: CompanionCall, request: CreateGroupRequest) -> CreateGroupResponse:
    identities = call.tx.identities
    entities.require_name_free(call, IdentityKind.GROUP, request.group_name)
    iam_limits.require_room_for(IdentityKind.GROUP, identities.count(IdentityKind.GROUP, call.account_id))
    group = domain.Group(
        account_id=call.account_id,
        name=request.group_name,
        unique_id=ids.unique_id(call.entropy, UNIQUE_ID_PREFIXES[IdentityKind.GROUP]),
        created_at=call.now,
        path=request.path or "/",
    )
    identities.insert(group)
    return CreateGroupResponse(group=entities.shown_group(group))


def get_group(call: CompanionCall, request: GetGroupRequest) -> GetGroupResponse:
    group = entities.get_group(call, request.group_name)
    found = page_of(call, request, call.tx.identities.members(group), lambda user: name_key(user.kind, user.name))
    return GetGroupResponse(
        group=entities.shown_group(group),
        users=[entities.shown_user(user, in_full=False) for user in found.items],
        is_truncated=found.is_truncated,
        marker=found.marker,
    )


def list_groups(call: CompanionCall, request: ListGroupsRequest) -> ListGroupsResponse:
    found = page_of_entities(call, request, IdentityKind.GROUP, request.path_prefix)
    groups = [entities.shown_group(group) for group in found.items]
    return ListGroupsResponse(groups=groups, is_truncated=found.is_truncated, marker=found.marker)


def list_groups_for_user(call: CompanionCall, request: ListGroupsForUserRequest) -> ListGroupsResponse:
    user = entities.get_user(call, request.user_name)
    found = page_of(call, request, call.tx.identities.groups_of(user), lambda group: name_key(group.kind, group.name))
    groups = [entities.shown_group(group) for group in found.items]
    return ListGroupsResponse(groups=groups, is_truncated=found.is_truncated, marker=found.marker)


def update_group(call: CompanionCall, request: UpdateGroupRequest) -> None:
    group = entities.get_group(call, request.group_name)
    changed = replace(group, name=request.new_group_name or group.name, path=request.new_path or group.path)
    if changed == group:
        return
    keys = partial(condition_keys, "iam:UpdateGroup", request, group)
    call.authorizer.require("iam:UpdateGroup", changed.arn, as_sent=f"group {changed.name}", keys=keys)
    entities.require_name_free(call, IdentityKind.GROUP, changed.name, but=group)
    call.tx.identities.put(changed)


def delete_group(call: CompanionCall, request: GroupRequest) -> None:
    identities = call.tx.identities
    group = entities.get_group(call, request.group_name)
    if identities.attachments(group):
        raise iam_names.must_first(iam_names.DETACH_POLICIES)
    if identities.inline_policies(group):
        raise iam_names.must_first(iam_names.DELETE_POLICIES)
    if identities.members(group):
        raise iam_names.must_first(iam_names.REMOVE_USERS)
    identities.delete(group)


def add_user_to_group(call: CompanionCall, request: MembershipRequest) -> None:
    group, user = entities.get_group(call, request.group_name), entities.get_user(call, request.user_name)
    present = call.tx.identities.groups_of(user)
    if group not in present:
        iam_limits.require_room_for_group(len(present))
        call.tx.identities.add_member(group, user)


def remove_user_from_group(call: CompanionCall, request: MembershipRequest) -> None:
    group, user = entities.get_group(call, request.group_name), entities.get_user(call, request.user_name)
    call.tx.identities.remove_member(group, user)


OPERATIONS = (
    creates(
        "CreateGroup",
        CreateGroupRequest,
        create_group,
        resource=new_entity(IdentityKind.GROUP, "group_name"),
        result=CreateGroupResponse,
    ),
    reads("GetGroup", GetGroupRequest, GetGroupResponse, get_group, resource=the_group),
    reads("ListGroups", ListGroupsRequest, ListGroupsResponse, list_groups, resource=everything),
    reads("ListGroupsForUser", ListGroupsForUserRequest, ListGroupsResponse, list_groups_for_user, resource=the_user),
    changes("UpdateGroup", UpdateGroupRequest, update_group, resource=the_group),
    changes("DeleteGroup", GroupRequest, delete_group, resource=the_group),
    changes("AddUserToGroup", MembershipRequest, add_user_to_group, resource=the_group),
    changes("RemoveUserFromGroup", MembershipRequest, remove_user_from_group, resource=the_group),
)
