"""`strongroom iam apply`: what a file declares is there afterwards, all of it or nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from strongroom.cli.iam_document import MARK
from support.command_line import CommandLine
from support.deployment import config_for, deployed
from support.factories import ACCOUNT_ID
from support.iam import READ_ALL, TRUST_ACCOUNT, Iam, allow, document, policy_arn, trust
from support.issuer import public_jwk

DECLARATION = """
[policies.app-read]
document = "read.json"
path = "/apps/"
tags = { team = "a" }

[providers."https://issuer.example"]
audiences = ["app"]
jwks_file = "keys.json"

[groups.readers]
attached = ["app-read"]

[users.alice]
path = "/people/"
groups = ["readers"]
attached = ["SecretsManagerReadWrite"]
boundary = "app-read"
tags = { team = "a" }

[users.alice.policies.own]
Version = "2012-10-17"
Statement = [{ Effect = "Allow", Action = "secretsmanager:ListSecrets", Resource = "*" }]

[roles.after]
[roles.after.trust]
Version = "2012-10-17"
[[roles.after.trust.Statement]]
Effect = "Allow"
Action = "sts:AssumeRole"
Principal = { AWS = "arn:aws:iam::123456789012:role/before" }

[roles.before]
trust = "trust.json"
max_session = 7200
description = "of a test"
policies = { read = "read.json" }
"""


@pytest.fixture
def command(deployment: Any) -> CommandLine:
    return CommandLine(deployment)


@pytest.fixture
def iam(command: CommandLine) -> Iam:
    return Iam(command.deployment)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    directory = tmp_path / "identities"
    directory.mkdir()
    (directory / "read.json").write_text(READ_ALL)
    (directory / "trust.json").write_text(TRUST_ACCOUNT)
    (directory / "keys.json").write_text(json.dumps({"keys": [public_jwk()]}))
    return directory


def declare(directory: Path, content: str | dict[str, Any]) -> str:
    """Write a declaration, TOML as text or JSON as a value, and return its path."""
    path = directory / ("identities.toml" if isinstance(content, str) else "identities.json")
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return str(path)


def names(iam: Iam) -> dict[str, list[str]]:
    """Return the names of all entities of the account."""
    kinds = (("User", "Users"), ("Group", "Groups"), ("Role", "Roles"))
    found = {plural: [each[f"{one}Name"] for each in iam(f"List{plural}")[plural]] for one, plural in kinds}
    policies = [each["PolicyName"] for each in iam("ListPolicies", Scope="Local")["Policies"]]
    providers = [each["Arn"] for each in iam("ListOpenIDConnectProviders")["OpenIDConnectProviderList"]]
    return {**found, "Policies": policies, "Providers": providers}


def test_what_is_declared_is_there_and_a_second_application_has_nothing_to_do(
    command: CommandLine, iam: Iam, directory: Path
) -> None:
    path = declare(directory, DECLARATION)
    before = names(iam)
    planned = command.json("iam", "apply", path, "--dry-run", status=2)
    assert names(iam) == before, "a dry run changes nothing"
    applied = command.json("iam", "apply", path)
    assert (planned["Changes"], planned["Applied"], applied["Applied"]) == (applied["Changes"], False, True)
    assert names(iam) == {
        "Users": ["alice"],
        "Groups": ["readers"],
        "Roles": ["after", "before"],
        "Policies": ["app-read"],
        "Providers": [f"arn:aws:iam::{ACCOUNT_ID}:oidc-provider/issuer.example"],
    }
    alice = command.json("iam", "users", "show", "alice")
    assert (alice["Path"], alice["Groups"], list(alice["InlinePolicies"])) == ("/people/", ["readers"], ["own"])
    assert alice["PermissionsBoundary"]["PermissionsBoundaryArn"] == policy_arn("app-read", "/apps/")
    assert {tag["Key"]: tag["Value"] for tag in alice["Tags"]} == {"team": "a", MARK: "true"}
    role = iam("GetRole", RoleName="before")["Role"]
    assert (role["MaxSessionDuration"], role["Description"]) == (7200, "of a test")
    assert command.json("iam", "providers", "show", "https://issuer.example")["IsPinned"] is True
    assert command.json("iam", "apply", path)["Changes"] == []
    assert "nothing to do" in command.run("iam", "apply", path, "--dry-run")


def test_what_is_no_longer_declared_of_an_entity_is_taken_away(command: CommandLine, iam: Iam, directory: Path) -> None:
    command.run("iam", "apply", declare(directory, DECLARATION))
    command.run("iam", "roles", "revoke-sessions", "before")
    changed = {
        "policies": {"app-read": {"document": json.loads(document(allow("secretsmanager:DescribeSecret")))}},
        "providers": {"https://issuer.example": {"audiences": ["other"]}},
        "groups": {"readers": {}},
        "users": {"alice": {"tags": {"Team": "b"}}},
        "roles": {"before": {"trust": json.loads(trust(f"arn:aws:iam::{ACCOUNT_ID}:user/people/alice"))}},
    }
    path = declare(directory, changed)
    told = command.run("iam", "apply", path)
    assert "~ user alice" in told
    assert "take it out of group readers" in told
    alice = command.json("iam", "users", "show", "alice")
    assert (alice["Groups"], alice["AttachedPolicies"], alice["InlinePolicies"]) == ([], [], {})
    assert "PermissionsBoundary" not in alice
    assert {tag["Key"]: tag["Value"] for tag in alice["Tags"]} == {"Team": "b", MARK: "true"}
    provider = command.json("iam", "providers", "show", "https://issuer.example")
    assert (provider["ClientIDList"], provider["IsPinned"]) == (["other"], False)
    inline = iam("ListRolePolicies", RoleName="before")["PolicyNames"]
    assert inline == ["AWSRevokeOlderSessions"], "revoked sessions stay revoked"
    assert command.json("iam", "apply", path)["Changes"] == []


def test_pruning_deletes_what_an_application_made_and_nothing_else(
    command: CommandLine, iam: Iam, directory: Path
) -> None:
    iam("CreateUser", UserName="by-hand")
    command.run("iam", "apply", declare(directory, DECLARATION))
    iam("CreateAccessKey", UserName="alice")
    path = declare(directory, {"groups": {"readers": {}}, "users": {"by-hand": {"tags": {"team": "a"}}}})
    kept = names(iam)
    command.run("iam", "apply", path)
    assert names(iam) == kept, "without --prune nothing is deleted"
    changes = command.json("iam", "apply", path, "--prune")["Changes"]
    assert {(change["Action"], change["Kind"]) for change in changes} == {
        ("delete", kind) for kind in ("user", "role", "policy", "oidc-provider")
    }
    assert names(iam) == {"Users": ["by-hand"], "Groups": ["readers"], "Roles": [], "Policies": [], "Providers": []}
    command.run("iam", "apply", declare(directory, {}), "--prune")
    assert names(iam)["Users"] == ["by-hand"], "a user that was there before is not ours to delete"


def test_a_policy_in_use_elsewhere_is_not_pruned_and_nothing_else_happens_either(
    command: CommandLine, iam: Iam, directory: Path
) -> None:
    command.run("iam", "apply", declare(directory, {"policies": {"p": {"document": "read.json"}}, "users": {"u": {}}}))
    iam("CreateUser", UserName="by-hand")
    iam("AttachUserPolicy", UserName="by-hand", PolicyArn=policy_arn("p"))
    refusal = command.refused("iam", "apply", declare(directory, {}), "--prune")
    assert "DeleteConflict" in refusal.why
    assert names(iam)["Users"] == ["by-hand", "u"]


def test_one_thing_that_iam_refuses_undoes_all_of_it(command: CommandLine, iam: Iam, directory: Path) -> None:
    path = declare(
        directory,
        {"users": {"alice": {}, "bob": {"groups": ["nowhere"]}}, "policies": {"p": {"document": "read.json"}}},
    )
    for options in ((), ("--dry-run",)):
        refusal = command.refused("iam", "apply", path, *options)
        assert ("user bob" in refusal.what, "nowhere" in refusal.why) == (True, True)
        assert (names(iam)["Users"], names(iam)["Policies"]) == ([], [])
    (record,) = command.trail()
    assert (record["eventName"], record["errorCode"]) == ("AddUserToGroup", "NoSuchEntity")


def test_a_principal_made_again_under_its_name_is_trusted_again(
    command: CommandLine, iam: Iam, directory: Path
) -> None:
    declared = {
        "users": {"alice": {}},
        "roles": {"r": {"trust": json.loads(trust(f"arn:aws:iam::{ACCOUNT_ID}:user/alice"))}},
    }
    path = declare(directory, declared)
    command.run("iam", "apply", path)
    iam("DeleteUser", UserName="alice")
    (user, role) = command.json("iam", "apply", path)["Changes"]
    assert (user["Action"], role["Steps"]) == ("create", ["change whom it trusts"])
    assert command.json("iam", "apply", path)["Changes"] == []


@pytest.mark.parametrize(
    ("content", "place"),
    [
        ({"secrets": {}}, "secrets"),
        ({"users": []}, "users"),
        ({"users": {"alice": {"access_keys": ["AKIA"]}}}, "users.alice"),
        ({"users": {"alice": {"groups": "readers"}}}, "users.alice"),
        ({"users": {"alice": {}, "Alice": {}}}, "users.Alice"),
        ({"users": {"alice": {"tags": {MARK: "true"}}}}, "users.alice.tags"),
        ({"users": {"alice": {"attached": ["nowhere"]}}}, "users.alice.attached"),
        ({"users": {"alice": {"policies": {"p": {"Statement": []}}}}}, "users.alice.policies.p"),
        ({"users": {"alice": {"policies": {"p": "../outside.json"}}}}, "users.alice.policies.p"),
        ({"users": {"alice": {"policies": {"p": "/etc/passwd"}}}}, "users.alice.policies.p"),
        ({"users": {"alice": {"policies": {"p": "gone.json"}}}}, "users.alice.policies.p"),
        ({"users": {"alice": {"policies": {"p": "nul\0.json"}}}}, "users.alice.policies.p"),
        ({"users": {"a b": {}}}, "user a b"),
        ({"roles": {"r": {}}}, "roles.r"),
        ({"roles": {"r": {"trust": "read.json"}}}, "roles.r.trust"),
        ({"roles": {"r": {"trust": "trust.json", "max_session": 1}}}, "role r"),
        ({"roles": {"r": {"trust": "trust.json", "max_session": True}}}, "roles.r"),
        ({"providers": {"http://issuer.example": {"audiences": []}}}, "oidc-provider http://issuer.example"),
        ({"providers": {"https://issuer.example": {"audiences": [], "jwks_file": "read.json"}}}, "jwks_file"),
        ("users = [", "not well formed"),
        ("users.alice.policies.p = { since = 2020-01-01 }", "users.alice.policies.p"),
        ("[users.alice]\n[users.alice]\n", "not well formed"),
    ],
)
def test_a_hostile_or_malformed_declaration_is_refused_with_its_place(
    command: CommandLine, iam: Iam, directory: Path, content: Any, place: str
) -> None:
    (directory.parent / "outside.json").write_text(READ_ALL)
    path = declare(directory, content)
    refusal = command.refused("iam", "apply", path)
    assert path in refusal.what
    assert place in refusal.what
    assert not any(names(iam).values()), "nothing was changed"


@pytest.mark.parametrize("text", ['{"users": {}, "users": {}}', "[" * 100_000, '{"users": NaN}', "\ud800", "null"])
def test_a_declaration_that_is_not_strict_json_is_refused(command: CommandLine, directory: Path, text: str) -> None:
    path = directory / "identities.json"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    assert str(path) in command.refused("iam", "apply", str(path)).what
    assert str(directory / "other.yaml") in command.refused("iam", "apply", str(_copy(path, "other.yaml"))).what


def test_what_iam_cannot_change_is_refused_rather_than_passed_over(command: CommandLine, directory: Path) -> None:
    command.run("iam", "apply", declare(directory, DECLARATION))
    for content in (
        {"policies": {"app-read": {"document": "read.json", "path": "/other/"}}},
        {"policies": {"app-read": {"document": "read.json", "description": "other"}}},
        {"roles": {"before": {"trust": "trust.json", "path": "/other/"}}},
    ):
        assert "IAM cannot change it" in command.refused("iam", "apply", declare(directory, content)).why


def _copy(path: Path, name: str) -> Path:
    copy = path.with_name(name)
    copy.write_bytes(path.read_bytes())
    return copy


# Whatever is declared, after whatever was: applied twice there is nothing to do, and a dry run tells what will be.

NAMES = st.sampled_from(["a", "b", "c"])
TAGS = st.dictionaries(st.sampled_from(["team", "Team", "stage"]), st.sampled_from(["x", "y"]), max_size=1)
DOCUMENTS = st.sampled_from([json.loads(READ_ALL), json.loads(document(allow("iam:*"), allow("sts:*")))])
ATTACHED = st.lists(st.sampled_from(["p", "SecretsManagerReadWrite"]), unique=True)
HOLDER = {"attached": ATTACHED, "policies": st.dictionaries(NAMES, DOCUMENTS, max_size=2)}
TRUSTS = st.sampled_from([json.loads(TRUST_ACCOUNT), json.loads(trust("*"))])
DECLARATIONS = st.fixed_dictionaries(
    {
        "policies": st.fixed_dictionaries({"p": st.fixed_dictionaries({"document": DOCUMENTS, "tags": TAGS})}),
        "groups": st.fixed_dictionaries({"g": st.fixed_dictionaries(HOLDER)}),
        "users": st.dictionaries(
            NAMES,
            st.fixed_dictionaries(
                {**HOLDER, "tags": TAGS, "groups": st.lists(st.sampled_from(["g", "G"]), max_size=1)},
                optional={"boundary": st.just("p"), "path": st.sampled_from(["/", "/x/"])},
            ),
        ),
        "roles": st.dictionaries(
            NAMES,
            st.fixed_dictionaries(
                {**HOLDER, "trust": TRUSTS, "tags": TAGS},
                optional={"boundary": st.just("p"), "max_session": st.sampled_from([3_600, 7_200])},
            ),
        ),
        "providers": st.dictionaries(
            st.sampled_from(["https://one.example", "https://two.example"]),
            st.fixed_dictionaries({"audiences": st.lists(NAMES), "tags": TAGS}),
        ),
    }
)


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandLine]:
    """A deployment whose identities grow from example to example."""
    with deployed(config_for("sqlite", tmp_path_factory.mktemp("lasting"))) as deployment:
        yield CommandLine(deployment)


@given(declared=DECLARATIONS)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_applying_twice_is_applying_once(lasting: CommandLine, tmp_path: Path, declared: dict[str, Any]) -> None:
    path = declare(tmp_path, declared)
    planned = lasting.json("iam", "apply", path, "--prune")["Changes"]
    for options in ((), ("--prune",), ("--dry-run", "--prune")):
        assert lasting.json("iam", "apply", path, *options)["Changes"] == [], planned
    made = names(Iam(lasting.deployment))
    assert set(made["Users"]) == set(declared["users"])
    assert set(made["Roles"]) == set(declared["roles"])
