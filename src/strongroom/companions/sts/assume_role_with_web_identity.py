"""AssumeRoleWithWebIdentity: temporary credentials of a role, for whoever has a token of an issuer it trusts.

- The token is the proof: the request is not signed. The provider is looked for in the role's account, by
  the token's issuer (recorded text where there is none).
- The role's trust policy must name the provider and decides with what the token says; there are no other
  policies. A denial says no more than the action (recorded text).
- Tags and source identity come from the token's claims (`token_claims`).
- The token is never recorded. Once it is verified the record names whom it is about (CloudTrail's
  WebIdentityUser); before that it proves nothing.
- ProviderId is for issuers that speak OAuth 2.0 only, of which there are none here (`not_offered`).
"""

from __future__ import annotations

from typing import Annotated, Any, Final

from strongroom.authn.web_identity import (
    MAX_TOKEN_CHARACTERS,
    MIN_TOKEN_CHARACTERS,
    Provider,
    WebIdentity,
    condition_keys,
    no_provider,
    provider_url,
    read_unverified,
    verify,
)
from strongroom.authorization import environment_keys
from strongroom.companions.base import STS, Access, CompanionOperation
from strongroom.companions.call import CompanionCall, KeysWantedError
from strongroom.companions.sts import not_offered, role_sessions, token_claims
from strongroom.companions.sts.role_sessions import Asked
from strongroom.companions.sts.shapes import (
    Arn,
    AssumedRoleUser,
    Credentials,
    PolicyArns,
    RoleSeconds,
    SessionName,
    SessionPolicy,
    TokenSize,
    texts_of,
    wire_credentials,
)
from strongroom.domain.identity import IdentityKind, Role
from strongroom.domain.session_limits import role_session_seconds
from strongroom.errors import AccessDeniedException
from strongroom.operations.base import REQUIRED, Request, Response, limits
from strongroom.policy.access_request import AccessRequest
from strongroom.policy.callers import CallerNames
from strongroom.policy.conditions import Context
from strongroom.policy.decision import Policies, decide
from strongroom.policy.evaluate import Decision, because

ACTION: Final = "sts:AssumeRoleWithWebIdentity"


class AssumeRoleWithWebIdentityRequest(Request, kw_only=True):
    role_arn: Arn = REQUIRED
    role_session_name: SessionName = REQUIRED
    web_identity_token: Annotated[str, limits(MIN_TOKEN_CHARACTERS, MAX_TOKEN_CHARACTERS, sensitive=True)] = REQUIRED
    provider_id: Annotated[str, limits(4, 2_048)] | None = None
    policy_arns: PolicyArns | None = None
    policy: SessionPolicy | None = None
    duration_seconds: RoleSeconds | None = None
    minimum_session_token_size: TokenSize | None = None


class AssumeRoleWithWebIdentityResponse(Response, kw_only=True):
    credentials: Credentials | None = None
    subject_from_web_identity_token: str | None = None
    assumed_role_user: AssumedRoleUser | None = None
    packed_policy_size: int | None = None
    provider: str | None = None
    audience: str | None = None
    source_identity: str | None = None


def assume_role_with_web_identity(
    call: CompanionCall, request: AssumeRoleWithWebIdentityRequest
) -> AssumeRoleWithWebIdentityResponse:
    not_offered.refuse(ProviderId=request.provider_id, MinimumSessionTokenSize=request.minimum_session_token_size)
    identity = _prove(call, role_sessions.account_of(request.role_arn), request.web_identity_token)
    call.record_as(_recorded(identity))
    asked = Asked(
        name=request.role_session_name,
        tags=token_claims.session_tags(identity.claims),
        source_identity=token_claims.source_identity(identity.claims),
        policy=request.policy,
        policy_arns=texts_of(request.policy_arns),
    )
    role = _require_assumable(call, request.role_arn, asked, identity)
    seconds = role_session_seconds(request.duration_seconds, most=role.max_session_seconds, is_chained=False)
    issued = role_sessions.issue(call, role, asked, seconds, provider=identity.provider_arn)
    return AssumeRoleWithWebIdentityResponse(
        credentials=wire_credentials(issued.credentials),
        subject_from_web_identity_token=identity.subject,
        assumed_role_user=AssumedRoleUser(assumed_role_id=issued.principal.principal_id, arn=issued.principal.arn),
        packed_policy_size=issued.packed_percent,
        provider=identity.issuer,
        audience=identity.audience,
        source_identity=asked.source_identity,
    )


def _prove(call: CompanionCall, account_id: str, token: str) -> WebIdentity:
    """Return what a token proves to the account that the role is of.

    Raises:
        KeysWantedError: the keys of its issuer are not known yet.
        ServiceError: it proves nothing.
    """
    claimed = read_unverified(token)
    found = call.tx.identities.find(IdentityKind.PROVIDER, account_id, provider_url(claimed.issuer))
    if found is None:
        raise no_provider(claimed.issuer)
    provider = Provider(found.arn, found.name, found.client_ids, found.key_set)
    keys = call.key_sets.cached(provider, claimed.key_id)
    if keys is None:
        raise KeysWantedError(provider, claimed.key_id)
    return verify(token, provider, keys, call.now, allow_http=call.key_sets.allows_http(provider))


def _require_assumable(call: CompanionCall, role_arn: str, asked: Asked, identity: WebIdentity) -> Role:
    """Return the role if it trusts what the token proves.

    Raises:
        AccessDeniedException: there is none, or it does not.
    """
    role = role_sessions.find_role(call.tx, role_arn)
    if role is None:
        raise _denied(ACTION)
    for action in asked.actions(ACTION):
        decision = _decide(call, action, role, asked, identity)
        if not decision.allowed:
            raise because(_denied(action), decision)
    return role


def _denied(action: str) -> AccessDeniedException:
    return AccessDeniedException(f"Not authorized to perform {action}")


def _decide(call: CompanionCall, action: str, role: Role, asked: Asked, identity: WebIdentity) -> Decision:
    keys = {
        **condition_keys(identity),
        **environment_keys(call.origin, call.region, call.now),
        **asked.keys(),
        "aws:FederatedProvider": identity.provider_arn,
    }
    caller = CallerNames(account_id="", arn="", federated_provider=identity.provider_arn)
    policies = Policies(resource=(role_sessions.trust_of(role),))
    return decide(AccessRequest(caller, action, role.arn, Context(keys)), policies, union=False)


def _recorded(identity: WebIdentity) -> dict[str, Any]:
    return {
        "type": "WebIdentityUser",
        "principalId": f"{identity.provider_arn}:{identity.audience}:{identity.subject}",
        "userName": identity.subject,
        "identityProvider": identity.provider_arn,
    }


OPERATION = CompanionOperation(
    service=STS,
    name="AssumeRoleWithWebIdentity",
    request=AssumeRoleWithWebIdentityRequest,
    result=AssumeRoleWithWebIdentityResponse,
    access=Access.ANONYMOUS,
    resource=lambda request, _account_id, _caller: request.role_arn,
    mutates=False,
    handler=assume_role_with_web_identity,
    shown_request=(
        "role_arn",
        "role_session_name",
        "provider_id",
        "policy_arns",
        "policy",
        "duration_seconds",
    ),
    shown_response=(
        "credentials.access_key_id",
        "credentials.expiration",
        "subject_from_web_identity_token",
        "assumed_role_user",
        "packed_policy_size",
        "provider",
        "audience",
        "source_identity",
    ),
)
