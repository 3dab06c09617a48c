"""One question to the policies, and what one statement says to it."""

from __future__ import annotations

from typing import Final, NamedTuple

from strongroom.policy.callers import CallerNames, PrincipalMatch
from strongroom.policy.conditions import Context, matches
from strongroom.policy.document import Effect, Statement

NO_RESOURCE: Final = "*"
"""Stands for the resource of an action that has none."""


class AccessRequest(NamedTuple):
    """Who wants to do what to which resource, and the context that conditions are about.

    The action is `service:Name`; the resource its full ARN, or `*` for an action without one.
    """

    caller: CallerNames
    action: str
    resource_arn: str
    context: Context


def find_match(statement: Statement, request: AccessRequest) -> PrincipalMatch | None:
    """Return how the statement names the caller if it applies to the request, otherwise None."""
    return find_match_but_action(statement, request) if statement.actions.covers(request.action) else None


def find_match_but_action(statement: Statement, request: AccessRequest) -> PrincipalMatch | None:
    """Return the same, of a statement about the action that is asked for."""
    match = names_caller(statement, request)
    if match is None or not covers_resource(statement, request):
        return None
    denies = statement.effect is Effect.DENY
    return match if matches(statement.conditions, request.context, unknown_differs=denies) else None


def names_caller(statement: Statement, request: AccessRequest) -> PrincipalMatch | None:
    return PrincipalMatch.CALLER if statement.principals is None else statement.principals.match(request.caller)


def covers_resource(statement: Statement, request: AccessRequest) -> bool:
    """Return whether the statement is about the resource.

    An action without resource is not allowed by an exception from certain ARNs (read in another engine);
    such an exception from a Deny does not spare it.
    """
    resources, denies = statement.resources, statement.effect is Effect.DENY
    if resources is None:
        return True
    if resources.negated and request.resource_arn == NO_RESOURCE and not denies:
        return False
    return resources.covers(request.resource_arn, request.context.find_single, unknown_differs=denies)
