"""Users: created, found, renamed, deleted.

Rules:
- Without a name GetUser tells of the caller, which may be the root of the account (documented).
- A user that is renamed keeps its unique id, keys, groups and policies; whoever renames it must be allowed to do
  so to the old and to the new ARN (documented).
- A user that still has policies, keys or groups is not deleted (documented; the sentences are recorded, the
  order of the checks is not).
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from strongroom import ids
from strongroom.companions.call import CompanionCall
from strongroom.companions.iam import entities
from strongroom.companions.iam.declaration import changes, creates, everything, new_entity, reads, the_user
from strongroom.companions.iam.paging import page_of_entities
from strongroom.companions.iam.shapes import (
    Arn,
    ExistingUserName,
    Marker,
    MaxItems,
    PageResponse,
    PathName,
    PathPrefix,
    Tags,
    User,
    UserName,
    UserRequest,
    domain_tags,
)
from strongroom.companions.targets import condition_keys
from strongroom.domain import iam_limits, iam_names, iam_tags
from strongroom.domain import identity as domain
from strongroom.domain.identity import UNIQUE_ID_PREFIXES, IdentityKind
from strongroom.domain.principal import root_arn
from strongroom.operations.base import REQUIRED, Request, Response


class CreateUserRequest(Request, kw_only=True):
    path: PathName | None = None
    user_name: UserName = REQUIRED
    permissions_boundary: Arn | None = None
    tags: Tags | None = None


class GetUserRequest(Request, kw_only=True):
    user_name: ExistingUserName | None = None


class UserResponse(Response, kw_only=True):
    user: User


class ListUsersRequest(Request, kw_only=True):
    path_prefix: PathPrefix | None = None
    marker: Marker | None = None
    max_items: MaxItems | None = None


class ListUsersResponse(PageResponse, kw_only=True):
    users: list[User]


class UpdateUserRequest(UserRequest, kw_only=True):
    new_path: PathName | None = None
    new_user_name: UserName | None = None


def create_user(call: CompanionCall, request: CreateUserRequest) -> UserResponse:
    identities = call.tx.identities
    tags = iam_tags.merge(IdentityKind.USER, (), domain_tags(request.tags))
    if request.permissions_boundary is not None:
        entities.require_boundary(call, request.permissions_boundary)
    entities.require_name_free(call, IdentityKind.USER, request.user_name)
    iam_limits.require_room_for(IdentityKind.USER, identities.count(IdentityKind.USER, call.account_id))
    user = domain.User(
        account_id=call.account_id,
        name=request.user_name,
        unique_id=ids.unique_id(call.entropy, UNIQUE_ID_PREFIXES[IdentityKind.USER]),
        created_at=call.now,
        path=request.path or "/",
        tags=tags,
        boundary_arn=request.permissions_boundary,
    )
    identities.insert(user)
    return UserResponse(user=entities.shown_user(user))


def get_user(call: CompanionCall, request: GetUserRequest) -> UserResponse:
    name = request.user_name or entities.caller_name(call)
    if name is None:
        return UserResponse(user=User(user_id=call.account_id, arn=root_arn(call.account_id)))
    return UserResponse(user=entities.shown_user(entities.get_user(call, name)))


def list_users(call: CompanionCall, request: ListUsersRequest) -> ListUsersResponse:
    found = page_of_entities(call, request, IdentityKind.USER, request.path_prefix)
    users = [entities.shown_user(user, in_full=False) for user in found.items]
    return ListUsersResponse(users=users, is_truncated=found.is_truncated, marker=found.marker)


def update_user(call: CompanionCall, request: UpdateUserRequest) -> None:
    user = entities.get_user(call, request.user_name)
    changed = replace(user, name=request.new_user_name or user.name, path=request.new_path or user.path)
    if changed == user:
        return
    keys = partial(condition_keys, "iam:UpdateUser", request, user)
    call.authorizer.require("iam:UpdateUser", changed.arn, as_sent=f"user {changed.name}", keys=keys)
    entities.require_name_free(call, IdentityKind.USER, changed.name, but=user)
    call.tx.identities.put(changed)
    call.tx.identities.rename_principal(user.unique_id, changed.arn)


def delete_user(call: CompanionCall, request: UserRequest) -> None:
    identities = call.tx.identities
    user = entities.get_user(call, request.user_name)
    if identities.attachments(user):
        raise iam_names.must_first(iam_names.DETACH_POLICIES)
    if identities.inline_policies(user):
        raise iam_names.must_first(iam_names.DELETE_POLICIES)
    if identities.access_keys_of(user.unique_id):
        raise iam_names.must_first("delete access keys")
    if identities.groups_of(user):
        raise iam_names.must_first(iam_names.REMOVE_USERS)
    identities.delete(user)


OPERATIONS = (
    creates(
        "CreateUser",
        CreateUserRequest,
        create_user,
        resource=new_entity(IdentityKind.USER, "user_name"),
        result=UserResponse,
    ),
    reads("GetUser", GetUserRequest, UserResponse, get_user, resource=the_user),
    reads("ListUsers", ListUsersRequest, ListUsersResponse, list_users, resource=everything),
    changes("UpdateUser", UpdateUserRequest, update_user, resource=the_user),
    changes("DeleteUser", UserRequest, delete_user, resource=the_user),
)
