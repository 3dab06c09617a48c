"""How an operation of IAM is declared: every one is signed, and policies are asked before anything is told.

Changes within an account are made one after the other: what an operation has found stays so until it is done.

A request of IAM holds no secret, so the audit record shows all of it. Of an answer it shows what a change
has made, and nothing of what was only read.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeAlias, TypeVar

import msgspec

from strongroom.companions.base import IAM, Access, CompanionOperation
from strongroom.companions.call import CompanionCall
from strongroom.domain import iam_names
from strongroom.domain.identity import IdentityKind, arn_of
from strongroom.domain.principal import Principal
from strongroom.operations.base import Request, Response
from strongroom.policy.access_request import NO_RESOURCE

RequestT = TypeVar("RequestT", bound=Request)

Resource: TypeAlias = Callable[[Any, str, Principal | None], str]


class NoMembers(Request, kw_only=True):
    """The request of an operation that has no input."""


def reads(
    name: str,
    request: type[RequestT],
    result: type[Response],
    handler: Callable[[CompanionCall, RequestT], Response],
    *,
    resource: Resource,
    access: Access = Access.SIGNED,
) -> CompanionOperation[RequestT]:
    """Return an operation that changes nothing."""
    return _declared(name, request, result, handler, resource, mutates=False, shown_response=(), access=access)


def changes(
    name: str,
    request: type[RequestT],
    handler: Callable[[CompanionCall, RequestT], Response | None],
    *,
    resource: Resource,
    result: type[Response] | None = None,
    shown_response: tuple[str, ...] | None = None,
) -> CompanionOperation[RequestT]:
    """Return an operation that changes something; without `shown_response` its whole answer is on the record."""
    members = () if result is None else tuple(field.name for field in msgspec.structs.fields(result))
    shown = members if shown_response is None else shown_response

    def in_turn(call: CompanionCall, request: RequestT) -> Response | None:
        call.tx.identities.hold(call.account_id)
        return handler(call, request)

    return _declared(name, request, result, in_turn, resource, mutates=True, shown_response=shown)


def creates(
    name: str,
    request: type[RequestT],
    handler: Callable[[CompanionCall, RequestT], Response],
    *,
    resource: Resource,
    result: type[Response],
) -> CompanionOperation[RequestT]:
    """Return an operation that makes an entity: its resource is not there yet."""
    return replace(changes(name, request, handler, resource=resource, result=result), is_about_entity=False)


def _declared(
    name: str,
    request: type[RequestT],
    result: type[Response] | None,
    handler: Callable[[CompanionCall, RequestT], Response | None],
    resource: Resource,
    *,
    mutates: bool,
    shown_response: tuple[str, ...],
    access: Access = Access.SIGNED,
) -> CompanionOperation[RequestT]:
    return CompanionOperation(
        service=IAM,
        name=name,
        request=request,
        result=result,
        access=access,
        resource=resource,
        is_about_entity=resource is not everything,
        mutates=mutates,
        handler=handler,
        shown_request=tuple(field.name for field in msgspec.structs.fields(request)),
        shown_response=shown_response,
    )


def everything(_request: Any, _account_id: str, _principal: Principal | None) -> str:
    """Return the resource of an operation that policies allow for all of the account or not at all."""
    return NO_RESOURCE


def the_user(request: Any, account_id: str, principal: Principal | None) -> str:
    """Return the user that a request names; one that names none is about the caller."""
    if request.user_name is not None:
        return arn_of(IdentityKind.USER, account_id, "/", request.user_name)
    return NO_RESOURCE if principal is None else principal.identity_arn


def the_group(request: Any, account_id: str, _principal: Principal | None) -> str:
    return arn_of(IdentityKind.GROUP, account_id, "/", request.group_name)


def the_role(request: Any, account_id: str, _principal: Principal | None) -> str:
    return arn_of(IdentityKind.ROLE, account_id, "/", request.role_name)


def the_policy(request: Any, _account_id: str, _principal: Principal | None) -> str:
    """Return the policy that a request names, by an ARN. Raises ValidationException or InvalidInput."""
    arn: str = request.policy_arn
    iam_names.require_arn(IdentityKind.POLICY, arn)
    return arn


def the_provider(request: Any, _account_id: str, _principal: Principal | None) -> str:
    """Return the provider that a request names, by an ARN. Raises ValidationException or InvalidInput."""
    arn: str = request.provider_arn
    iam_names.require_arn(IdentityKind.PROVIDER, arn)
    return arn


def new_entity(kind: IdentityKind, member: str) -> Resource:
    """Return the resource of a creation: the ARN that the entity is to have, named by a member of the request."""

    def resource(request: Any, account_id: str, _principal: Principal | None) -> str:
        return arn_of(kind, account_id, request.path or "/", getattr(request, member))

    return resource
