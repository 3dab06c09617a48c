"""What policies say when a part of the request is not known: what they allow surely, and what perhaps.

Rules, about a condition whose key is not known:
- Surely: an Allow under it may not apply, a Deny under it may. So the Allow is left out, and the Deny counts
  without the condition.
- Perhaps: the other way round.
- A statement whose known conditions do not hold applies in neither case; those are judged as always.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

from strongroom.policy.conditions import Condition
from strongroom.policy.decision import Policies
from strongroom.policy.document import Effect, Policy, Statement

IsKnown: TypeAlias = Callable[[str], bool]
"""Tells whether the value of a key is known, or that it has none; the key as it is written."""


def surely(policies: Policies, is_known: IsKnown) -> Policies:
    """Return policies that allow what these allow whatever is not known."""
    return _supposed(policies, is_known, kept=Effect.DENY)


def perhaps(policies: Policies, is_known: IsKnown) -> Policies:
    """Return policies that allow what these may allow."""
    return _supposed(policies, is_known, kept=Effect.ALLOW)


def unknown_conditions(statement: Statement, is_known: IsKnown) -> tuple[Condition, ...]:
    return tuple(condition for condition in statement.conditions if not is_known(condition.key))


def _supposed(policies: Policies, is_known: IsKnown, *, kept: Effect) -> Policies:
    def suppose(policy: Policy) -> Policy:
        statements = (_suppose(statement, is_known, kept) for statement in policy.statements)
        return replace(policy, statements=tuple(each for each in statements if each is not None))

    return Policies(
        identity=[suppose(policy) for policy in policies.identity],
        resource=[suppose(policy) for policy in policies.resource],
        boundary=None if policies.boundary is None else suppose(policies.boundary),
        session=None if policies.session is None else [suppose(policy) for policy in policies.session],
    )


def _suppose(statement: Statement, is_known: IsKnown, kept: Effect) -> Statement | None:
    unknown = unknown_conditions(statement, is_known)
    if not unknown:
        return statement
    if statement.effect is not kept:
        return None
    return replace(statement, conditions=tuple(each for each in statement.conditions if each not in unknown))
