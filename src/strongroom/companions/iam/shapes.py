"""Wire shapes of IAM and the limits that its service model declares for members of requests.

A list operation leaves out what only the operations about one entity tell (documented): tags, boundary,
when a role was last used. What a role may last is told by GetRole and ListRoles, not by CreateRole (recorded).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Final, TypeAlias

import msgspec

from strongroom.domain import secret as domain
from strongroom.operations.base import REQUIRED, Request, Response, Shape, limits


class KeyStatus(StrEnum):
    ACTIVE = "Active"
    INACTIVE = "Inactive"
    EXPIRED = "Expired"


class PolicyScope(StrEnum):
    ALL = "All"
    AWS = "AWS"
    LOCAL = "Local"


class PolicyUsage(StrEnum):
    PERMISSIONS = "PermissionsPolicy"
    BOUNDARY = "PermissionsBoundary"


class EntityFilter(StrEnum):
    USER = "User"
    ROLE = "Role"
    GROUP = "Group"
    LOCAL_POLICY = "LocalManagedPolicy"
    AWS_POLICY = "AWSManagedPolicy"


class AssignmentStatus(StrEnum):
    ASSIGNED = "Assigned"
    UNASSIGNED = "Unassigned"
    ANY = "Any"


BOUNDARY_TYPE: Final = "PermissionsBoundaryPolicy"

_NAME: Final = r"[\w+=,.@-]+"

UserName: TypeAlias = Annotated[str, limits(1, 64, pattern=_NAME)]
ExistingUserName: TypeAlias = Annotated[str, limits(1, 128, pattern=_NAME)]
GroupName: TypeAlias = Annotated[str, limits(1, 128, pattern=_NAME)]
RoleName: TypeAlias = Annotated[str, limits(1, 64, pattern=_NAME)]
PolicyName: TypeAlias = Annotated[str, limits(1, 128, pattern=_NAME)]
PathName: TypeAlias = Annotated[str, limits(1, 512, pattern=r"(\u002F)|(\u002F[\u0021-\u007E]+\u002F)")]
PathPrefix: TypeAlias = Annotated[str, limits(1, 512, pattern=r"\u002F[\u0021-\u007F]*")]
PolicyPath: TypeAlias = Annotated[str, limits(1, 512, pattern=r"((/[A-Za-z0-9\.,\+@=_-]+)*)/")]
Arn: TypeAlias = Annotated[str, limits(20, 2_048)]
Document: TypeAlias = Annotated[str, limits(1, 131_072, pattern=r"[\u0009\u000A\u000D\u0020-\u00FF]+")]
VersionId: TypeAlias = Annotated[str, limits(pattern=r"v[1-9][0-9]*(\.[A-Za-z0-9-]*)?")]
PolicyDescription: TypeAlias = Annotated[str, limits(None, 1_000)]
RoleDescription: TypeAlias = Annotated[
    str, limits(None, 1_000, pattern=r"[\u0009\u000A\u000D\u0020-\u007E\u00A1-\u00FF]*")
]
SessionSeconds: TypeAlias = Annotated[int, limits(3_600, 43_200)]
Marker: TypeAlias = Annotated[str, limits(1, 320, pattern=r"[\u0020-\u00FF]+")]
MaxItems: TypeAlias = Annotated[int, limits(1, 1_000)]
AccessKeyId: TypeAlias = Annotated[str, limits(16, 128, pattern=r"[\w]+")]
ProviderUrl: TypeAlias = Annotated[str, limits(1, 255)]
ClientId: TypeAlias = Annotated[str, limits(1, 255)]
Thumbprint: TypeAlias = Annotated[str, limits(40, 40)]
TagKey: TypeAlias = Annotated[str, limits(1, 128, pattern=r"[\p{L}\p{Z}\p{N}_.:/=+\-@]+")]
TagValue: TypeAlias = Annotated[str, limits(0, 256, pattern=r"[\p{L}\p{Z}\p{N}_.:/=+\-@]*")]
TagKeys: TypeAlias = Annotated[list[TagKey], limits(None, 50)]
Usage: TypeAlias = Annotated[str, limits(enum=PolicyUsage)]
Entity: TypeAlias = Annotated[str, limits(enum=EntityFilter)]


class Tag(Shape, kw_only=True):
    key: TagKey = REQUIRED
    value: TagValue = REQUIRED


Tags: TypeAlias = Annotated[list[Tag], limits(None, 50)]


def domain_tags(tags: Iterable[Tag] | None) -> list[domain.Tag]:
    return [domain.Tag(tag.key, tag.value) for tag in tags or ()]


class AttachedBoundary(Shape, kw_only=True):
    permissions_boundary_type: str = BOUNDARY_TYPE
    permissions_boundary_arn: str


class User(Shape, kw_only=True):
    path: str | None = None
    user_name: str | None = None
    user_id: str
    arn: str
    create_date: datetime | None = None
    password_last_used: datetime | None = None
    permissions_boundary: AttachedBoundary | None = None
    tags: list[Tag] | None = None


class Group(Shape, kw_only=True):
    path: str
    group_name: str
    group_id: str
    arn: str
    create_date: datetime


class RoleLastUsed(Shape, kw_only=True):
    last_used_date: datetime | None = None
    region: str | None = None


class Role(Shape, kw_only=True):
    path: str
    role_name: str
    role_id: str
    arn: str
    create_date: datetime
    assume_role_policy_document: str
    description: str | None = None
    max_session_duration: int | None = None
    permissions_boundary: AttachedBoundary | None = None
    tags: list[Tag] | None = None
    role_last_used: RoleLastUsed | None = None


class Policy(Shape, kw_only=True):
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
    tags: list[Tag] | None = None


class PolicyVersion(Shape, kw_only=True):
    document: str | None = None
    version_id: str
    is_default_version: bool
    create_date: datetime


class AttachedPolicy(Shape, kw_only=True):
    policy_name: str
    policy_arn: str


class PolicyDetail(Shape, kw_only=True):
    policy_name: str
    policy_document: str


class Absent(Shape, kw_only=True):
    """What this server has none of: the lists of it are empty."""


class UserRequest(Request, kw_only=True):
    """About a user, by a name as long as those that older accounts have."""

    user_name: ExistingUserName = REQUIRED


class ShortUserRequest(Request, kw_only=True):
    user_name: UserName = REQUIRED


class GroupRequest(Request, kw_only=True):
    group_name: GroupName = REQUIRED


class RoleRequest(Request, kw_only=True):
    role_name: RoleName = REQUIRED


class PolicyRequest(Request, kw_only=True):
    policy_arn: Arn = REQUIRED


class ProviderRequest(Request, kw_only=True):
    provider_arn: Arn = msgspec.field(name="OpenIDConnectProviderArn", default=REQUIRED)


class PageResponse(Response, kw_only=True):
    """One page of a list; `marker` asks for the next one."""

    is_truncated: bool = False
    marker: str | None = None
