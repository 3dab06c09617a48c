"""What a decision is, and how a denial is told. How one is reached is in `decision`.

How a denial ends (recorded for identity and resource policies, documented for the others): it names the kind
of policy that lacks an Allow, or that holds a Deny. A role has one trust policy, hence its article
(documented).
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from strongroom.domain.principal import Principal
from strongroom.errors import AccessDeniedException, ServiceError
from strongroom.policy.document import UNREADABLE, Policy, PolicyKind, Statement
from strongroom.policy.misses import Miss

MAX_WANTED: Final = 8
"""Values of one miss that a trail keeps, each of at most `MAX_WANTED_LENGTH` characters."""

MAX_WANTED_LENGTH: Final = 256


class Decision(NamedTuple):
    """Allowed, or why not; the reason ends the denial's sentence.

    The rest is for operators, never for the wire: `kind` is the kind of policy that decided or lacks an
    Allow, `statement` the one that decided, if one did, `policy` the name of its policy, and `misses` are
    the statements that would have allowed the request but for one thing.
    """

    allowed: bool
    reason: str = ""
    statement: Statement | None = None
    kind: PolicyKind | None = None
    policy: str | None = None
    misses: tuple[Miss, ...] = ()


def allowed_by(policy: Policy | None, statement: Statement | None) -> Decision:
    """Return that the request is allowed; of a root, no policy says so."""
    if policy is None:
        return _BY_IDENTITY
    return Decision(allowed=True, statement=statement, kind=policy.kind, policy=policy.name)


def not_allowed(kind: PolicyKind, action: str, misses: tuple[Miss, ...] = ()) -> Decision:
    """Return the denial for want of an Allow."""
    return Decision(allowed=False, reason=f"because no {kind} allows the {action} action", kind=kind, misses=misses)


def denied_by(policy: Policy, statement: Statement) -> Decision:
    """Return the denial by an explicit Deny."""
    kind = policy.kind
    article = _ARTICLES.get(kind, "a")
    reason = f"with an explicit deny in {article} {kind}"
    return Decision(allowed=False, reason=reason, statement=statement, kind=kind, policy=policy.name)


_BY_IDENTITY = Decision(allowed=True)
_ARTICLES = {PolicyKind.IDENTITY: "an", PolicyKind.TRUST: "the"}


def because(denial: AccessDeniedException, decision: Decision) -> AccessDeniedException:
    """Return a denial with its reasons for operators."""
    denial.details = {"authorization": details_of(decision)}
    return denial


def is_by_unreadable(denial: ServiceError) -> bool:
    """Tell whether a denial came of a stored policy that cannot be read, which operators must mend."""
    statement = ((denial.details or {}).get("authorization") or {}).get("statement")
    return statement is not None and statement["sid"] == UNREADABLE


def details_of(decision: Decision) -> dict[str, Any]:
    """Return why a denial was one, as the audit trail keeps it; never part of an answer."""
    statement = decision.statement
    return {
        "decision": "implicitDeny" if statement is None else "explicitDeny",
        "policyKind": None if decision.kind is None else decision.kind.value,
        "policy": decision.policy,
        "statement": None if statement is None else {"where": statement.where, "sid": statement.sid},
        "misses": [_shown(miss) for miss in decision.misses],
    }


def _shown(miss: Miss) -> dict[str, Any]:
    differs = {"operator": miss.operator, "key": miss.key, "present": miss.present} if miss.key is not None else {}
    return {
        "policyKind": miss.kind.value,
        "policy": miss.policy,
        "where": miss.where,
        "sid": miss.sid,
        "differs": miss.difference.value,
        "wanted": [text[:MAX_WANTED_LENGTH] for text in miss.wanted[:MAX_WANTED]],
        **differs,
    }


def require_allowed(decision: Decision, principal: Principal, *, action: str, resource_as_sent: str | None) -> None:
    """Raise the recorded denial; the resource stands in it as the caller wrote it."""
    if not decision.allowed:
        resource = "" if resource_as_sent is None else f" on resource: {resource_as_sent}"
        denial = AccessDeniedException(
            f"User: {principal.arn} is not authorized to perform: {action}{resource} {decision.reason}"
        )
        raise because(denial, decision)
