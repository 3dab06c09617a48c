"""Permissions boundaries of users and roles.

A boundary is a managed policy that is there when it is set (recorded). Taking away a boundary that there is
none of succeeds (inferred).
"""

from __future__ import annotations

from dataclasses import replace

from strongroom.companions.call import CompanionCall
from strongroom.companions.iam import entities
from strongroom.companions.iam.declaration import changes, the_role, the_user
from strongroom.companions.iam.shapes import Arn, RoleRequest, ShortUserRequest
from strongroom.operations.base import REQUIRED


class PutUserBoundaryRequest(ShortUserRequest, kw_only=True):
    permissions_boundary: Arn = REQUIRED


class PutRoleBoundaryRequest(RoleRequest, kw_only=True):
    permissions_boundary: Arn = REQUIRED


def put_user_permissions_boundary(call: CompanionCall, request: PutUserBoundaryRequest) -> None:
    user = entities.get_user(call, request.user_name)
    entities.require_boundary(call, request.permissions_boundary)
    call.tx.identities.put(replace(user, boundary_arn=request.permissions_boundary))


def delete_user_permissions_boundary(call: CompanionCall, request: ShortUserRequest) -> None:
    call.tx.identities.put(replace(entities.get_user(call, request.user_name), boundary_arn=None))


def put_role_permissions_boundary(call: CompanionCall, request: PutRoleBoundaryRequest) -> None:
    role = entities.get_role(call, request.role_name)
    entities.require_boundary(call, request.permissions_boundary)
    call.tx.identities.put(replace(role, boundary_arn=request.permissions_boundary))


def delete_role_permissions_boundary(call: CompanionCall, request: RoleRequest) -> None:
    call.tx.identities.put(replace(entities.get_role(call, request.role_name), boundary_arn=None))


OPERATIONS = (
    changes("PutUserPermissionsBoundary", PutUserBoundaryRequest, put_user_permissions_boundary, resource=the_user),
    changes("DeleteUserPermissionsBoundary", ShortUserRequest, delete_user_permissions_boundary, resource=the_user),
    changes("PutRolePermissionsBoundary", PutRoleBoundaryRequest, put_role_permissions_boundary, resource=the_role),
    changes("DeleteRolePermissionsBoundary", RoleRequest, delete_role_permissions_boundary, resource=the_role),
)
