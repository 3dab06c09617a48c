"""The decision about one action on one resource.

Rules:
- The root of an account may do everything in that account.
- Another account's secret needs a resource policy that allows the caller; without one the answer is a
  denial, whether or not the secret exists (recorded: authorization comes before existence).
- Nothing else is allowed.
"""

from __future__ import annotations

from dataclasses import dataclass

from strongroom.domain.principal import Principal, root_arn
from strongroom.errors import AccessDeniedException


@dataclass(frozen=True, slots=True)
class Decision:
    """Allowed, or why not; the reason ends the denial's sentence."""

    allowed: bool
    reason: str = ""


def decide(principal: Principal, *, action: str, resource_account: str) -> Decision:
    if principal.account_id != resource_account:
        return Decision(allowed=False, reason=f"because no resource-based policy allows the {action} action")
    if principal.arn == root_arn(principal.account_id):
        return Decision(allowed=True)
    return Decision(allowed=False, reason=f"because no identity-based policy allows the {action} action")


def require_allowed(decision: Decision, principal: Principal, *, action: str, resource_as_sent: str | None) -> None:
    """Raise the recorded denial; the resource stands in it as the caller wrote it."""
    if not decision.allowed:
        resource = "" if resource_as_sent is None else f" on resource: {resource_as_sent}"
        raise AccessDeniedException(
            f"User: {principal.arn} is not authorized to perform: {action}{resource} {decision.reason}"
        )
