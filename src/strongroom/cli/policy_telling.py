"""Decisions of policies in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

_VERDICTS = {
    "allowed": "ALLOWED",
    "explicitDeny": "DENIED by a statement",
    "implicitDeny": "DENIED, for nothing allows it",
}


def told_decision(result: Mapping[str, Any]) -> str:
    """Return a decision as `Question.explained` gives it, in lines."""
    lines = [f"{_VERDICTS[result['decision']]}: {result['action']} on {result['resource']} by {result['principal']}"]
    if not result["exists"]:
        lines.append("  there is no such secret: this is what is decided before that is told")
    if result["told"] is not None:
        lines.append(f"  the client is told: {result['told']}")
    return "\n".join([*lines, *told_reason(result)])


def told_reason(details: Mapping[str, Any]) -> Iterable[str]:
    """Yield what decided, and what nearly allowed; the details are those of the audit trail."""
    statement = details.get("statement")
    if statement is not None:
        yield f"  decided by: {place(details['policyKind'], details['policy'], statement['where'], statement['sid'])}"
    elif details.get("decision") == "allowed":
        yield "  decided by: nothing limits the account's root"
    for miss in details.get("misses") or ():
        yield f"  nearly allowed by: {place(miss['policyKind'], miss['policy'], miss['where'], miss['sid'])}"
        yield f"    {_difference(miss)}"


def place(kind: str | None, policy: str | None, where: str, sid: str | None) -> str:
    """Return where a statement stands."""
    of_sid = "" if sid is None else f" (Sid {sid})"
    return f"{kind} {policy or 'without name'}, {where}{of_sid}"


def told_condition(operator: str, key: str, values: Iterable[str]) -> str:
    return f"{operator} {key}: {', '.join(values)}"


def _difference(miss: Mapping[str, Any]) -> str:
    wanted = ", ".join(miss["wanted"])
    if miss["differs"] != "condition":
        return f"its {miss['differs']} is another: {wanted}"
    if "had" in miss:
        had = f"the request has {', '.join(miss['had'])}" if miss["had"] else "the request has no such key"
    else:
        had = "the request had another value" if miss["present"] else "the request had no such key"
    return f"its condition does not hold: {told_condition(miss['operator'], miss['key'], [wanted])}; {had}"
