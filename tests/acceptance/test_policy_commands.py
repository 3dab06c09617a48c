"""`strongroom policy`: what is told is what the service decides, and why."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from strongroom.audit.record import Origin
from strongroom.authorization import Caller
from strongroom.errors import AccessDeniedException
from strongroom.operations import OPERATIONS
from strongroom.wire import awsjson
from support.command_line import CommandLine
from support.deployment import OTHER_ACCOUNTS, Deployment
from support.factories import ACCOUNT_ID, REGION
from support.iam import TRUST_ACCOUNT, Iam, allow, deny, document, policy_arn

OTHER = OTHER_ACCOUNTS[0]
GET = "secretsmanager:GetSecretValue"
WHERE = ("--region", REGION)


@pytest.fixture
def command(deployment: Deployment) -> CommandLine:
    return CommandLine(deployment)


@pytest.fixture
def iam(deployment: Deployment) -> Iam:
    return Iam(deployment)


@pytest.fixture
def secret(deployment: Deployment) -> str:
    return deployment.create("app/db", Tags=[{"Key": "team", "Value": "a"}])


def put_policy(iam: Iam, name: str, *statements: dict[str, Any], kind: str = "User") -> None:
    iam(f"Put{kind}Policy", **{f"{kind}Name": name}, PolicyName="own", PolicyDocument=document(*statements))


def share(deployment: Deployment, principal: Any, **elements: Any) -> None:
    statement = {"Sid": "Share", "Effect": "Allow", "Principal": principal, "Action": GET, "Resource": "*", **elements}
    deployment.call("PutResourcePolicy", SecretId="app/db", ResourcePolicy=json.dumps({"Statement": statement}))


def simulate(command: CommandLine, principal: str, *options: str, status: int = 0) -> Any:
    arguments = ("--principal", principal, "--action", "GetSecretValue", "--secret", "app/db", *WHERE)
    (result,) = command.json("policy", "simulate", *arguments, *options, status=status)
    return result


def denial(deployment: Deployment, iam: Iam, request_id: str = "request-of-alice") -> AccessDeniedException:
    """Read the secret as alice, who must be denied."""
    operation = OPERATIONS["GetSecretValue"]
    request = awsjson.decode(b'{"SecretId": "app/db", "VersionStage": "AWSCURRENT"}', operation.request)
    origin = Origin(request_id, "192.0.2.7", "tests/1")
    with pytest.raises(AccessDeniedException) as caught:
        deployment.node.service.perform(operation, request, Caller(iam.as_user("alice").principal, REGION, origin))
    return caught.value


# simulate


def test_a_denial_is_simulated_in_the_very_sentence_of_the_service(
    command: CommandLine, deployment: Deployment, iam: Iam, secret: str
) -> None:
    iam("CreateUser", UserName="alice")
    for statements in ((), (deny(GET), allow(GET)), (allow(GET, f"{secret}x"),)):
        if statements:
            put_policy(iam, "alice", *statements)
        told = simulate(command, "user/alice", status=3)["told"]
        assert told == denial(deployment, iam).message


def test_what_decided_is_told_with_its_place(
    command: CommandLine, deployment: Deployment, iam: Iam, secret: str
) -> None:
    alice = iam.user("alice").principal.arn
    put_policy(iam, "alice", allow("*"), allow(GET, secret, Sid="Mine"))
    result = simulate(command, alice)
    assert (result["decision"], result["policyKind"]) == ("allowed", "identity-based policy")
    assert result["policy"] == f"own of {alice}"
    share(deployment, {"AWS": alice}, Effect="Deny")
    result = simulate(command, alice, status=3)
    assert (result["decision"], result["statement"]) == ("explicitDeny", {"where": "Statement", "sid": "Share"})
    told = command.run(
        "policy", "simulate", "--principal", alice, "--action", GET, "--secret", secret, *WHERE, status=3
    )
    assert "decided by: resource-based policy default, Statement (Sid Share)" in told


def test_a_condition_that_fails_is_told_with_what_it_wants_and_what_there_was(
    command: CommandLine, iam: Iam, secret: str
) -> None:
    iam("CreateUser", UserName="alice")
    wants = {"StringEquals": {"aws:ResourceTag/team": ["b", "c"]}}
    put_policy(iam, "alice", allow(GET, Condition=wants))
    (miss,) = simulate(command, "user/alice", status=3)["misses"]
    assert (miss["operator"], miss["key"]) == ("StringEquals", "aws:ResourceTag/team")
    assert (miss["wanted"], miss["had"]) == (["b", "c"], ["a"])
    put_policy(iam, "alice", allow(GET, Condition={"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}))
    (miss,) = simulate(command, "user/alice", status=3)["misses"]
    assert miss["had"] == [], "where a request comes from is not known unless it is given"
    assert simulate(command, "user/alice", "--context", "AWS:sourceip=192.0.2.9")["decision"] == "allowed"
    simulate(command, "user/alice", "--context", "aws:SourceIp=203.0.113.9", status=3)


def test_roles_and_the_root_are_asked_as_they_would_call(command: CommandLine, iam: Iam, secret: str) -> None:
    iam("CreateRole", RoleName="app", Path="/x/", AssumeRolePolicyDocument=TRUST_ACCOUNT)
    put_policy(iam, "app", allow(GET, Condition={"StringLike": {"aws:PrincipalArn": "*:role/x/app"}}), kind="Role")
    for name in ("role/app", "role/x/app", f"arn:aws:sts::{ACCOUNT_ID}:assumed-role/app/session"):
        assert simulate(command, name)["decision"] == "allowed"
    assert simulate(command, "root")["decision"] == "allowed"
    assert simulate(command, f"arn:aws:iam::{OTHER}:root", "--secret", secret, status=3)["decision"] == "implicitDeny"


def test_revoked_sessions_are_denied_and_new_ones_are_not(command: CommandLine, iam: Iam, secret: str) -> None:
    iam("CreateRole", RoleName="app", AssumeRolePolicyDocument=TRUST_ACCOUNT)
    put_policy(iam, "app", allow(GET), kind="Role")
    command.run("iam", "roles", "revoke-sessions", "app")
    old = simulate(command, "role/app", "--context", "aws:TokenIssueTime=2020-01-01T00:00:00Z", status=3)
    assert old["decision"] == "explicitDeny"
    simulate(command, "role/app", "--context", "aws:TokenIssueTime=2100-01-01T00:00:00Z")


def test_a_question_that_makes_no_sense_is_refused(command: CommandLine, secret: str) -> None:
    ask = ("policy", "simulate", "--secret", "app/db", *WHERE)
    assert "no principal user/bob" in command.refused(*ask, "--principal", "user/bob", "--action", GET).what
    assert "no action Read" in command.refused(*ask, "--principal", "root", "--action", "Read").what
    assert "KEY=VALUE" in command.refused(*ask, "--principal", "root", "--action", GET, "--context", "x").why
    wrong = ("policy", "simulate", "--secret", "a b", "--principal", "root", "--action", GET)
    assert "cannot name a secret" in command.refused(*wrong).what


def test_an_action_without_a_secret_is_asked_about_nothing(command: CommandLine, iam: Iam, secret: str) -> None:
    iam("CreateUser", UserName="alice")
    put_policy(iam, "alice", allow("secretsmanager:ListSecrets", secret))
    arguments = ("--principal", "user/alice", "--action", "listsecrets", "--secret", secret)
    (result,) = command.json("policy", "simulate", *arguments, status=3)
    assert (result["action"], result["resource"]) == ("secretsmanager:ListSecrets", "*")


# who-can


def test_everybody_who_may_is_told_and_nobody_else(
    command: CommandLine, deployment: Deployment, iam: Iam, secret: str
) -> None:
    for name in ("alice", "bob", "carol", "dora"):
        iam("CreateUser", UserName=name)
    iam("CreateRole", RoleName="app", AssumeRolePolicyDocument=TRUST_ACCOUNT)
    put_policy(iam, "alice", allow(GET, Condition={"StringEquals": {"aws:ResourceTag/team": "a"}}))
    put_policy(iam, "bob", allow(GET, Condition={"StringEquals": {"aws:ResourceTag/team": "b"}}))
    put_policy(iam, "carol", allow(GET, Condition={"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}))
    put_policy(iam, "dora", allow(GET), deny(GET, Condition={"StringNotEquals": {"secretsmanager:VersionStage": "X"}}))
    put_policy(iam, "app", allow("*"), kind="Role")
    found = {row["principal"].rpartition(":")[2]: row for row in command.json("policy", "who-can", GET, secret)}
    assert {name: row["decision"] for name, row in found.items()} == {
        "root": "allowed",
        "user/alice": "allowed",
        "user/carol": "conditional",
        "user/dora": "conditional",
        "role/app": "allowed",
    }
    assert found["user/carol"]["conditions"] == ["if IpAddress aws:SourceIp: 192.0.2.0/24"]
    assert found["user/dora"]["conditions"] == ["unless StringNotEquals secretsmanager:VersionStage: X"]
    assert "own of" in found["user/alice"]["by"]
    assert "user/alice" in command.run("policy", "who-can", "GetSecretValue", "app/db", *WHERE)


def test_other_accounts_that_the_secret_is_shared_with_are_told(
    command: CommandLine, deployment: Deployment, iam: Iam, secret: str
) -> None:
    other = replace(iam, principal=replace(iam.principal, account_id=OTHER, arn=f"arn:aws:iam::{OTHER}:root"))
    other("CreateUser", UserName="theirs")
    other("CreateUser", UserName="powerless")
    put_policy(other, "theirs", allow(GET))
    assert len(command.json("policy", "who-can", GET, secret)) == 1
    share(deployment, {"AWS": [OTHER], "Service": "lambda.amazonaws.com"})
    found = {row["principal"]: row["decision"] for row in command.json("policy", "who-can", GET, secret)}
    assert found == {
        f"arn:aws:iam::{ACCOUNT_ID}:root": "allowed",
        f"arn:aws:iam::{OTHER}:root": "allowed",
        f"arn:aws:iam::{OTHER}:user/theirs": "allowed",
        "lambda.amazonaws.com": "allowed",
    }


def test_who_can_agrees_with_simulate(command: CommandLine, iam: Iam, secret: str) -> None:
    iam("CreatePolicy", PolicyName="limits", PolicyDocument=document(allow("secretsmanager:Describe*")))
    iam("CreateUser", UserName="bound", PermissionsBoundary=policy_arn("limits"))
    iam("CreateUser", UserName="free")
    for name in ("bound", "free"):
        put_policy(iam, name, allow("*"))
    found = {row["principal"].rpartition("/")[2] for row in command.json("policy", "who-can", GET, secret)}
    assert ("free" in found, "bound" in found) == (True, False)
    simulate(command, "user/free")
    assert "boundary" in simulate(command, "user/bound", status=3)["told"]


def test_of_a_secret_that_is_not_there_nobody_is_told(command: CommandLine) -> None:
    assert "There is no secret nothing" in command.refused("policy", "who-can", GET, "nothing").what


# explain


def test_a_denied_call_is_explained_by_its_record_and_by_today(
    command: CommandLine, deployment: Deployment, iam: Iam, secret: str
) -> None:
    iam("CreateUser", UserName="alice")
    put_policy(iam, "alice", allow(GET, Condition={"StringEquals": {"aws:ResourceTag/team": "b"}}, Sid="OfTeam"))
    denial(deployment, iam)
    (call,) = command.json("policy", "explain", "request-of-alice")
    assert call["record"]["errorCode"] == "AccessDenied"
    assert call["today"]["decision"] == "implicitDeny"
    text = command.run("policy", "explain", "request-of-alice")
    assert "GetSecretValue by arn:aws:iam::" in text
    assert "from 192.0.2.7" in text
    assert "(Sid OfTeam)" in text
    assert "the request had another value" in text
    put_policy(
        iam,
        "alice",
        allow(
            GET,
            Condition={
                "IpAddress": {"aws:SourceIp": "192.0.2.7"},
                "StringEquals": {"secretsmanager:VersionStage": "AWSCURRENT"},
            },
        ),
    )
    assert "today: ALLOWED" in command.run("policy", "explain", "request-of-alice")
    iam("DeleteUserPolicy", UserName="alice", PolicyName="own")
    iam("DeleteUser", UserName="alice")
    assert "its caller is gone" in command.run("policy", "explain", "request-of-alice")


def test_each_call_within_a_request_is_explained(command: CommandLine, deployment: Deployment, secret: str) -> None:
    deployment.call("BatchGetSecretValue", SecretIdList=["app/db"])
    names = [call["record"]["eventName"] for call in command.json("policy", "explain", "request-id")]
    assert {"BatchGetSecretValue", "GetSecretValue"} <= set(names)


def test_of_an_unknown_request_it_is_told_where_was_looked(command: CommandLine) -> None:
    refusal = command.refused("policy", "explain", 'x","requestID":"')
    assert ("trail-0.jsonl" in refusal.why, "other nodes" in refusal.next_step) == (True, True)


# unused


def test_what_was_not_used_is_told(command: CommandLine, deployment: Deployment, iam: Iam, secret: str) -> None:
    for name in ("alice", "idle"):
        iam("CreateUser", UserName=name)
        put_policy(iam, name, allow([GET, "secretsmanager:DescribeSecret"]), deny("secretsmanager:DescribeSecret"))
        iam("CreateAccessKey", UserName=name)
    operation = OPERATIONS["GetSecretValue"]
    request = awsjson.decode(b'{"SecretId": "app/db"}', operation.request)
    caller = Caller(iam.as_user("alice").principal, REGION, Origin("r", "192.0.2.7", None))
    deployment.node.service.perform(operation, request, caller)
    report = command.json("policy", "unused", "--days", "36500")
    unused = {row["arn"].rpartition("/")[2]: row["unusedActions"] for row in report["permissions"]}
    assert unused == {"idle": [GET]}, "what is denied outright is not granted"
    assert report["trails"]["first"] <= report["trails"]["last"]
    assert report["identities"] == [], "nobody is as old as that"
    text = command.run("policy", "unused", "--days", "1")
    assert "those of other nodes are not seen" in text
    assert GET in text
