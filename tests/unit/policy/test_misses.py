"""What operators are told of a denial for want of an Allow, and what a decision looked at."""

from __future__ import annotations

import json
from typing import Any

import pytest

from strongroom.policy.access_request import AccessRequest
from strongroom.policy.callers import CallerNames
from strongroom.policy.conditions import Context
from strongroom.policy.decision import Policies, decide
from strongroom.policy.document import Policy, PolicyKind, parse_policy
from strongroom.policy.evaluate import Decision
from strongroom.policy.misses import MAX_MISSES, Difference, Miss

ACCOUNT, OTHER = "123456789012", "444455556666"
SECRET = f"arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:prod/db-a1b2c3"
GET = "secretsmanager:GetSecretValue"
USER = CallerNames(ACCOUNT, f"arn:aws:iam::{ACCOUNT}:user/mary")
ALLOW: dict[str, Any] = {"Effect": "Allow", "Action": GET, "Resource": "*"}
ONLY_CURRENT = {"StringEquals": {"secretsmanager:VersionStage": ["AWSCURRENT", "live"]}}


def policy(*statements: dict[str, Any], kind: PolicyKind = PolicyKind.IDENTITY, name: str | None = "readers") -> Policy:
    text = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
    return parse_policy(text, kind=kind, name=name)


def decision(*identity: Policy, context: Context | None = None, caller: CallerNames = USER, **others: Any) -> Decision:
    request = AccessRequest(caller, GET, SECRET, Context({}) if context is None else context)
    return decide(request, Policies(identity=identity, **others))


def miss(difference: Difference, wanted: tuple[str, ...], **others: Any) -> Miss:
    return Miss(PolicyKind.IDENTITY, "readers", "Statement[0]", None, difference, wanted, **others)


@pytest.mark.parametrize("context", [{}, {"secretsmanager:VersionStage": "AWSPREVIOUS"}])
def test_an_unmet_condition_is_told_with_its_key_and_never_with_the_request_s_value(context):
    found = decision(policy({**ALLOW, "Condition": ONLY_CURRENT}), context=Context(context))
    expected = miss(
        Difference.CONDITION,
        ("AWSCURRENT", "live"),
        operator="StringEquals",
        key="secretsmanager:VersionStage",
        present=bool(context),
    )
    assert (found.allowed, found.kind, found.misses) == (False, PolicyKind.IDENTITY, (expected,))
    assert "AWSPREVIOUS" not in repr(found)


def test_the_first_of_several_conditions_that_fails_is_told_with_its_prefix():
    block = {"Bool": {"aws:SecureTransport": "true"}, "ForAnyValue:StringLikeIfExists": {"aws:TagKeys": "a*"}}
    found = decision(policy({**ALLOW, "Condition": block}), context=Context({"aws:SecureTransport": "true"}))
    assert [each.operator for each in found.misses] == ["ForAnyValue:StringLikeIfExists"]


def test_another_resource_or_another_action_is_a_miss():
    elsewhere = "arn:aws:secretsmanager:*:*:secret:test/*"
    found = decision(policy({**ALLOW, "Resource": elsewhere}))
    assert found.misses == (miss(Difference.RESOURCE, (elsewhere,)),)
    found = decision(policy({**ALLOW, "Action": ["secretsmanager:Describe*", "s3:*"]}))
    assert found.misses == (miss(Difference.ACTION, ("secretsmanager:Describe*", "s3:*")),)


@pytest.mark.parametrize(
    "statement",
    [
        {**ALLOW, "Action": "s3:*", "Resource": "arn:aws:s3:::x"},
        {**ALLOW, "Action": "s3:*", "Condition": ONLY_CURRENT},
        {**ALLOW, "Resource": "arn:aws:s3:::x", "Condition": ONLY_CURRENT},
    ],
)
def test_what_differs_in_two_things_is_no_miss(statement):
    assert decision(policy(statement)).misses == ()


def test_a_deny_that_does_not_apply_and_another_s_allow_are_no_misses():
    denial = {**ALLOW, "Effect": "Deny", "Condition": ONLY_CURRENT}
    shared = policy({**ALLOW, "Principal": {"AWS": OTHER}, "Condition": ONLY_CURRENT}, kind=PolicyKind.RESOURCE)
    assert decision(policy(denial), resource=[shared]).misses == ()


def test_misses_are_bounded_and_conditions_come_first():
    others = [{**ALLOW, "Action": "s3:*"}] * 20
    found = decision(policy(*others), policy({**ALLOW, "Condition": ONLY_CURRENT}, name="late"))
    assert len(found.misses) == MAX_MISSES == 8
    assert [each.policy for each in found.misses] == ["late", *["readers"] * 7]


def test_the_misses_are_those_of_the_kind_that_lacks_an_allow():
    near = {**ALLOW, "Condition": ONLY_CURRENT}
    boundary = policy(near, kind=PolicyKind.BOUNDARY, name="limit")
    found = decision(policy(ALLOW), boundary=boundary)
    assert [(each.kind, each.policy) for each in found.misses] == [(PolicyKind.BOUNDARY, "limit")]
    session = policy(near, kind=PolicyKind.SESSION, name="narrow")
    assert [each.kind for each in decision(policy(ALLOW), session=[session]).misses] == [PolicyKind.SESSION]
    shared = policy({**near, "Principal": "*"}, kind=PolicyKind.RESOURCE, name="default")
    assert [each.kind for each in decision(policy(near), resource=[shared]).misses] == [
        PolicyKind.IDENTITY,
        PolicyKind.RESOURCE,
    ]
    partner = CallerNames(OTHER, f"arn:aws:iam::{OTHER}:root")
    assert [each.policy for each in decision(caller=partner, resource=[shared]).misses] == ["default"]


def test_who_is_allowed_or_denied_expressly_is_told_the_policy_and_no_misses():
    near, grant = policy({**ALLOW, "Condition": ONLY_CURRENT}, name="near"), policy(ALLOW, name="grant")
    allowed = decision(near, grant)
    assert (allowed.allowed, allowed.kind, allowed.policy, allowed.misses) == (True, PolicyKind.IDENTITY, "grant", ())
    denied = decision(near, grant, policy({**ALLOW, "Effect": "Deny"}, name="never"))
    assert (denied.allowed, denied.kind, denied.policy, denied.misses) == (False, PolicyKind.IDENTITY, "never", ())


def test_a_context_is_made_only_when_something_asks_for_it():
    made: list[int] = []

    def make() -> dict[str, str]:
        made.append(1)
        return {"aws:username": "mary"}

    context = Context.lazy(make)
    assert decision(policy(ALLOW), context=context).allowed
    assert (made, context.asked) == ([], set())
    named = {**ALLOW, "Condition": {"StringEquals": {"aws:UserName": "mary", "aws:Missing": "x"}}}
    assert not decision(policy(named), context=context).allowed
    assert (made, context.asked) == ([1], {"aws:username", "aws:missing"})


def test_a_context_tells_which_keys_were_looked_at_through_variables_too():
    context = Context({"aws:PrincipalTag/team": "prod"})
    arn = "arn:aws:secretsmanager:*:*:secret:${aws:PrincipalTag/team}/*"
    assert decision(policy({**ALLOW, "Resource": arn}), context=context).allowed
    assert context.asked == {"aws:principaltag/team"}
