"""The decision about a resource that has policies of its own.

Rules:
1. A matching Deny in any policy in play denies, the account's root included (documented). A secret may
   have several resource policies: their statements count together.
2. In the resource's own account one Allow suffices, of an identity policy or of the resource policy
   (documented). A resource policy that names only the account delegates: identity policies still decide.
3. From another account both must allow: the resource policy the caller or its account, and the caller's
   identity policies the action (documented). Their lack is told of the resource policy first (recorded).
4. The root of an account is allowed everything by its identity (documented). Other principals have no
   identity policies here, so far: the resource policy must name them.
5. Everything else is denied.

Each kind of policy gives a `Verdict` on the request, and `decide_resource` combines them: identity
policies, boundaries and session policies are further verdicts, of which `Verdict.match` says what a
resource policy may grant past them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from strongroom.domain.principal import Principal
from strongroom.policy.conditions import Context, matches
from strongroom.policy.document import Effect, Policy, PolicyKind, Statement
from strongroom.policy.evaluate import Decision, denied_by, not_allowed
from strongroom.policy.matching import CallerNames, PrincipalMatch, names_of

_ARN_PARTS: Final = 6
_ACCOUNT_PART: Final = 4


@dataclass(frozen=True, slots=True)
class AccessRequest:
    """Who wants to do what to which resource, and the context that conditions are about."""

    caller: CallerNames
    action: str
    resource_arn: str
    context: Context


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the policies of one kind say: the first Deny that matches, the Allow that names the caller best."""

    deny: Statement | None = None
    allow: Statement | None = None
    match: PrincipalMatch | None = None


_SILENCE: Final = Verdict()
_ALLOWED: Final = Decision(allowed=True)


def judge(policies: Iterable[Policy], request: AccessRequest) -> Verdict:
    """Return the verdict of policies of one kind, whose statements count together."""
    allow, match = None, None
    for policy in policies:
        for statement in policy.statements:
            found = find_match(statement, request)
            if found is None:
                continue
            if statement.effect is Effect.DENY:
                return Verdict(deny=statement)
            if match is None or found > match:
                allow, match = statement, found
    return Verdict(allow=allow, match=match)


def find_match(statement: Statement, request: AccessRequest) -> PrincipalMatch | None:
    """Return how the statement names the caller if it applies to the request, otherwise None."""
    match = PrincipalMatch.CALLER if statement.principals is None else statement.principals.match(request.caller)
    if match is None or not statement.actions.covers(request.action):
        return None
    denies = statement.effect is Effect.DENY
    if statement.resources is not None and not statement.resources.covers(
        request.resource_arn, request.context.find_single, unknown_differs=denies
    ):
        return None
    return match if matches(statement.conditions, request.context, unknown_differs=denies) else None


def decide_resource(
    principal: Principal,
    *,
    action: str,
    resource_arn: str,
    context: Mapping[str, str | Sequence[str]],
    policies: Sequence[Policy],
    role_arn: str | None = None,
) -> Decision:
    """Return the decision.

    Args:
        principal: who calls.
        action: `service:Name`.
        resource_arn: the full ARN of the resource; `*` for an action without one, in the caller's account.
        context: the condition keys of the request.
        policies: all resource policies of the resource.
        role_arn: of a role session, the ARN of the role with its path.
    """
    caller = names_of(principal, role_arn=role_arn)
    resource = _SILENCE
    if policies:
        resource = judge(policies, AccessRequest(caller, action, resource_arn, Context(context)))
    if resource.deny is not None:
        return denied_by(PolicyKind.RESOURCE, resource.deny)
    identity_allows = caller.is_root
    if resource_arn == "*" or _account_of(resource_arn) == principal.account_id:
        names_caller = resource.match is not None and resource.match > PrincipalMatch.ACCOUNT
        if not identity_allows and not names_caller:
            return not_allowed(PolicyKind.IDENTITY, action)
    elif resource.allow is None:
        return not_allowed(PolicyKind.RESOURCE, action)
    elif not identity_allows:
        return not_allowed(PolicyKind.IDENTITY, action)
    return _ALLOWED if resource.allow is None else Decision(allowed=True, statement=resource.allow)


def _account_of(arn: str) -> str:
    parts = arn.split(":", _ARN_PARTS - 1)
    return parts[_ACCOUNT_PART] if len(parts) == _ARN_PARTS else ""  # of nobody's account
