"""AssumeRole: temporary credentials of a role, for a user or another role that its trust policy lets.

- The trust policy must allow it in the role's own account, too (`policy.decision`); a denial names neither
  the policy that lacks an Allow nor whether there is such a role (recorded text).
- Roots assume no roles (recorded text).
- A role's session that assumes another role is a chain: an hour at most, and tags and source identity are
  handed down.
- A second factor, contexts of other providers and a least size of tokens are refused (`not_offered`).
"""

from __future__ import annotations

from typing import Annotated, Final

from strongroom.companions.base import STS, Access, CompanionOperation
from strongroom.companions.call import CompanionCall
from strongroom.companions.sts import not_offered, role_sessions
from strongroom.companions.sts.role_sessions import Asked
from strongroom.companions.sts.shapes import (
    Arn,
    AssumedRoleUser,
    Credentials,
    PolicyArns,
    ProvidedContext,
    RoleSeconds,
    SerialNumber,
    SessionName,
    SessionPolicy,
    SourceIdentity,
    TagKeys,
    Tags,
    TokenCode,
    TokenSize,
    domain_tags,
    texts_of,
    wire_credentials,
)
from strongroom.domain.identity import Role
from strongroom.domain.principal import Principal, Session
from strongroom.domain.session_limits import plan_source_identity, role_session_seconds
from strongroom.domain.session_tags import plan_tags
from strongroom.errors import AccessDeniedException
from strongroom.operations.base import REQUIRED, Request, Response, limits
from strongroom.policy.evaluate import because

ACTION: Final = "sts:AssumeRole"


class AssumeRoleRequest(Request, kw_only=True):
    role_arn: Arn = REQUIRED
    role_session_name: SessionName = REQUIRED
    policy_arns: PolicyArns | None = None
    policy: SessionPolicy | None = None
    duration_seconds: RoleSeconds | None = None
    tags: Tags | None = None
    transitive_tag_keys: TagKeys | None = None
    external_id: Annotated[str, limits(2, 1_224, pattern=r"[\w+=,.@:\/-]*")] | None = None
    serial_number: SerialNumber | None = None
    token_code: TokenCode | None = None
    source_identity: SourceIdentity | None = None
    provided_contexts: Annotated[list[ProvidedContext], limits(1, 5)] | None = None
    minimum_session_token_size: TokenSize | None = None


class AssumeRoleResponse(Response, kw_only=True):
    credentials: Credentials | None = None
    assumed_role_user: AssumedRoleUser | None = None
    packed_policy_size: int | None = None
    source_identity: str | None = None


def assume_role(call: CompanionCall, request: AssumeRoleRequest) -> AssumeRoleResponse:
    not_offered.refuse_second_factor(request.serial_number, request.token_code)
    not_offered.refuse(
        ProvidedContexts=request.provided_contexts, MinimumSessionTokenSize=request.minimum_session_token_size
    )
    role_sessions.account_of(request.role_arn)
    caller = call.principal
    if caller.is_root:
        raise AccessDeniedException("Roles may not be assumed by root accounts.")
    chained = _chained(caller)
    asked = _asked(request, chained)
    role = _require_assumable(call, request.role_arn, asked)
    seconds = role_session_seconds(
        request.duration_seconds, most=role.max_session_seconds, is_chained=chained is not None
    )
    issued = role_sessions.issue(call, role, asked, seconds)
    return AssumeRoleResponse(
        credentials=wire_credentials(issued.credentials),
        assumed_role_user=AssumedRoleUser(assumed_role_id=issued.principal.principal_id, arn=issued.principal.arn),
        packed_policy_size=issued.packed_percent,
        source_identity=asked.source_identity,
    )


def _chained(caller: Principal) -> Session | None:
    """Return the caller's session if it is one of a role."""
    return caller.session if caller.role_arn is not None else None


def _asked(request: AssumeRoleRequest, chained: Session | None) -> Asked:
    return Asked(
        name=request.role_session_name,
        tags=plan_tags(domain_tags(request.tags), request.transitive_tag_keys or (), chained),
        source_identity=plan_source_identity(
            request.source_identity, None if chained is None else chained.source_identity
        ),
        policy=request.policy,
        policy_arns=texts_of(request.policy_arns),
        external_id=request.external_id,
    )


def _require_assumable(call: CompanionCall, role_arn: str, asked: Asked) -> Role:
    """Return the role if the caller may assume it in the way that is asked for.

    Raises:
        AccessDeniedException: there is none, or the caller may not.
    """
    role = role_sessions.find_role(call.tx, role_arn)
    if role is None:
        raise _denied(call, ACTION, role_arn)
    trust = role_sessions.trust_of(role)
    for action in asked.actions(ACTION):
        decision = call.authorizer.decide(action, role.arn, resource=(trust,), union=False, keys=asked.keys)
        if not decision.allowed:
            raise because(_denied(call, action, role_arn), decision)
    return role


def _denied(call: CompanionCall, action: str, role_arn: str) -> AccessDeniedException:
    return AccessDeniedException(
        f"User: {call.principal.arn} is not authorized to perform: {action} on resource: {role_arn}"
    )


OPERATION = CompanionOperation(
    service=STS,
    name="AssumeRole",
    request=AssumeRoleRequest,
    result=AssumeRoleResponse,
    access=Access.DECIDED,
    resource=lambda request, _account_id, _caller: request.role_arn,
    mutates=False,
    handler=assume_role,
    shown_request=(
        "role_arn",
        "role_session_name",
        "policy_arns",
        "policy",
        "duration_seconds",
        "tags",
        "transitive_tag_keys",
        "external_id",
        "serial_number",
        "source_identity",
    ),
    shown_response=(
        "credentials.access_key_id",
        "credentials.expiration",
        "assumed_role_user",
        "packed_policy_size",
        "source_identity",
    ),
)
