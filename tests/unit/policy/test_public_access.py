from __future__ import annotations

import json
from typing import Any

import pytest

from strongroom.errors import MalformedPolicyDocumentException, PublicPolicyException
from strongroom.policy.document import Policy, PolicyKind, parse_policy
from strongroom.policy.public_access import (
    BROAD_ACCESS_CHECK,
    LOCK_OUT_CHECK,
    Finding,
    find_broad_statements,
    locks_out,
    require_not_public,
    validation_findings,
)

ACCOUNT, OTHER = "123456789012", "444455556666"
ROOT = f"arn:aws:iam::{ACCOUNT}:root"
SECRET = f"arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:prod/db-a1b2c3"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/path/admin"
SESSION = f"arn:aws:sts::{ACCOUNT}:assumed-role/admin/one"
USER = f"arn:aws:iam::{ACCOUNT}:user/mary"
CHANGES = ["secretsmanager:PutResourcePolicy", "secretsmanager:DeleteResourcePolicy"]


def text(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def policy(*statements: dict[str, Any]) -> Policy:
    return parse_policy(text(*statements), kind=PolicyKind.RESOURCE)


def allow(principal: Any = "*", condition: Any = None, **elements: Any) -> dict[str, Any]:
    action = "secretsmanager:GetSecretValue"
    statement = {"Effect": "Allow", "Principal": principal, "Action": action, "Resource": "*", **elements}
    return statement if condition is None else {**statement, "Condition": condition}


def deny(principal: Any = "*", action: Any = "secretsmanager:*", **elements: Any) -> dict[str, Any]:
    return {**allow(principal), "Effect": "Deny", "Action": action, **elements}


def deny_others(*principals: str) -> dict[str, Any]:
    statement = deny()
    del statement["Principal"]
    return {**statement, "NotPrincipal": {"AWS": list(principals)}}


def is_public(*statements: dict[str, Any]) -> bool:
    return bool(find_broad_statements(policy(*statements)))


@pytest.mark.parametrize(
    "principal", ["*", {"AWS": "*"}, {"AWS": [ACCOUNT, "*"]}, {"AWS": "*", "Service": "s3.amazonaws.com"}]
)
def test_an_allow_for_everyone_is_broad(principal):
    assert is_public(allow(principal))


@pytest.mark.parametrize(
    "principal",
    [
        {"AWS": ACCOUNT},
        {"AWS": [OTHER, "arn:aws:iam::777788889999:user/x"]},
        {"Service": "s3.amazonaws.com"},
        {"Federated": "accounts.google.com"},
    ],
)
def test_named_principals_are_not_broad(principal):
    assert not is_public(allow(principal))


def test_a_deny_for_everyone_is_not_broad_and_rescues_nothing():
    assert not is_public(deny())
    assert is_public(allow(), deny(Condition={"StringNotEquals": {"aws:SourceVpce": "vpce-1"}}))
    assert not is_public(deny_others(ROOT))


@pytest.mark.parametrize(
    "condition",
    [
        {"StringEquals": {"aws:SourceVpce": "vpce-1a2b3c4d"}},
        {"StringEquals": {"AWS:sourcevpc": ["vpc-1", "vpc-2"]}},
        {"StringEquals": {"aws:PrincipalOrgID": "o-a1b2c3d4e5"}},
        {"StringEquals": {"aws:SourceAccount": ACCOUNT}},
        {"StringEquals": {"aws:PrincipalAccount": [ACCOUNT, OTHER]}},
        {"StringEquals": {"aws:userid": "AIDAEXAMPLE"}},
        {"StringLike": {"aws:SourceAccount": ACCOUNT}},
        {"ForAnyValue:StringEquals": {"aws:PrincipalOrgPaths": "o-a1b2c3d4e5/r-ab12/"}},
        {"ArnEquals": {"aws:SourceArn": "arn:aws:s3:::one-bucket"}},
        {"ArnLike": {"aws:PrincipalArn": f"arn:aws:iam::{ACCOUNT}:role/*"}},
        {"ArnLike": {"aws:PrincipalArn": f"arn:*:iam:*:{ACCOUNT}:role/${{aws:username}}"}},
        {"StringLike": {"aws:PrincipalArn": f"arn:aws:iam::{ACCOUNT}:*"}},
        {"IpAddress": {"aws:SourceIp": ["203.0.113.0/24", "2001:db8::/32"]}},
        {"IpAddress": {"aws:SourceIp": ["0.0.0.0/1"]}},
        {"StringEquals": {"aws:SourceAccount": ACCOUNT}, "Bool": {"aws:SecureTransport": "true"}},
    ],
)
def test_something_fixed_makes_it_narrow(condition):
    assert not is_public(allow(condition=condition))


@pytest.mark.parametrize(
    "condition",
    [
        {},
        {"Bool": {"aws:SecureTransport": "true"}},
        {"StringEquals": {"aws:RequestedRegion": "us-east-1"}},
        {"StringEquals": {"aws:ResourceTag/team": "blue"}},
        {"StringNotEquals": {"aws:SourceAccount": ACCOUNT}},
        {"StringEqualsIfExists": {"aws:SourceAccount": ACCOUNT}},
        {"ForAllValues:StringEquals": {"aws:SourceAccount": ACCOUNT}},
        {"Null": {"aws:SourceAccount": "false"}},
        {"NumericEquals": {"aws:SourceAccount": ACCOUNT}},
        {"StringLike": {"aws:SourceAccount": "1234*"}},
        {"StringLike": {"aws:SourceAccount": [ACCOUNT, "*"]}},
        {"StringLike": {"aws:userid": "AROAEXAMPLE:*"}},
        {"StringEquals": {"aws:SourceAccount": "${aws:PrincipalAccount}"}},
        {"ArnLike": {"aws:SourceArn": "arn:aws:s3:::*"}},
        {"ArnLike": {"aws:SourceArn": "arn:aws:sns:us-east-1:*:topic"}},
        {"ArnLike": {"aws:SourceArn": "arn:aws:sns*"}},
        {"ArnLike": {"aws:SourceArn": [f"arn:aws:sns:*:{ACCOUNT}:*", "*"]}},
        {"StringLike": {"aws:SourceArn": f"arn:aws:*:*:{ACCOUNT}:*"}},  # the stars may span another account
        {"IpAddress": {"aws:SourceIp": "0.0.0.0/0"}},
        {"IpAddress": {"aws:SourceIp": ["203.0.113.0/24", "::/0"]}},
        {"IpAddress": {"aws:SourceIp": ["0.0.0.0/1", "128.0.0.0/1"]}},
        {"NotIpAddress": {"aws:SourceIp": "203.0.113.0/24"}},
        {"IpAddressIfExists": {"aws:SourceIp": "203.0.113.0/24"}},
        {"StringLike": {"aws:SourceIp": "203.0.113.1"}},
        {"IpAddress": {"aws:VpcSourceIp": "203.0.113.1"}},
    ],
)
def test_what_fixes_nothing_leaves_it_broad(condition):
    assert is_public(allow(condition=condition))


def test_public_policies_are_refused_with_the_documented_sentence():
    require_not_public(policy(allow({"AWS": OTHER})))
    with pytest.raises(PublicPolicyException) as refused:
        require_not_public(policy(allow({"AWS": OTHER}), allow(), allow({"AWS": "*"})))
    assert refused.value.message == "You can't attach a resource-based policy that allows broad access to the secret."
    assert refused.value.__notes__ == ["Statement[1], Statement[2]"]


@pytest.mark.parametrize(
    "statements",
    [
        [deny()],
        [deny({"AWS": ACCOUNT})],
        [deny({"AWS": ROOT}, "*")],
        [deny(action=CHANGES)],
        [deny(action=CHANGES[0]), deny(action=CHANGES[1])],
        [allow({"AWS": USER}, Action="*"), deny()],
        [deny_others(f"arn:aws:iam::{OTHER}:root")],
        [deny_others(ROOT), deny({"AWS": ACCOUNT})],
        [deny_others(USER)],  # its account is not listed
        [deny_others(ROOT), deny({"AWS": ACCOUNT}, CHANGES)],
    ],
)
def test_a_deny_of_the_whole_account_locks_it_out(statements):
    assert locks_out(policy(*statements), ROOT)


@pytest.mark.parametrize(
    "statements",
    [
        [allow()],
        [deny({"AWS": OTHER})],
        [deny({"AWS": [USER, ROLE]})],
        [deny(action="secretsmanager:GetSecretValue")],
        [deny(action=CHANGES[0])],
        [deny(Condition={"StringNotEquals": {"aws:SourceVpce": "vpce-1"}})],
        [deny_others(ROOT)],
        [deny_others(ROOT, USER)],
        [deny_others(ROOT, ROLE, SESSION)],
        [deny_others(ROOT, f"arn:aws:iam::{ACCOUNT}:role/admin", SESSION)],
        [deny({"Service": "s3.amazonaws.com"})],
    ],
)
def test_somebody_left_is_no_lock_out(statements):
    assert not locks_out(policy(*statements), ROOT)


def test_a_session_that_is_spared_must_have_account_and_role_listed():
    assert locks_out(policy(deny_others(SESSION)), ROOT)
    assert locks_out(policy(deny_others(ROLE, SESSION)), ROOT)
    assert locks_out(policy(deny_others(SESSION, ROLE, OTHER)), ROOT)


def test_the_secret_may_be_given_to_see_which_deny_is_about_it():
    about_another = policy(deny(Resource=SECRET.replace("prod", "test")))
    assert locks_out(about_another, ROOT)
    assert not locks_out(about_another, ROOT, resource_arn=SECRET)
    assert locks_out(policy(deny(Resource=SECRET)), ROOT, resource_arn=SECRET)
    by_variable = policy(deny(Resource="arn:aws:secretsmanager:*:*:secret:${aws:PrincipalTag/x, 'prod'}/*"))
    assert not locks_out(by_variable, ROOT, resource_arn=SECRET)


BROAD = "This resource policy grants broad access to your secret. See Statement[{}]."
LOCKED = "Your requested changes will not allow you to manage this secret in the future."


@pytest.mark.parametrize(
    ("statements", "findings"),
    [
        ([allow({"AWS": OTHER})], []),
        ([allow()], [Finding(BROAD_ACCESS_CHECK, BROAD.format(0))]),
        ([deny()], [Finding(LOCK_OUT_CHECK, LOCKED)]),
        (
            [allow(), deny(), allow({"AWS": "*"})],
            [
                Finding(BROAD_ACCESS_CHECK, BROAD.format(0)),
                Finding(BROAD_ACCESS_CHECK, BROAD.format(2)),
                Finding(LOCK_OUT_CHECK, LOCKED),
            ],
        ),
    ],
)
def test_findings_are_reported_together(statements, findings):
    assert validation_findings(text(*statements), account_root=ROOT) == findings


def test_findings_keep_to_the_secret_that_is_given():
    about_another = text(deny(Resource=SECRET.replace("prod", "test")))
    assert validation_findings(about_another, account_root=ROOT, resource_arn=SECRET) == []


@pytest.mark.parametrize("broken", ["notjson", text(), text(allow(Effect="Maybe")), text(allow({"AWS": USER}))])
def test_what_cannot_be_read_raises(broken):
    with pytest.raises(MalformedPolicyDocumentException):
        validation_findings(broken, account_root=ROOT, exists=lambda _: False)
