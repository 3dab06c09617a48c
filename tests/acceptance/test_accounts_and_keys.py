"""Accounts and KMS keys made at the command line beside a running server, and used by boto3 at once.

One server has two accounts and answers in every region: what is shared and copied between them is seen
here as clients see it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from support.server import REGION, Server, running

FIRST, SECOND, AWAY = "123456789012", "999988887777", "us-east-1"
PATIENCE_SECONDS = 30
VALUE = "correct horse battery staple"


@pytest.fixture(scope="module", params=["sqlite with two workers", "postgresql"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    directory = tmp_path_factory.mktemp("accounts")
    if request.param != "postgresql":
        with running(directory, "--workers", "2") as one:
            yield one
        return
    postgres = request.getfixturevalue("postgres")
    postgres.create_database("accounts")
    with running(directory, "--database", postgres.url("accounts")) as one:
        yield one
    postgres.drop_database("accounts")


@pytest.fixture(scope="module")
def second(server: Server) -> dict[str, str]:
    """The credentials of a second account, as a client takes them."""
    made = json.loads(done(server, "accounts", "create", SECOND, "--json"))
    assert made["AccountId"] == SECOND
    return {"aws_access_key_id": made["AccessKeyId"], "aws_secret_access_key": made["SecretAccessKey"]}


def done(server: Server, *command: str) -> str:
    """Run a command that must succeed, and return what it printed."""
    result = server.command(*command)
    assert result.returncode == 0, result.stderr
    return result.stdout


def refused(server: Server, *command: str) -> str:
    """Run a command that must be refused without a traceback, and return what it complained of."""
    result = server.command(*command)
    assert (result.returncode, "Traceback" in result.stderr) == (1, False), result.stderr
    return result.stderr


def make_key(server: Server, *options: str, account_id: str = FIRST, region: str = REGION) -> dict[str, str]:
    return json.loads(done(server, "kms-keys", "create", "--account-id", account_id, "--region", region, *options))


def code_of(call: Callable[..., Any], **members: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**members)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def eventually(condition: Callable[[], Any]) -> Any:
    """Return what the condition gives as soon as that is something."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.05)
    raise AssertionError("it did not come true in time")


# Accounts


def test_a_new_account_is_served_at_once_and_is_empty(server: Server, second: dict[str, str]) -> None:
    name = "accounts/only-mine"
    server.client().create_secret(Name=name, SecretString=VALUE)
    theirs = server.client(**second)
    assert name not in str(theirs.list_secrets()["SecretList"])
    arn = theirs.create_secret(Name=name, SecretString="theirs")["ARN"]
    assert f":{SECOND}:" in arn
    assert server.client().get_secret_value(SecretId=name)["SecretString"] == VALUE


def test_accounts_are_listed(server: Server, second: dict[str, str]) -> None:
    listed = json.loads(done(server, "accounts", "list", "--json"))
    assert {entry["AccountId"] for entry in listed} == {FIRST, SECOND}
    assert all(entry["CreateDate"].endswith("Z") for entry in listed)
    table = done(server, "accounts", "list")
    assert FIRST in table
    assert SECOND in table


def test_an_account_is_made_once_and_has_twelve_digits(server: Server, second: dict[str, str]) -> None:
    assert f"The account {SECOND} exists already." in refused(server, "accounts", "create", SECOND)
    for wrong in ("12345678901", "1234567890123", "12345678901a"):
        assert f"{wrong} is not an account id." in refused(server, "accounts", "create", wrong)


def test_a_new_account_can_be_printed_for_a_credentials_file(server: Server) -> None:
    lines = done(server, "accounts", "create", "000000000001").splitlines()
    assert lines[0] == "[000000000001]"
    assert [line.split(" = ")[0] for line in lines[1:]] == ["aws_access_key_id", "aws_secret_access_key"]


def test_two_regions_and_two_accounts_keep_their_secrets_apart(server: Server, second: dict[str, str]) -> None:
    places = [{"region_name": region} | who for region in (REGION, AWAY) for who in ({}, second)]
    clients = [server.client(**place) for place in places]
    arns = {
        client.create_secret(Name="apart", SecretString=f"value {number}")["ARN"]
        for number, client in enumerate(clients)
    }
    assert len(arns) == 4
    for number, client in enumerate(clients):
        assert client.get_secret_value(SecretId="apart")["SecretString"] == f"value {number}"


# Keys


def test_a_key_is_made_listed_and_used(server: Server) -> None:
    key = make_key(server, "--alias", "alias/mine", "--description", "of a test")
    assert (key["KeyState"], key["KeyManager"], key["Aliases"]) == ("Enabled", "CUSTOMER", "alias/mine")
    assert key["Arn"] == f"arn:aws:kms:{REGION}:{FIRST}:key/{key['KeyId']}"
    client = server.client()
    for number, form in enumerate((key["KeyId"], key["Arn"], "alias/mine")):
        client.create_secret(Name=f"keys/{number}", SecretString=VALUE, KmsKeyId=form)
        assert client.describe_secret(SecretId=f"keys/{number}")["KmsKeyId"] == form
        assert client.get_secret_value(SecretId=f"keys/{number}")["SecretString"] == VALUE
    listed = json.loads(done(server, "kms-keys", "list", "--region", REGION, "--json"))
    assert key in listed
    assert "of a test" in done(server, "kms-keys", "list", "--region", REGION)
    assert json.loads(done(server, "kms-keys", "list", "--region", "eu-west-3", "--json")) == []


def test_a_disabled_key_neither_opens_nor_seals_until_it_is_enabled(server: Server) -> None:
    key = make_key(server)
    client = server.client()
    client.create_secret(Name="disabled", SecretString=VALUE, KmsKeyId=key["KeyId"])
    client.get_secret_value(SecretId="disabled")
    where = ("--region", REGION)
    assert f"{key['KeyId']} is Disabled." in done(server, "kms-keys", "disable", key["KeyId"], *where)
    for _ in range(5):  # whichever worker answers
        code, text = code_of(client.get_secret_value, SecretId="disabled")
        assert code == "DecryptionFailure"
        assert f"{key['Arn']} is disabled." in text
        assert code_of(client.put_secret_value, SecretId="disabled", SecretString="x")[0] == "EncryptionFailure"
    assert f"{key['KeyId']} is Enabled." in done(server, "kms-keys", "enable", key["KeyId"], *where)
    assert client.get_secret_value(SecretId="disabled")["SecretString"] == VALUE
    client.put_secret_value(SecretId="disabled", SecretString="x")


def test_what_cannot_be_a_key_is_refused_in_words(server: Server) -> None:
    make_key(server, "--alias", "alias/taken")
    where = ("--region", REGION)
    taken = refused(server, "kms-keys", "create", "--alias", "alias/taken", *where)
    assert f"The alias alias/taken is taken in region {REGION}." in taken
    for alias in ("mine", "alias/", "alias/aws/mine", "alias/a b"):
        assert f"{alias} cannot be the alias of a key of yours." in refused(
            server, "kms-keys", "create", "--alias", alias, *where
        )
    assert f"There is no KMS key none in region {REGION}." in refused(server, "kms-keys", "disable", "none", *where)
    make_key(server, "--alias", "alias/taken", region=AWAY)


# Between accounts


def test_a_secret_is_shared_by_policy_and_only_under_a_key_of_its_own(server: Server, second: dict[str, str]) -> None:
    mine, theirs = server.client(), server.client(**second)
    arn = mine.create_secret(Name="shared", SecretString=VALUE)["ARN"]
    assert code_of(theirs.describe_secret, SecretId=arn)[0] == "AccessDeniedException"
    policy = {"Effect": "Allow", "Principal": {"AWS": SECOND}, "Action": "secretsmanager:*", "Resource": "*"}
    mine.put_resource_policy(SecretId=arn, ResourcePolicy=json.dumps({"Statement": policy}), BlockPublicPolicy=True)
    assert theirs.describe_secret(SecretId=arn)["Name"] == "shared"
    code, text = code_of(theirs.get_secret_value, SecretId=arn)
    assert (code, "from a different AWS account" in text) == ("InvalidRequestException", True)
    mine.update_secret(SecretId=arn, KmsKeyId=make_key(server)["KeyId"])
    assert theirs.get_secret_value(SecretId=arn)["SecretString"] == VALUE
    (found,) = theirs.batch_get_secret_value(SecretIdList=[arn])["SecretValues"]
    assert found["SecretString"] == VALUE


def test_a_secret_is_copied_to_another_account(server: Server, second: dict[str, str]) -> None:
    mine, theirs = server.client(), server.client(**second)
    primary = mine.create_secret(Name="source", SecretString=VALUE)["ARN"]
    key = make_key(server, account_id=SECOND)["KeyId"]
    replica = theirs.create_secret(Name="copy", CrossAccountPrimaryARN=primary, KmsKeyId=key)["ARN"]

    def status() -> str:
        return str(theirs.describe_secret(SecretId="copy")["CrossAccountPrimary"]["ReplicationStatus"])

    assert status() == "Pending"
    mine.associate_cross_account_replica(SecretId=primary, CrossAccountReplicaARN=replica)
    eventually(lambda: status() == "InSync")
    assert theirs.get_secret_value(SecretId="copy")["SecretString"] == VALUE
    mine.put_secret_value(SecretId=primary, SecretString="changed")
    eventually(lambda: status() == "InSync" and theirs.get_secret_value(SecretId="copy")["SecretString"] == "changed")
    (entry,) = mine.describe_secret(SecretId=primary)["CrossAccountReplicas"]
    assert (entry["ReplicaSecretARN"], entry["ReplicationStatus"]) == (replica, "InSync")
    mine.disassociate_cross_account_replica(SecretId=primary, CrossAccountReplicaARN=replica)
    assert status() == "Detached"
    theirs.stop_replication_to_replica(SecretId="copy")
    theirs.put_secret_value(SecretId="copy", SecretString="its own")
    assert mine.get_secret_value(SecretId=primary)["SecretString"] == "changed"


# Between regions


def test_a_secret_is_replicated_promoted_and_removed(server: Server) -> None:
    home, away = server.client(), server.client(region_name=AWAY)
    key = make_key(server, region=AWAY)["KeyId"]
    created = home.create_secret(
        Name="replicated",
        SecretString=VALUE,
        AddReplicaRegions=[{"Region": AWAY, "KmsKeyId": key}, {"Region": "ap-south-1"}],
    )
    assert {entry["Status"] for entry in created["ReplicationStatus"]} == {"InProgress"}

    def statuses() -> dict[str, str]:
        shown = home.describe_secret(SecretId="replicated").get("ReplicationStatus", [])
        return {entry["Region"]: entry["Status"] for entry in shown}

    eventually(lambda: statuses() == {AWAY: "InSync", "ap-south-1": "InSync"})
    replica = away.describe_secret(SecretId="replicated")
    assert (replica["ARN"], replica["PrimaryRegion"]) == (created["ARN"].replace(REGION, AWAY), REGION)
    home.put_secret_value(SecretId="replicated", SecretString="changed")
    eventually(lambda: set(statuses().values()) == {"InSync"})
    assert away.get_secret_value(SecretId="replicated")["SecretString"] == "changed"
    assert code_of(away.put_secret_value, SecretId="replicated", SecretString="x")[0] == "InvalidParameterException"
    assert code_of(home.delete_secret, SecretId="replicated")[0] == "InvalidParameterException"

    home.remove_regions_from_replication(SecretId="replicated", RemoveReplicaRegions=["ap-south-1"])
    far = server.client(region_name="ap-south-1")
    eventually(lambda: far.list_secrets(IncludePlannedDeletion=True)["SecretList"] == [] or None)
    away.stop_replication_to_replica(SecretId="replicated")
    away.put_secret_value(SecretId="replicated", SecretString="its own")
    assert (statuses(), home.get_secret_value(SecretId="replicated")["SecretString"]) == ({}, "changed")
    home.delete_secret(SecretId="replicated", ForceDeleteWithoutRecovery=True)


def test_what_the_command_line_did_is_on_the_trail(server: Server, second: dict[str, str]) -> None:
    make_key(server)
    trail = (server.data_dir / "audit" / "trail-cli.jsonl").read_text()
    for name in ("CreateAccount", "CreateKey"):
        assert f'"eventName":"{name}"' in trail
    assert second["aws_secret_access_key"] not in trail
    done(server, "audit", "verify")
