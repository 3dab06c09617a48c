"""Managed policies attached to users, groups and roles: the same three operations for each.

Rules:
- Attaching what is attached already succeeds and changes nothing (documented); detaching what is not is
  NoSuchEntity (recorded).
- At most ten managed policies per holder (documented).
- Whoever may attach a policy is for policies to say, by the holder and by iam:PolicyARN (documented).
"""

from __future__ import annotations

from typing import Any

from strongroom.companions.base import CompanionOperation
from strongroom.companions.call import CompanionCall
from strongroom.companions.iam import entities, shapes
from strongroom.companions.iam.declaration import Resource, changes, reads, the_group, the_role, the_user
from strongroom.companions.iam.paging import page_of
from strongroom.domain import iam_limits, iam_names
from strongroom.domain.identity import IdentityKind
from strongroom.operations.base import REQUIRED, Request


class UserAttachmentRequest(shapes.ShortUserRequest, kw_only=True):
    policy_arn: shapes.Arn = REQUIRED


class GroupAttachmentRequest(shapes.GroupRequest, kw_only=True):
    policy_arn: shapes.Arn = REQUIRED


class RoleAttachmentRequest(shapes.RoleRequest, kw_only=True):
    policy_arn: shapes.Arn = REQUIRED


class ListAttachedUserPoliciesRequest(shapes.ShortUserRequest, kw_only=True):
    path_prefix: shapes.PolicyPath | None = None
    marker: shapes.Marker | None = None
    max_items: shapes.MaxItems | None = None


class ListAttachedGroupPoliciesRequest(shapes.GroupRequest, kw_only=True):
    path_prefix: shapes.PolicyPath | None = None
    marker: shapes.Marker | None = None
    max_items: shapes.MaxItems | None = None


class ListAttachedRolePoliciesRequest(shapes.RoleRequest, kw_only=True):
    path_prefix: shapes.PolicyPath | None = None
    marker: shapes.Marker | None = None
    max_items: shapes.MaxItems | None = None


class ListAttachedPoliciesResponse(shapes.PageResponse, kw_only=True):
    attached_policies: list[shapes.AttachedPolicy]


def _operations(
    kind: IdentityKind, resource: Resource, request: type[Request], list_request: type[Request]
) -> tuple[CompanionOperation[Any], ...]:
    """Return the operations about the managed policies of one kind of holder."""
    member = f"{kind.value}_name"

    def attach(call: CompanionCall, request: Any) -> None:
        holder = entities.get_named(call, kind, getattr(request, member))
        entities.require_attachable(call, request.policy_arn)
        present = call.tx.identities.attachments(holder)
        if request.policy_arn not in present:
            iam_limits.require_room_for_attachment(kind, len(present))
            call.tx.identities.attach(holder, request.policy_arn)

    def detach(call: CompanionCall, request: Any) -> None:
        holder = entities.get_named(call, kind, getattr(request, member))
        iam_names.require_arn(IdentityKind.POLICY, request.policy_arn)
        if request.policy_arn not in call.tx.identities.attachments(holder):
            raise iam_names.policy_not_found(request.policy_arn)
        call.tx.identities.detach(holder, request.policy_arn)

    def list_attached(call: CompanionCall, request: Any) -> ListAttachedPoliciesResponse:
        holder = entities.get_named(call, kind, getattr(request, member))
        prefix = request.path_prefix or "/"
        arns = [arn for arn in call.tx.identities.attachments(holder) if iam_names.path_of(arn).startswith(prefix)]
        found = page_of(call, request, entities.shown_attachments(arns), entities.place_of_attachment)
        return ListAttachedPoliciesResponse(
            attached_policies=found.items, is_truncated=found.is_truncated, marker=found.marker
        )

    noun = kind.value.title()
    return (
        changes(f"Attach{noun}Policy", request, attach, resource=resource),
        changes(f"Detach{noun}Policy", request, detach, resource=resource),
        reads(
            f"ListAttached{noun}Policies", list_request, ListAttachedPoliciesResponse, list_attached, resource=resource
        ),
    )


OPERATIONS = (
    *_operations(IdentityKind.USER, the_user, UserAttachmentRequest, ListAttachedUserPoliciesRequest),
    *_operations(IdentityKind.GROUP, the_group, GroupAttachmentRequest, ListAttachedGroupPoliciesRequest),
    *_operations(IdentityKind.ROLE, the_role, RoleAttachmentRequest, ListAttachedRolePoliciesRequest),
)
