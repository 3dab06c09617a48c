"""What is allowed surely and perhaps, when a condition's key is not known."""

from __future__ import annotations

import json
from typing import Any

import pytest

from strongroom.policy.access_request import AccessRequest
from strongroom.policy.callers import CallerNames
from strongroom.policy.conditions import Context
from strongroom.policy.decision import Policies, decide
from strongroom.policy.document import PolicyKind, parse_policy
from strongroom.policy.unknowns import perhaps, surely

UNKNOWN = {"StringEquals": {"aws:Unknown": "x"}}
HOLDS = {"StringEquals": {"aws:Known": "yes"}}
FAILS = {"StringEquals": {"aws:Known": "no"}}


def statement(effect: str, condition: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"Effect": effect, "Action": "*", "Resource": "*", **({} if condition is None else {"Condition": condition})}


def verdicts(*statements: dict[str, Any]) -> tuple[bool, bool]:
    text = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
    policies = Policies(identity=[parse_policy(text, kind=PolicyKind.IDENTITY)])
    caller = CallerNames("123456789012", "arn:aws:iam::123456789012:user/alice")
    request = AccessRequest(caller, "secretsmanager:ListSecrets", "*", Context({"aws:Known": "yes"}))
    supposed = (suppose(policies, lambda key: key != "aws:Unknown") for suppose in (surely, perhaps))
    sure, possible = (decide(request, each).allowed for each in supposed)
    return sure, possible


@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        ([statement("Allow")], (True, True)),
        ([statement("Allow", UNKNOWN)], (False, True)),
        ([statement("Allow", HOLDS)], (True, True)),
        ([statement("Allow", FAILS)], (False, False)),
        ([statement("Allow", {"StringEquals": UNKNOWN["StringEquals"] | HOLDS["StringEquals"]})], (False, True)),
        ([statement("Allow", {"StringEquals": UNKNOWN["StringEquals"] | FAILS["StringEquals"]})], (False, False)),
        ([statement("Allow"), statement("Deny", UNKNOWN)], (False, True)),
        ([statement("Allow"), statement("Deny")], (False, False)),
        ([statement("Allow"), statement("Deny", FAILS)], (True, True)),
        (
            [statement("Allow"), statement("Deny", {"StringEquals": UNKNOWN["StringEquals"] | FAILS["StringEquals"]})],
            (True, True),
        ),
        ([statement("Allow"), statement("Allow", UNKNOWN)], (True, True)),
    ],
)
def test_an_unknown_condition_grants_nothing_surely_and_denies_nothing_perhaps(
    statements: list[dict[str, Any]], expected: tuple[bool, bool]
) -> None:
    assert verdicts(*statements) == expected
