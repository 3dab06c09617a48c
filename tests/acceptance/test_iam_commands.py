"""`strongroom iam` on each of the two databases, beside a deployment that is running."""

from __future__ import annotations

import getpass
import json
from pathlib import Path
from typing import Any

import pytest

from strongroom.domain.identity import IdentityKind
from support.command_line import CommandLine
from support.deployment import Deployment
from support.factories import ACCOUNT_ID
from support.iam import READ_ALL, TRUST_ACCOUNT, Iam, allow, document, policy_arn
from support.issuer import private_key, public_jwk

MANAGED = "arn:aws:iam::aws:policy/SecretsManagerReadWrite"
ISSUER = "https://issuer.example/realm"


@pytest.fixture
def command(deployment: Deployment) -> CommandLine:
    return CommandLine(deployment)


@pytest.fixture
def iam(deployment: Deployment) -> Iam:
    return Iam(deployment)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    directory = tmp_path / "files"
    directory.mkdir()
    (directory / "read.json").write_text(READ_ALL)
    (directory / "trust.json").write_text(TRUST_ACCOUNT)
    (directory / "keys.json").write_text(json.dumps({"keys": [public_jwk()]}))
    (directory / "broken.json").write_text('{"Version": "2012-10-17", "Statement": [{"Effect": "Perhaps"}]}')
    return directory


def test_a_user_is_made_shown_and_deleted(command: CommandLine, iam: Iam) -> None:
    command.run("iam", "policies", "create", "limits", _written(command, READ_ALL))
    made = command.json(
        "iam", "users", "create", "alice", "--path", "/people/", "--boundary", "limits", "--tag", "a=b=c"
    )
    shown = iam("GetUser", UserName="alice")["User"]
    assert (made["Arn"], made["UserId"]) == (shown["Arn"], shown["UserId"])
    assert shown["Tags"] == [{"Key": "a", "Value": "b=c"}]
    assert shown["PermissionsBoundary"]["PermissionsBoundaryArn"] == policy_arn("limits")
    assert [user["UserName"] for user in command.json("iam", "users", "list")] == ["alice"]
    assert "/people/" in command.run("iam", "users", "list")
    assert "AttachedPolicies: []" in command.run("iam", "users", "show", "alice")
    assert "is deleted" in command.run("iam", "users", "delete", "alice")
    assert command.json("iam", "users", "list") == []


def test_a_user_that_has_something_is_deleted_only_by_force(command: CommandLine, files: Path) -> None:
    command.run("iam", "users", "create", "alice")
    command.run("iam", "groups", "create", "readers")
    command.run("iam", "groups", "add-user", "readers", "alice")
    command.run("iam", "users", "attach", "alice", "SecretsManagerReadWrite")
    command.run("iam", "users", "put-policy", "alice", "own", str(files / "read.json"))
    key = command.json("iam", "access-keys", "create", "--user", "alice")
    shown = command.json("iam", "users", "show", "alice")
    assert (shown["Groups"], shown["AttachedPolicies"]) == (["readers"], [MANAGED])
    assert json.loads(shown["InlinePolicies"]["own"]) == json.loads(READ_ALL)
    assert shown["AccessKeys"] == {key["AccessKeyId"]: "Active"}
    refusal = command.refused("iam", "users", "delete", "alice")
    assert (refusal.what, "--force" in refusal.next_step) == (
        "Cannot delete entity, must detach all policies first.",
        True,
    )
    command.run("iam", "users", "delete", "alice", "--force")
    assert command.json("iam", "groups", "show", "readers")["Users"] == []
    assert command.json("iam", "access-keys", "list") == []


def test_policies_are_attached_by_name_the_account_s_own_before_those_of_aws(
    command: CommandLine, iam: Iam, files: Path
) -> None:
    command.run("iam", "groups", "create", "readers")
    iam("CreatePolicy", PolicyName="AdministratorAccess", Path="/own/", PolicyDocument=READ_ALL)
    command.run("iam", "groups", "attach", "readers", "AdministratorAccess")
    command.run("iam", "groups", "attach", "readers", MANAGED)
    shown = command.json("iam", "groups", "show", "readers")
    assert set(shown["AttachedPolicies"]) == {policy_arn("AdministratorAccess", "/own/"), MANAGED}
    command.run("iam", "groups", "detach", "readers", "AdministratorAccess")
    command.run("iam", "groups", "put-policy", "readers", "p", str(files / "read.json"))
    command.run("iam", "groups", "delete-policy", "readers", "p")
    assert command.json("iam", "groups", "show", "readers")["InlinePolicies"] == {}
    assert "does not exist" in command.refused("iam", "groups", "attach", "readers", "nowhere").what


def test_a_refused_command_changes_nothing_and_its_refusal_is_on_record(command: CommandLine, iam: Iam) -> None:
    iam("CreatePolicy", PolicyName="limits", PolicyDocument=READ_ALL)
    iam("CreateUser", UserName="bound", PermissionsBoundary=policy_arn("limits"))
    iam("CreateUser", UserName="alice")
    iam("AttachUserPolicy", UserName="alice", PolicyArn=policy_arn("limits"))
    refusal = command.refused("iam", "policies", "delete", "limits", "--force")
    assert "DeleteConflict" in refusal.why
    attached = iam("ListAttachedUserPolicies", UserName="alice")["AttachedPolicies"]
    assert [policy["PolicyName"] for policy in attached] == ["limits"]
    (record,) = command.trail()
    assert (record["eventName"], record["errorCode"]) == ("DeletePolicy", "DeleteConflict")


def test_what_the_command_line_did_names_the_operator_and_no_secret(command: CommandLine) -> None:
    command.run("iam", "users", "create", "alice")
    secret = command.json("iam", "access-keys", "create", "--user", "alice")["SecretAccessKey"]
    records = command.trail()
    assert [record["eventName"] for record in records] == ["CreateUser", "CreateAccessKey"]
    assert all(
        record["userIdentity"] == {"type": "Operator", "userName": getpass.getuser(), "accountId": ACCOUNT_ID}
        for record in records
    )
    assert len({record["eventID"] for record in records}) == 2
    assert secret not in json.dumps(records)


def test_a_malformed_policy_is_refused_with_its_place(command: CommandLine, files: Path) -> None:
    command.run("iam", "users", "create", "alice")
    refusal = command.refused("iam", "users", "put-policy", "alice", "p", str(files / "broken.json"))
    assert "Statement[0]" in refusal.why
    assert "cannot be read" in command.refused("iam", "policies", "create", "p", str(files / "none.json")).what
    assert "alice is no tag" in command.refused("iam", "users", "create", "bob", "--tag", "alice").what


def test_a_role_is_made_trusted_anew_and_deleted(command: CommandLine, iam: Iam, files: Path) -> None:
    made = command.json(
        "iam",
        "roles",
        "create",
        "deploy",
        "--trust",
        str(files / "trust.json"),
        "--max-session",
        "7200",
        "--tag",
        "a=b",
    )
    assert made["Arn"] == iam("GetRole", RoleName="deploy")["Role"]["Arn"]
    command.run("iam", "roles", "attach", "deploy", MANAGED)
    shown = command.json("iam", "roles", "show", "deploy")
    assert (shown["MaxSessionDuration"], shown["AttachedPolicies"]) == (7200, [MANAGED])
    assert json.loads(shown["AssumeRolePolicyDocument"]) == json.loads(TRUST_ACCOUNT)
    iam("CreateUser", UserName="alice")
    other = document({"Effect": "Deny", "Principal": {"AWS": ACCOUNT_ID}, "Action": "sts:AssumeRole"})
    command.run("iam", "roles", "set-trust", "deploy", _written(command, other))
    assert iam("GetRole", RoleName="deploy")["Role"]["AssumeRolePolicyDocument"] == json.loads(other)
    assert "7200" in command.run("iam", "roles", "list")
    command.run("iam", "roles", "delete", "deploy", "--force")
    assert command.json("iam", "roles", "list") == []


def test_sessions_given_out_before_a_revocation_are_denied_everything(command: CommandLine, iam: Iam) -> None:
    iam("CreateRole", RoleName="deploy", AssumeRolePolicyDocument=TRUST_ACCOUNT)
    command.run("iam", "roles", "revoke-sessions", "deploy")
    put = iam("GetRolePolicy", RoleName="deploy", PolicyName="AWSRevokeOlderSessions")
    (statement,) = put["PolicyDocument"]["Statement"]
    assert (statement["Effect"], statement["Action"], statement["Resource"]) == ("Deny", ["*"], ["*"])
    revoked_at = statement["Condition"]["DateLessThan"]["aws:TokenIssueTime"]
    last = command.trail()[-1]
    assert revoked_at > last["eventTime"], "a session of this very second is revoked as well"


def test_a_policy_has_another_version_put_in_force_however_many_there_were(command: CommandLine, iam: Iam) -> None:
    command.run("iam", "policies", "create", "app", _written(command, READ_ALL), "--description", "of a test")
    for number in range(6):
        changed = document(allow(f"secretsmanager:Get{number}*"))
        command.run("iam", "policies", "update", "app", _written(command, changed))
    shown = command.json("iam", "policies", "show", "app")
    assert (json.loads(shown["Document"]), shown["DefaultVersionId"]) == (json.loads(changed), "v7")
    assert len(iam("ListPolicyVersions", PolicyArn=policy_arn("app"))["Versions"]) == 5
    iam("CreateUser", UserName="alice")
    command.run("iam", "users", "attach", "alice", "app")
    assert "attached" in command.refused("iam", "policies", "delete", "app").what
    command.run("iam", "policies", "delete", "app", "--force")
    assert policy_arn("app") not in [policy["Arn"] for policy in command.json("iam", "policies", "list")]


def test_access_keys_are_disabled_enabled_and_deleted_by_their_id(command: CommandLine) -> None:
    command.run("iam", "users", "create", "alice")
    printed = command.run("iam", "access-keys", "create", "--user", "alice").splitlines()
    assert [line.split(" = ")[0] for line in printed] == ["[alice]", "aws_access_key_id", "aws_secret_access_key"]
    key = printed[1].split(" = ")[1]
    (listed,) = command.json("iam", "access-keys", "list", "--user", "alice")
    assert (listed["AccessKeyId"], listed["Status"], listed["LastUsedDate"]) == (key, "Active", "never")
    for verb, status in (("disable", "Inactive"), ("enable", "Active")):
        assert status in command.run("iam", "access-keys", verb, key)
        assert command.json("iam", "access-keys", "list")[0]["Status"] == status
    command.run("iam", "access-keys", "delete", key)
    assert command.json("iam", "access-keys", "list") == []
    assert key in command.refused("iam", "access-keys", "delete", key).what


def test_a_key_of_the_root_is_not_touched_as_a_user_s(command: CommandLine) -> None:
    root_key = command.json("access-keys", "list")[0]["AccessKeyId"]
    for verb in ("disable", "enable", "delete"):
        assert "strongroom access-keys list" in command.refused("iam", "access-keys", verb, root_key).next_step
    assert command.json("access-keys", "list")[0]["Status"] == "Active"


def test_the_keys_of_a_provider_are_pinned_and_unpinned(
    command: CommandLine, deployment: Deployment, files: Path
) -> None:
    keys = str(files / "keys.json")
    command.run("iam", "providers", "create", ISSUER, "--audience", "app", "--jwks", keys)
    assert _pinned(deployment) == (files / "keys.json").read_text()
    assert command.json("iam", "providers", "show", ISSUER)["IsPinned"] is True
    command.run("iam", "providers", "unpin", ISSUER)
    assert _pinned(deployment) is None
    assert "fetched" in command.run("iam", "providers", "list")
    command.run("iam", "providers", "pin", ISSUER, keys)
    assert _pinned(deployment) is not None
    names = [record["eventName"] for record in command.trail()]
    assert names.count("PinOpenIDConnectProviderKeys") == 2
    assert "UnpinOpenIDConnectProviderKeys" in names
    command.run("iam", "providers", "delete", ISSUER)
    assert command.json("iam", "providers", "list") == []
    assert "not found" in command.refused("iam", "providers", "unpin", ISSUER).what


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"keys": []}', '{"keys": [{"kty": "oct", "k": "AA"}]}'])
def test_what_no_token_could_be_verified_with_is_not_pinned(
    command: CommandLine, deployment: Deployment, files: Path, content: str
) -> None:
    bad = files / "bad.json"
    bad.write_text(content)
    refusal = command.refused("iam", "providers", "create", ISSUER, "--audience", "app", "--jwks", str(bad))
    assert str(bad) in refusal.what
    assert command.json("iam", "providers", "list") == []


def test_a_private_key_is_refused_and_not_repeated(command: CommandLine, files: Path) -> None:
    secret = hex(private_key().private_numbers().d)
    bad = files / "bad.json"
    bad.write_text(json.dumps({"keys": [public_jwk(d=secret)]}))
    refusal = command.refused("iam", "providers", "create", ISSUER, "--audience", "app", "--jwks", str(bad))
    assert secret not in str(refusal)


def _pinned(deployment: Deployment) -> Any:
    found = deployment.node.storage.read(
        lambda tx: tx.identities.find(IdentityKind.PROVIDER, ACCOUNT_ID, ISSUER.removeprefix("https://"))
    )
    return found.key_set


def _written(command: CommandLine, text: str) -> str:
    path = command.deployment.config.data_dir.parent / "written.json"
    path.write_text(text)
    return str(path)
