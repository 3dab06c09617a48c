"""The account as a whole: how much there is of what, and every entity with all that is granted to it.

GetAccountAuthorizationDetails tells users, groups, roles, then policies: those of the account, and those of AWS
that are in use (inferred: examples of AWS show no others). A page may end within any of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from strongroom.companions.call import CompanionCall
from strongroom.companions.iam import entities, roles, shapes
from strongroom.companions.iam.declaration import NoMembers, everything, reads
from strongroom.companions.iam.paging import Place, named_entities, page
from strongroom.companions.iam.shapes import EntityFilter
from strongroom.domain import aws_managed_policies, iam_limits, iam_names
from strongroom.domain import identity as domain
from strongroom.domain.identity import IdentityKind, name_key
from strongroom.operations.base import Request, Response, Shape


class GetAccountSummaryResponse(Response, kw_only=True):
    summary_map: dict[str, int]


class DetailsRequest(Request, kw_only=True):
    filter: list[shapes.Entity] | None = None
    max_items: shapes.MaxItems | None = None
    marker: shapes.Marker | None = None


class UserDetail(Shape, kw_only=True):
    path: str
    user_name: str
    user_id: str
    arn: str
    create_date: datetime
    user_policy_list: list[shapes.PolicyDetail]
    group_list: list[str]
    attached_managed_policies: list[shapes.AttachedPolicy]
    permissions_boundary: shapes.AttachedBoundary | None = None
    tags: list[shapes.Tag] | None = None


class GroupDetail(Shape, kw_only=True):
    path: str
    group_name: str
    group_id: str
    arn: str
    create_date: datetime
    group_policy_list: list[shapes.PolicyDetail]
    attached_managed_policies: list[shapes.AttachedPolicy]


class RoleDetail(Shape, kw_only=True):
    path: str
    role_name: str
    role_id: str
    arn: str
    create_date: datetime
    assume_role_policy_document: str
    instance_profile_list: list[shapes.Absent]
    role_policy_list: list[shapes.PolicyDetail]
    attached_managed_policies: list[shapes.AttachedPolicy]
    permissions_boundary: shapes.AttachedBoundary | None = None
    tags: list[shapes.Tag] | None = None
    role_last_used: shapes.RoleLastUsed


class ManagedPolicyDetail(Shape, kw_only=True):
    policy_name: str
    policy_id: str
    arn: str
    path: str
    default_version_id: str
    attachment_count: int
    permissions_boundary_usage_count: int
    is_attachable: bool
    description: str | None = None
    create_date: datetime
    update_date: datetime
    policy_version_list: list[shapes.PolicyVersion]


class DetailsResponse(shapes.PageResponse, kw_only=True):
    user_detail_list: list[UserDetail]
    group_detail_list: list[GroupDetail]
    role_detail_list: list[RoleDetail]
    policies: list[ManagedPolicyDetail]


_ORDER = (
    (EntityFilter.USER, IdentityKind.USER),
    (EntityFilter.GROUP, IdentityKind.GROUP),
    (EntityFilter.ROLE, IdentityKind.ROLE),
    (EntityFilter.LOCAL_POLICY, IdentityKind.POLICY),
)


def get_account_summary(call: CompanionCall, _request: NoMembers) -> GetAccountSummaryResponse:
    identities = call.tx.identities
    count = {kind: identities.count(kind, call.account_id) for kind in IdentityKind}
    policies = named_entities(call, IdentityKind.POLICY, None)
    return GetAccountSummaryResponse(
        summary_map=_QUOTAS
        | {
            "Users": count[IdentityKind.USER],
            "Groups": count[IdentityKind.GROUP],
            "Roles": count[IdentityKind.ROLE],
            "Policies": count[IdentityKind.POLICY],
            "Providers": count[IdentityKind.PROVIDER],
            "PolicyVersionsInUse": sum(len(identities.policy_versions(policy.arn)) for policy in policies),
            "AccountAccessKeysPresent": int(any(key.active for key in identities.access_keys_of(call.account_id))),
        }
    )


_QUOTAS = {
    "UsersQuota": iam_limits.PER_ACCOUNT[IdentityKind.USER],
    "GroupsQuota": iam_limits.PER_ACCOUNT[IdentityKind.GROUP],
    "RolesQuota": iam_limits.PER_ACCOUNT[IdentityKind.ROLE],
    "PoliciesQuota": iam_limits.PER_ACCOUNT[IdentityKind.POLICY],
    "UserPolicySizeQuota": iam_limits.INLINE_POLICY_SIZES[IdentityKind.USER],
    "GroupPolicySizeQuota": iam_limits.INLINE_POLICY_SIZES[IdentityKind.GROUP],
    "RolePolicySizeQuota": iam_limits.INLINE_POLICY_SIZES[IdentityKind.ROLE],
    "PolicySizeQuota": iam_limits.MANAGED_POLICY_SIZE,
    "AssumeRolePolicySizeQuota": iam_limits.TRUST_POLICY_SIZE,
    "VersionsPerPolicyQuota": iam_limits.VERSIONS_PER_POLICY,
    "PolicyVersionsInUseQuota": iam_limits.PER_ACCOUNT[IdentityKind.POLICY] * iam_limits.VERSIONS_PER_POLICY,
    "GroupsPerUserQuota": iam_limits.GROUPS_PER_USER,
    "AccessKeysPerUserQuota": iam_limits.ACCESS_KEYS_PER_USER,
    "AttachedPoliciesPerUserQuota": iam_limits.ATTACHMENTS_PER_HOLDER,
    "AttachedPoliciesPerGroupQuota": iam_limits.ATTACHMENTS_PER_HOLDER,
    "AttachedPoliciesPerRoleQuota": iam_limits.ATTACHMENTS_PER_HOLDER,
    "ServerCertificates": 0,
    "ServerCertificatesQuota": 0,
    "SigningCertificatesPerUserQuota": 0,
    "InstanceProfiles": 0,
    "InstanceProfilesQuota": 0,
    "MFADevices": 0,
    "MFADevicesInUse": 0,
    "AccountMFAEnabled": 0,
    "AccountPasswordPresent": 0,
    "AccountSigningCertificatesPresent": 0,
    "GlobalEndpointTokenVersion": 2,
}
"""What an account may have; of what does not exist here, none."""


def get_account_authorization_details(call: CompanionCall, request: DetailsRequest) -> DetailsResponse:
    found = page(call, request, lambda after: _told(call, request, after), _place_of)
    lists: dict[str, list[Any]] = {"user": [], "group": [], "role": [], "policy": []}
    for entity in found.items:
        lists[entity.kind.value].append(_DETAILS[entity.kind](call, entity))
    return DetailsResponse(
        user_detail_list=lists["user"],
        group_detail_list=lists["group"],
        role_detail_list=lists["role"],
        policies=lists["policy"],
        is_truncated=found.is_truncated,
        marker=found.marker,
    )


def _told(call: CompanionCall, request: DetailsRequest, after: Place) -> Iterator[domain.Identity]:
    wanted = request.filter or [each.value for each in EntityFilter]
    place, name = (int(after[0]), after[1]) if after else (0, "")
    for number, (entity_filter, kind) in enumerate(_ORDER):
        if number >= place and entity_filter in wanted:
            yield from named_entities(call, kind, None, name if number == place else "")
    if EntityFilter.AWS_POLICY in wanted:
        for policy in aws_managed_policies.all_policies():
            is_after = place < len(_ORDER) or name_key(policy.kind, policy.name) > name
            if is_after and _is_used(call, policy.arn):
                yield policy


def _is_used(call: CompanionCall, arn: str) -> bool:
    identities = call.tx.identities
    return bool(identities.holders_of(call.account_id, arn) or identities.bounded_by(call.account_id, arn))


def _place_of(entity: domain.Identity) -> Place:
    kinds = [kind for _, kind in _ORDER]
    number = len(_ORDER) if iam_names.is_aws_managed(entity.arn) else kinds.index(entity.kind)
    return [str(number), name_key(entity.kind, entity.name)]


def _user_detail(call: CompanionCall, user: domain.User) -> UserDetail:
    identities = call.tx.identities
    return UserDetail(
        path=user.path,
        user_name=user.name,
        user_id=user.unique_id,
        arn=user.arn,
        create_date=user.created_at,
        user_policy_list=_inline(call, user),
        group_list=[group.name for group in identities.groups_of(user)],
        attached_managed_policies=entities.shown_attachments(identities.attachments(user)),
        permissions_boundary=entities.shown_boundary(user),
        tags=entities.shown_tags(user.tags),
    )


def _group_detail(call: CompanionCall, group: domain.Group) -> GroupDetail:
    return GroupDetail(
        path=group.path,
        group_name=group.name,
        group_id=group.unique_id,
        arn=group.arn,
        create_date=group.created_at,
        group_policy_list=_inline(call, group),
        attached_managed_policies=entities.shown_attachments(call.tx.identities.attachments(group)),
    )


def _role_detail(call: CompanionCall, role: domain.Role) -> RoleDetail:
    return RoleDetail(
        path=role.path,
        role_name=role.name,
        role_id=role.unique_id,
        arn=role.arn,
        create_date=role.created_at,
        assume_role_policy_document=entities.encoded(roles.shown_trust_policy(call.tx, role)),
        instance_profile_list=[],
        role_policy_list=_inline(call, role),
        attached_managed_policies=entities.shown_attachments(call.tx.identities.attachments(role)),
        permissions_boundary=entities.shown_boundary(role),
        tags=entities.shown_tags(role.tags),
        role_last_used=shapes.RoleLastUsed(),
    )


def _policy_detail(call: CompanionCall, policy: domain.ManagedPolicy) -> ManagedPolicyDetail:
    shown = entities.shown_policy(call, policy, in_full=True)
    versions = [
        shapes.PolicyVersion(
            document=entities.encoded(version.document),
            version_id=version.version_id,
            is_default_version=version.is_default,
            create_date=version.created_at,
        )
        for version in entities.versions_of(call.tx, policy)
    ]
    members = {name: getattr(shown, name) for name in shown.__struct_fields__ if name != "tags"}
    return ManagedPolicyDetail(**members, policy_version_list=versions)


def _inline(call: CompanionCall, holder: domain.Identity) -> list[shapes.PolicyDetail]:
    documents = call.tx.identities.inline_policies(holder)
    return [
        shapes.PolicyDetail(policy_name=name, policy_document=entities.encoded(document))
        for name, document in sorted(documents.items())
    ]


_DETAILS: dict[IdentityKind, Any] = {
    IdentityKind.USER: _user_detail,
    IdentityKind.GROUP: _group_detail,
    IdentityKind.ROLE: _role_detail,
    IdentityKind.POLICY: _policy_detail,
}

OPERATIONS = (
    reads("GetAccountSummary", NoMembers, GetAccountSummaryResponse, get_account_summary, resource=everything),
    reads(
        "GetAccountAuthorizationDetails",
        DetailsRequest,
        DetailsResponse,
        get_account_authorization_details,
        resource=everything,
    ),
)
