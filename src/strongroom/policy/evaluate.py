"""What a decision is, and how a denial is told. How one is reached is in `decision`.

How a denial ends (recorded for identity and resource policies, documented for the others): it names the kind
of policy that lacks an Allow, or that holds a Deny. A role has one trust policy, hence its article
(documented).
"""

from __future__ import annotations

from typing import NamedTuple

from strongroom.domain.principal import Principal
from strongroom.errors import AccessDeniedException
from strongroom.policy.document import Policy, PolicyKind, Statement
from strongroom.policy.misses import Miss


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


def require_allowed(decision: Decision, principal: Principal, *, action: str, resource_as_sent: str | None) -> None:
    """Raise the recorded denial; the resource stands in it as the caller wrote it."""
    if not decision.allowed:
        resource = "" if resource_as_sent is None else f" on resource: {resource_as_sent}"
        raise AccessDeniedException(
            f"User: {principal.arn} is not authorized to perform: {action}{resource} {decision.reason}"
        )
