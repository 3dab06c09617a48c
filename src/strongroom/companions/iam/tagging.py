"""Tags of users, roles, managed policies and identity providers.

The rules are in `domain.iam_tags`. Tags are listed in the order of their keys (documented).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeAlias

from strongroom.companions.base import CompanionOperation
from strongroom.companions.call import CompanionCall
from strongroom.companions.iam import entities, shapes
from strongroom.companions.iam.declaration import Resource, changes, reads, the_policy, the_provider, the_role, the_user
from strongroom.companions.iam.paging import page_of
from strongroom.domain import iam_tags
from strongroom.operations.base import REQUIRED, Request

Find: TypeAlias = Callable[[CompanionCall, Any], Any]
"""Returns the entity that a request is about, or raises NoSuchEntity."""


class TagUserRequest(shapes.UserRequest, kw_only=True):
    tags: shapes.Tags = REQUIRED


class TagRoleRequest(shapes.RoleRequest, kw_only=True):
    tags: shapes.Tags = REQUIRED


class TagPolicyRequest(shapes.PolicyRequest, kw_only=True):
    tags: shapes.Tags = REQUIRED


class TagProviderRequest(shapes.ProviderRequest, kw_only=True):
    tags: shapes.Tags = REQUIRED


class UntagUserRequest(shapes.UserRequest, kw_only=True):
    tag_keys: shapes.TagKeys = REQUIRED


class UntagRoleRequest(shapes.RoleRequest, kw_only=True):
    tag_keys: shapes.TagKeys = REQUIRED


class UntagPolicyRequest(shapes.PolicyRequest, kw_only=True):
    tag_keys: shapes.TagKeys = REQUIRED


class UntagProviderRequest(shapes.ProviderRequest, kw_only=True):
    tag_keys: shapes.TagKeys = REQUIRED


class ListUserTagsRequest(shapes.UserRequest, kw_only=True):
    marker: shapes.Marker | None = None
    max_items: shapes.MaxItems | None = None


class ListRoleTagsRequest(shapes.RoleRequest, kw_only=True):
    marker: shapes.Marker | None = None
    max_items: shapes.MaxItems | None = None


class ListPolicyTagsRequest(shapes.PolicyRequest, kw_only=True):
    marker: shapes.Marker | None = None
    max_items: shapes.MaxItems | None = None


class ListProviderTagsRequest(shapes.ProviderRequest, kw_only=True):
    marker: shapes.Marker | None = None
    max_items: shapes.MaxItems | None = None


class ListTagsResponse(shapes.PageResponse, kw_only=True):
    tags: list[shapes.Tag]


def _operations(
    noun: str,
    find: Find,
    resource: Resource,
    requests: tuple[type[Request], type[Request], type[Request]],
) -> tuple[CompanionOperation[Any], ...]:
    """Return the three operations about the tags of one kind of entity."""

    def tag(call: CompanionCall, request: Any) -> None:
        entity = find(call, request)
        tags = iam_tags.merge(entity.kind, entity.tags, shapes.domain_tags(request.tags))
        call.tx.identities.put(replace(entity, tags=tags))

    def untag(call: CompanionCall, request: Any) -> None:
        entity = find(call, request)
        call.tx.identities.put(replace(entity, tags=iam_tags.remove(entity.kind, entity.tags, request.tag_keys)))

    def list_tags(call: CompanionCall, request: Any) -> ListTagsResponse:
        shown = entities.shown_tags(find(call, request).tags) or []
        found = page_of(call, request, list(enumerate(shown)), lambda numbered: f"{numbered[0]:02}")
        tags = [tag for _, tag in found.items]
        return ListTagsResponse(tags=tags, is_truncated=found.is_truncated, marker=found.marker)

    return (
        changes(f"Tag{noun}", requests[0], tag, resource=resource),
        changes(f"Untag{noun}", requests[1], untag, resource=resource),
        reads(f"List{noun}Tags", requests[2], ListTagsResponse, list_tags, resource=resource),
    )


def _find_user(call: CompanionCall, request: Any) -> Any:
    return entities.get_user(call, request.user_name)


def _find_role(call: CompanionCall, request: Any) -> Any:
    return entities.get_role(call, request.role_name)


def _find_provider(call: CompanionCall, request: Any) -> Any:
    return entities.get_provider(call, request.provider_arn)


def _find_policy(call: CompanionCall, request: Any) -> Any:
    if isinstance(request, ListPolicyTagsRequest):
        return entities.get_policy(call, request.policy_arn)
    action = "iam:TagPolicy" if isinstance(request, TagPolicyRequest) else "iam:UntagPolicy"
    return entities.get_own_policy(call, request.policy_arn, action)


OPERATIONS = (
    *_operations("User", _find_user, the_user, (TagUserRequest, UntagUserRequest, ListUserTagsRequest)),
    *_operations("Role", _find_role, the_role, (TagRoleRequest, UntagRoleRequest, ListRoleTagsRequest)),
    *_operations("Policy", _find_policy, the_policy, (TagPolicyRequest, UntagPolicyRequest, ListPolicyTagsRequest)),
    *_operations(
        "OpenIDConnectProvider",
        _find_provider,
        the_provider,
        (TagProviderRequest, UntagProviderRequest, ListProviderTagsRequest),
    ),
)
