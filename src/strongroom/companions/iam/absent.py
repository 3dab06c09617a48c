"""What this server has none of, told truthfully: clients ask for it before they delete or audit a user.

Passwords, MFA devices, certificates, SSH keys, credentials of single services, instance profiles and account
aliases do not exist here. The lists are empty; a user or role that is named must exist.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any

import msgspec

from strongroom.companions.base import CompanionOperation
from strongroom.companions.call import CompanionCall
from strongroom.companions.iam import entities, shapes
from strongroom.companions.iam.declaration import Resource, everything, reads, the_role, the_user
from strongroom.domain import iam_names
from strongroom.operations.base import Request, Response, Shape, limits


class PagedRequest(Request, kw_only=True):
    marker: shapes.Marker | None = None
    max_items: shapes.MaxItems | None = None


class OfUserRequest(PagedRequest, kw_only=True):
    user_name: shapes.ExistingUserName | None = None


class OfShortUserRequest(PagedRequest, kw_only=True):
    user_name: shapes.UserName | None = None


class OfRoleRequest(shapes.RoleRequest, kw_only=True):
    marker: shapes.Marker | None = None
    max_items: shapes.MaxItems | None = None


class ServiceCredentialsRequest(OfShortUserRequest, kw_only=True):
    service_name: str | None = None
    all_users: bool | None = None


class VirtualDevicesRequest(PagedRequest, kw_only=True):
    assignment_status: Annotated[str, limits(enum=shapes.AssignmentStatus)] | None = None


class LoginProfileRequest(Request, kw_only=True):
    user_name: shapes.UserName | None = None


class DevicesResponse(shapes.PageResponse, kw_only=True):
    devices: list[shapes.Absent] = msgspec.field(name="MFADevices", default_factory=list)


class CertificatesResponse(shapes.PageResponse, kw_only=True):
    certificates: list[shapes.Absent] = msgspec.field(default_factory=list)


class PublicKeysResponse(shapes.PageResponse, kw_only=True):
    public_keys: list[shapes.Absent] = msgspec.field(name="SSHPublicKeys", default_factory=list)


class ServiceCredentialsResponse(shapes.PageResponse, kw_only=True):
    service_specific_credentials: list[shapes.Absent] = msgspec.field(default_factory=list)


class VirtualDevicesResponse(shapes.PageResponse, kw_only=True):
    devices: list[shapes.Absent] = msgspec.field(name="VirtualMFADevices", default_factory=list)


class AliasesResponse(shapes.PageResponse, kw_only=True):
    account_aliases: list[str] = msgspec.field(default_factory=list)


class InstanceProfilesResponse(shapes.PageResponse, kw_only=True):
    instance_profiles: list[shapes.Absent] = msgspec.field(default_factory=list)


class LoginProfile(Shape, kw_only=True):
    user_name: str
    create_date: datetime
    password_reset_required: bool = False


class LoginProfileResponse(Response, kw_only=True):
    login_profile: LoginProfile


def get_login_profile(call: CompanionCall, request: LoginProfileRequest) -> LoginProfileResponse:
    name = _require_user(call, request)
    raise iam_names.login_profile_not_found(name or call.account_id)


def _require_user(call: CompanionCall, request: Any) -> str | None:
    name: str | None = request.user_name or entities.caller_name(call)
    if name is not None:
        entities.get_user(call, name)
    return name


def _require_role(call: CompanionCall, request: Any) -> None:
    entities.get_role(call, request.role_name)


def _require_nothing(_call: CompanionCall, _request: Any) -> None:
    """Do nothing: the request names nothing that must exist."""


def _require_user_or_none(call: CompanionCall, request: ServiceCredentialsRequest) -> None:
    if not request.all_users:
        _require_user(call, request)


def _none_of(
    name: str,
    request: type[Request],
    response: type[Response],
    resource: Resource,
    require: Callable[[CompanionCall, Any], object],
) -> CompanionOperation[Any]:
    def empty(call: CompanionCall, request: Any) -> Response:
        require(call, request)
        return response()

    return reads(name, request, response, empty, resource=resource)


OPERATIONS = (
    reads("GetLoginProfile", LoginProfileRequest, LoginProfileResponse, get_login_profile, resource=the_user),
    _none_of("ListMFADevices", OfUserRequest, DevicesResponse, the_user, _require_user),
    _none_of("ListSigningCertificates", OfUserRequest, CertificatesResponse, the_user, _require_user),
    _none_of("ListSSHPublicKeys", OfShortUserRequest, PublicKeysResponse, the_user, _require_user),
    _none_of(
        "ListServiceSpecificCredentials",
        ServiceCredentialsRequest,
        ServiceCredentialsResponse,
        the_user,
        _require_user_or_none,
    ),
    _none_of("ListVirtualMFADevices", VirtualDevicesRequest, VirtualDevicesResponse, everything, _require_nothing),
    _none_of("ListAccountAliases", PagedRequest, AliasesResponse, everything, _require_nothing),
    _none_of("ListInstanceProfilesForRole", OfRoleRequest, InstanceProfilesResponse, the_role, _require_role),
)
