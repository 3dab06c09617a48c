"""What a decision is, and how a denial is told. How one is reached is in `decision`.

How a denial ends (recorded): it names the kind of policy that lacks an Allow, or that holds a Deny.
"""

from __future__ import annotations

from dataclasses import dataclass

from strongroom.domain.principal import Principal
from strongroom.errors import AccessDeniedException
from strongroom.policy.document import PolicyKind, Statement


@dataclass(frozen=True, slots=True)
class Decision:
    """Allowed, or why not; the reason ends the denial's sentence.

    `statement` is the one that decided, if one did: for operators, never for the wire.
    """

    allowed: bool
    reason: str = ""
    statement: Statement | None = None


def not_allowed(kind: PolicyKind, action: str) -> Decision:
    """Return the denial for want of an Allow."""
    return Decision(allowed=False, reason=f"because no {kind} allows the {action} action")


def denied_by(kind: PolicyKind, statement: Statement) -> Decision:
    """Return the denial by an explicit Deny."""
    article = "an" if kind is PolicyKind.IDENTITY else "a"
    return Decision(allowed=False, reason=f"with an explicit deny in {article} {kind}", statement=statement)


def require_allowed(decision: Decision, principal: Principal, *, action: str, resource_as_sent: str | None) -> None:
    """Raise the recorded denial; the resource stands in it as the caller wrote it."""
    if not decision.allowed:
        resource = "" if resource_as_sent is None else f" on resource: {resource_as_sent}"
        raise AccessDeniedException(
            f"User: {principal.arn} is not authorized to perform: {action}{resource} {decision.reason}"
        )
