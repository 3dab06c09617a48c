"""The decision about a request, from all the policies that bear upon it.

Rules:
 1. A matching Deny in any policy in play denies, the account's root included (documented). Several policies
    of one kind count together. Told is the first kind that denies, in the order in which they are asked
    (documented): resource, identity, boundary, session.
 2. The root of an account is allowed everything by its identity (documented).
 3. In the resource's own account one Allow suffices, of an identity policy or of the resource policy
    (documented). A resource policy that names only the account delegates: identity policies still decide.
 4. From another account both must allow: the resource policy the caller or its account, and the caller's
    identity policies the action (documented). Their lack is told of the resource policy first (recorded).
 5. A permissions boundary must allow as well; but in the same account a resource policy grants past its
    silence when it names the user or the session itself, or everyone, not the role (read in another engine).
 6. Session policies, where there are some, must allow as well; but in the same account a resource policy that
    names the session itself grants past their silence (documented). Where it names everyone they still limit
    (inferred: what gives less away).
 7. A role's trust policy is no union with identity policies, nor is a key policy: it must allow, in the same
    account too. Where it names only the account, identity policies must allow as well (documented).
 8. A caller without identity policies, a service or who has a token only, must be named as what it is, and
    that suffices (inferred).
 9. Everything else is denied. The lack is told of the kind that comes first in: a resource policy that must
    allow, identity, boundary, session. With it go the misses among the policies that could have allowed.

An action without resource (`*`) is one in the caller's account; that statements about certain ARNs never
grant it follows from their patterns. What AWS has put into every account, with `aws` in the account's place,
is in the caller's own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple, TypeAlias

from strongroom.domain.arns import account_of
from strongroom.policy.access_request import NO_RESOURCE, AccessRequest, find_match_but_action
from strongroom.policy.callers import PrincipalMatch
from strongroom.policy.document import Effect, Policy, PolicyKind, Statement
from strongroom.policy.evaluate import Decision, allowed_by, denied_by, not_allowed
from strongroom.policy.misses import misses_of


class Policies(NamedTuple):
    """All that bears upon one request.

    Of `resource`, those of the resource, or of the role or key; `session` is None for a caller without
    session policies, who is not limited by any.
    """

    identity: Sequence[Policy] = ()
    resource: Sequence[Policy] = ()
    boundary: Policy | None = None
    session: Sequence[Policy] | None = None


class Verdict(NamedTuple):
    """What the policies of one kind say: the first Deny that matches, the Allow that names the caller best.

    `policy` is the one that the statement stands in.
    """

    deny: Statement | None = None
    allow: Statement | None = None
    match: PrincipalMatch | None = None
    policy: Policy | None = None


_SILENCE: Final = Verdict()


def judge(policies: Iterable[Policy], request: AccessRequest) -> Verdict:
    """Return the verdict of policies of one kind, whose statements count together."""
    best, allow, match = None, None, None
    for policy in policies:
        for statement in policy.statements_on(request.action):
            found = find_match_but_action(statement, request)
            if found is None:
                continue
            if statement.effect is Effect.DENY:
                return Verdict(deny=statement, policy=policy)
            if match is None or found > match:
                best, allow, match = policy, statement, found
    return _SILENCE if best is None else Verdict(allow=allow, match=match, policy=best)


def decide(request: AccessRequest, policies: Policies, *, union: bool = True) -> Decision:
    """Return the decision.

    Args:
        request: the question.
        policies: what bears upon it.
        union: an Allow of an identity policy suffices in the resource's own account; not so for roles, whose
            trust policies stand as `resource`.
    """
    verdicts = _Verdicts(
        judge(policies.resource, request) if policies.resource else _SILENCE,
        judge(policies.identity, request) if policies.identity else _SILENCE,
        None if policies.boundary is None else judge((policies.boundary,), request),
        None if policies.session is None else judge(policies.session, request),
    )
    for verdict in verdicts:
        if verdict is not None and verdict.deny is not None and verdict.policy is not None:
            return denied_by(verdict.policy, verdict.deny)
    lack = _find_lack(request, policies, verdicts, union=union)
    if lack is not None:
        kind, candidates = lack
        return not_allowed(kind, request.action, misses_of(candidates, request))
    resource, identity = verdicts.resource, verdicts.identity
    decided = resource if resource.allow is not None and identity.allow is None else identity
    return allowed_by(decided.policy, decided.allow)


class _Verdicts(NamedTuple):
    """In the order in which a Deny is told."""

    resource: Verdict
    identity: Verdict
    boundary: Verdict | None
    session: Verdict | None


_Lack: TypeAlias = tuple[PolicyKind, Iterable[Policy]]
"""The kind that should have allowed the request, and the policies that could have."""


def _find_lack(request: AccessRequest, policies: Policies, verdicts: _Verdicts, *, union: bool) -> _Lack | None:
    """Return what lacks an Allow, where nothing denies."""
    caller, match = request.caller, verdicts.resource.match
    is_local = request.resource_arn == NO_RESOURCE or account_of(request.resource_arn) in (caller.account_id, "aws")
    if caller.is_outside:
        return None if match is PrincipalMatch.CALLER else _resource_lack(policies, union=union)
    if match is None and not (is_local and union):
        return _resource_lack(policies, union=union)
    granted = match if is_local and match is not PrincipalMatch.ACCOUNT else None
    if granted is None and verdicts.identity.allow is None and not caller.is_root:
        return PolicyKind.IDENTITY, (*policies.identity, *(policies.resource if is_local else ()))
    return _find_limit(policies, verdicts, granted)


def _find_limit(policies: Policies, verdicts: _Verdicts, granted: PrincipalMatch | None) -> _Lack | None:
    """Return what limits the caller, past which the resource policy grants nothing."""
    boundary, session = verdicts.boundary, verdicts.session
    past_boundary = granted in (PrincipalMatch.EVERYONE, PrincipalMatch.CALLER)
    if policies.boundary is not None and boundary is not None and boundary.allow is None and not past_boundary:
        return PolicyKind.BOUNDARY, (policies.boundary,)
    if session is not None and session.allow is None and granted is not PrincipalMatch.CALLER:
        return PolicyKind.SESSION, policies.session or ()
    return None


def _resource_lack(policies: Policies, *, union: bool) -> _Lack:
    kind = policies.resource[0].kind if policies.resource else PolicyKind.RESOURCE if union else PolicyKind.TRUST
    return kind, policies.resource
