"""Identities made at the command line beside a running server count in its next answer."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError

from support.iam import READ_ALL
from support.server import REGION, Server, running


@pytest.fixture(scope="module", params=["sqlite with two workers", "postgresql"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    directory = tmp_path_factory.mktemp("identities")
    if request.param != "postgresql":
        with running(directory, "--workers", "2") as one:
            yield one
        return
    postgres = request.getfixturevalue("postgres")
    postgres.create_database("identities")
    with running(directory, "--database", postgres.url("identities")) as one:
        yield one
    postgres.drop_database("identities")


def test_a_key_works_at_once_and_is_refused_at_once(server: Server) -> None:
    for command in (("users", "create", "alice"), ("users", "put-policy", "alice", "own", _policy(server))):
        assert server.command("iam", *command).returncode == 0
    made = json.loads(server.command("iam", "access-keys", "create", "--user", "alice", "--json").stdout)
    alice = server.client(aws_access_key_id=made["AccessKeyId"], aws_secret_access_key=made["SecretAccessKey"])
    server.client().create_secret(Name="app/db", SecretString="value")
    assert alice.get_secret_value(SecretId="app/db")["SecretString"] == "value"
    with pytest.raises(ClientError) as caught:
        alice.list_secrets()
    request_id = caught.value.response["ResponseMetadata"]["RequestId"]
    explained = server.command("policy", "explain", request_id)
    assert (explained.returncode, "user/alice" in explained.stdout) == (0, True), explained.stderr
    assert "no identity-based policy allows the secretsmanager:ListSecrets action" in explained.stdout
    assert server.command("iam", "access-keys", "disable", made["AccessKeyId"]).returncode == 0
    with pytest.raises(ClientError, match="security token included in the request is invalid"):
        alice.get_secret_value(SecretId="app/db")
    assert server.command("audit", "verify").returncode == 0


def test_statuses_and_refusals_are_those_that_scripts_rely_on(server: Server) -> None:
    ask = ("policy", "simulate", "--principal", "root", "--action", "GetSecretValue", "--secret", "x")
    assert server.command(*ask, "--region", REGION).returncode == 0
    refused = server.command("iam", "users", "show", "nobody")
    assert (refused.returncode, "Traceback" in refused.stderr) == (1, False)
    assert [line.split()[0] for line in refused.stderr.splitlines()] == ["error:", "why:", "next:"]
    declaration = server.data_dir.parent / "identities.json"
    declaration.write_text('{"groups": {"readers": {}}}')
    apply = ("iam", "apply", str(declaration))
    statuses = [server.command(*apply, *option).returncode for option in (("--dry-run",), (), ("--dry-run",))]
    assert statuses == [2, 0, 0]


def _policy(server: Server) -> str:
    path = server.data_dir.parent / "read.json"
    path.write_text(READ_ALL)
    return str(path)
