"""What was nearly allowed: told to operators when a request is denied for want of an Allow.

A miss is an Allow that names the caller and would have allowed the request but for one thing: one of its
conditions, its resources, or its actions, and those that failed by a condition come first. Values of the
request are never part of it: of a condition's key it tells whether the request had it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import Final

from strongroom.policy.access_request import AccessRequest, covers_resource, names_caller
from strongroom.policy.conditions import find_unmet
from strongroom.policy.document import Effect, Policy, PolicyKind, Statement

MAX_MISSES: Final = 8


class Difference(StrEnum):
    CONDITION = "condition"
    RESOURCE = "resource"
    ACTION = "action"


@dataclass(frozen=True, slots=True)
class Miss:
    """One Allow that did not apply: where it stands, what differed, what it wanted.

    Of a condition: the operator, the key, and whether the request had the key.
    """

    kind: PolicyKind
    policy: str | None
    where: str
    sid: str | None
    difference: Difference
    wanted: tuple[str, ...]
    operator: str | None = None
    key: str | None = None
    present: bool | None = None


def misses_of(policies: Iterable[Policy], request: AccessRequest) -> tuple[Miss, ...]:
    """Return the misses, at most `MAX_MISSES`."""
    found = [miss for policy in policies for miss in _misses_of(policy, request)]
    order = list(Difference)
    return tuple(islice(sorted(found, key=lambda miss: order.index(miss.difference)), MAX_MISSES))


def _misses_of(policy: Policy, request: AccessRequest) -> Iterator[Miss]:
    for statement in policy.statements:
        if statement.effect is Effect.ALLOW and names_caller(statement, request) is not None:
            miss = _find_miss(policy, statement, request)
            if miss is not None:
                yield miss


def _find_miss(policy: Policy, statement: Statement, request: AccessRequest) -> Miss | None:
    has_action, has_resource = statement.actions.covers(request.action), covers_resource(statement, request)
    place = (policy.kind, policy.name, statement.where, statement.sid)
    if not has_action and not has_resource:
        return None
    unmet = find_unmet(statement.conditions, request.context)
    if has_action and has_resource:
        if unmet is None:
            return None
        present = request.context.find(unmet.key) is not None
        return Miss(*place, Difference.CONDITION, unmet.values, unmet.operator.name, unmet.key, present)
    if unmet is not None:
        return None
    if has_action:
        return Miss(*place, Difference.RESOURCE, () if statement.resources is None else statement.resources.written)
    return Miss(*place, Difference.ACTION, statement.actions.written)
