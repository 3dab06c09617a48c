"""A canary among the values: it goes through every operation, well and badly, and is found nowhere afterwards.

Not in the database or its log, not on the trail, not in the server's log at level debug, not in what the
command line prints: not raw, not in base64, not as JSON escapes it.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import itertools
import json
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from strongroom.operations import OPERATIONS
from support.server import REGION, Server, running
from support.signing import Signer
from support.storages import run_sql

TEXT = 'kanarienvogel-\u00fc\u20ac-"\\/-<&>-7f3a9c'
BINARY = b"canary-bytes-\x00\xff\xfe\x80-51d2e8c0aa"
UPDATED = "nightingale-after-an-update-90b1"
TOKENS = (str(uuid.UUID(int=number)) for number in itertools.count(1))


def spellings(value: bytes) -> dict[str, bytes]:
    """Return the ways in which a value could have got out."""
    found = {"raw": value, "hex": value.hex().encode(), "repr": repr(value)[2:-1].encode()}
    for shift in range(3):
        # Base64 inside a longer text: the part that does not depend on what stands around it.
        encoded = base64.b64encode(bytes(shift) + value)
        found[f"base64 at {shift}"] = encoded[4 if shift else 0 : -4]
        found[f"url-safe base64 at {shift}"] = found[f"base64 at {shift}"].translate(bytes.maketrans(b"+/", b"-_"))
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return found
    found["JSON"] = json.dumps(text)[1:-1].encode()
    found["JSON in UTF-8"] = json.dumps(text, ensure_ascii=False)[1:-1].encode()
    found["repr of text"] = repr(text)[1:-1].encode()
    return found


def sightings(canaries: dict[str, bytes], places: dict[str, bytes]) -> list[str]:
    return [
        f"{name}, {spelling}, in {place}"
        for name, value in canaries.items()
        for spelling, needle in spellings(value).items()
        for place, content in places.items()
        if needle in content
    ]


def files_below(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("spelling", spellings(TEXT.encode()))
def test_a_canary_that_got_out_would_be_seen(spelling: str) -> None:
    leak = b"before " + spellings(TEXT.encode())[spelling] + b" after"
    assert sightings({"text": TEXT.encode()}, {"log": leak})


def test_a_canary_inside_a_base64_of_more_would_be_seen() -> None:
    for before in (b"", b"x", b"xy", b"xyz"):
        assert sightings({"bytes": BINARY}, {"log": base64.b64encode(before + BINARY + b"tail")})


def wait_until(holds: Callable[[], bool]) -> None:
    """Return when something has come true that background jobs bring about."""
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


class Keeper:
    """Sends canaries through a server, by boto3 and by hand, and collects what came back besides values."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.client = server.client()
        self.signer = Signer(*server.credentials, host=f"127.0.0.1:{server.port}", region=REGION)
        self.errors: list[str] = []
        self.passwords: list[str] = []
        self.called: set[str] = set()

    def fails(self, operation: str, **members: Any) -> None:
        """Make a call that must be refused, and keep what the refusal says."""
        method = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in operation)[1:]
        with pytest.raises(ClientError) as caught:
            getattr(self.client, method)(**members)
        self.errors.append(str(caught.value))

    def send(
        self, operation: str | None, body: bytes, *, forge: bool = False, more: dict[str, str] | None = None
    ) -> int:
        """Send a body as it is, and keep the answer if it is a refusal."""
        headers = dict(self.signer.headers(operation, body, more=more))
        if forge:
            headers["Authorization"] = headers["Authorization"][:-4] + "0000"
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=30)
        try:
            connection.request("POST", "/", body, headers)
            answer = connection.getresponse()
            content = answer.read().decode()
        finally:
            connection.close()
        assert answer.status != 500, content
        if answer.status != 200:
            self.errors.append(content)
        return answer.status

    # Each method below uses one group of operations, well and badly.

    def create_and_put(self) -> None:
        client = self.client
        self.arn = client.create_secret(Name="canary", SecretString=TEXT, ClientRequestToken=next(TOKENS))["ARN"]
        client.create_secret(Name="canary/bytes", SecretBinary=BINARY, ClientRequestToken=next(TOKENS))
        client.create_secret(Name="canary/empty")
        client.put_secret_value(SecretId="canary/empty", SecretString=TEXT)
        client.put_secret_value(SecretId="canary", SecretBinary=BINARY, VersionStages=["AWSPENDING"])
        self.token = next(TOKENS)
        client.put_secret_value(SecretId="canary", SecretString=TEXT, ClientRequestToken=self.token)
        client.put_secret_value(SecretId="canary", SecretString=TEXT, ClientRequestToken=self.token)
        client.update_secret(SecretId="canary", SecretString=UPDATED, Description="d")
        client.update_secret(SecretId="canary", KmsKeyId="alias/aws/secretsmanager")
        self.fails("CreateSecret", Name="canary", SecretString=TEXT)
        self.fails("CreateSecret", Name="not a name", SecretString=TEXT)
        self.fails("CreateSecret", Name="x", SecretString=TEXT, SecretBinary=BINARY)
        self.fails("CreateSecret", Name="x", SecretString=TEXT, KmsKeyId="alias/none")
        self.fails("CreateSecret", Name="x", SecretString=TEXT * 3_000)
        self.fails("CreateSecret", Name="x", SecretString=TEXT, AddReplicaRegions=[{"Region": "mars-north-1"}])
        self.fails("PutSecretValue", SecretId="missing", SecretString=TEXT)
        self.fails("PutSecretValue", SecretId="canary", SecretString=UPDATED, ClientRequestToken=self.token)
        self.fails("PutSecretValue", SecretId="canary", SecretBinary=BINARY * 4_000)
        self.fails("UpdateSecret", SecretId="missing", SecretBinary=BINARY)
        self.fails("UpdateSecret", SecretId="canary", SecretBinary=BINARY, KmsKeyId="!")
        self.called |= {"CreateSecret", "PutSecretValue", "UpdateSecret"}

    def read(self) -> None:
        client = self.client
        assert client.get_secret_value(SecretId="canary")["SecretString"] == UPDATED
        assert client.get_secret_value(SecretId="canary", VersionId=self.token)["SecretString"] == TEXT
        assert client.get_secret_value(SecretId="canary/bytes")["SecretBinary"] == BINARY
        self.fails("GetSecretValue", SecretId="canary", VersionStage="NONE")
        client.describe_secret(SecretId="canary")
        client.list_secrets(Filters=[{"Key": "name", "Values": ["canary"]}])
        client.list_secret_version_ids(SecretId="canary", IncludeDeprecated=True)
        self.called |= {"GetSecretValue", "DescribeSecret", "ListSecrets", "ListSecretVersionIds"}

    def draw_passwords(self) -> None:
        for length in (24, 64, 4_096):
            password = self.client.get_random_password(PasswordLength=length, ExcludePunctuation=True)["RandomPassword"]
            self.passwords.append(password[:40])
        self.fails("GetRandomPassword", PasswordLength=3)
        self.called.add("GetRandomPassword")

    def change_around(self) -> None:
        client = self.client
        client.tag_resource(SecretId="canary", Tags=[{"Key": "k", "Value": "v"}])
        client.untag_resource(SecretId="canary", TagKeys=["k"])
        client.update_secret_version_stage(SecretId="canary", VersionStage="mine", MoveToVersionId=self.token)
        client.delete_secret(SecretId="canary")
        self.fails("GetSecretValue", SecretId="canary")
        self.fails("PutSecretValue", SecretId="canary", SecretString=TEXT)
        client.restore_secret(SecretId="canary")
        self.called |= {"TagResource", "UntagResource", "UpdateSecretVersionStage", "DeleteSecret", "RestoreSecret"}

    def replicate_and_share(self) -> None:
        client, away = self.client, {"Region": "us-east-1"}
        client.create_secret(Name="canary/copied", SecretString=TEXT, AddReplicaRegions=[away])
        client.put_secret_value(SecretId="canary/copied", SecretString=UPDATED)
        wait_until(lambda: self.replica_status("canary/copied") == ["InSync"])
        client.remove_regions_from_replication(SecretId="canary/copied", RemoveReplicaRegions=["us-east-1"])
        client.replicate_secret_to_regions(SecretId="canary/bytes", AddReplicaRegions=[away])
        wait_until(lambda: self.replica_status("canary/bytes") == ["InSync"])
        self.server.client(region_name="us-east-1").stop_replication_to_replica(SecretId="canary/bytes")
        self.fails("AssociateCrossAccountReplica", SecretId="canary", CrossAccountReplicaARN=self.arn)
        self.fails("DisassociateCrossAccountReplica", SecretId="canary", CrossAccountReplicaARN=self.arn)
        answer = client.batch_get_secret_value(SecretIdList=["canary", "canary/bytes", "missing"])
        self.errors.append(str(answer["Errors"]))
        policy = '{"Version":"2012-10-17","Statement":[]}'
        self.fails("PutResourcePolicy", SecretId="canary", ResourcePolicy=policy)
        self.fails("ValidateResourcePolicy", SecretId="canary", ResourcePolicy=policy)
        client.get_resource_policy(SecretId="canary")
        client.list_resource_policies(SecretId="canary")
        client.delete_resource_policy(SecretId="canary")
        self.fails("RotateSecret", SecretId="canary")
        self.fails("CancelRotateSecret", SecretId="canary")
        self.called |= {"BatchGetSecretValue", "RotateSecret", "CancelRotateSecret"}
        self.called |= {"ReplicateSecretToRegions", "RemoveRegionsFromReplication", "StopReplicationToReplica"}
        self.called |= {"AssociateCrossAccountReplica", "DisassociateCrossAccountReplica"}
        self.called |= {f"{verb}ResourcePolicy" for verb in ("Put", "Get", "Delete", "Validate")}
        self.called.add("ListResourcePolicies")

    def replica_status(self, name: str) -> list[str]:
        shown = self.client.describe_secret(SecretId=name).get("ReplicationStatus", [])
        return [replica["Status"] for replica in shown]

    def send_by_hand(self) -> None:
        body = json.dumps({"Name": "raw", "SecretString": TEXT, "ClientRequestToken": next(TOKENS)}).encode()
        binary = base64.b64encode(BINARY).decode()
        for raw in (
            body[:-3],  # cut short
            body.replace(b'"raw"', b"7"),  # a wrong type beside it
            json.dumps({"Name": "raw", "SecretString": [TEXT]}).encode(),
            json.dumps({"Name": "raw", "SecretString": {"password": TEXT}}).encode(),
            json.dumps({"Name": "raw", "SecretBinary": binary + "!"}).encode(),
            json.dumps({"Name": "raw", "SecretString": TEXT}).encode(),  # no token
            json.dumps({"Name": "raw", "SecretString": TEXT, "SecretBinary": binary}).encode(),
            json.dumps({"SecretString": TEXT, "ClientRequestToken": "short"}).encode(),
            json.dumps(TEXT).encode(),
            json.dumps([TEXT]).encode(),
            b"\xff" + TEXT.encode() + BINARY,
        ):
            assert self.send("CreateSecret", raw) == 400
            assert self.send("PutSecretValue", raw) == 400
            assert self.send("GetSecretValue", raw) == 400
            assert self.send("NoSuchOperation", raw) == 400
            assert self.send(None, raw) == 400
        assert self.send("CreateSecret", body, forge=True) == 400
        assert self.send("CreateSecret", body, more={"X-Amz-Security-Token": TEXT.encode().hex()}) == 400
        with contextlib.suppress(ConnectionError):  # the server hangs up on what is too long
            assert self.send("CreateSecret", b" " * 1_100_000 + body) == 413
        for member in ("ClientRequestToken", "RotationToken", "VersionStages", "SecretId"):
            raw = {"SecretId": "canary", "SecretString": TEXT, "ClientRequestToken": next(TOKENS), member: 5}
            assert self.send("PutSecretValue", json.dumps(raw).encode()) == 400


@pytest.fixture(scope="module", params=["1", "2"], ids=["1 worker", "2 workers"])
def kept(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keeper]:
    folder = tmp_path_factory.mktemp("canary")
    with running(folder, "--log-level", "debug", "--metrics", "--workers", request.param) as server:
        keeper = Keeper(server)
        keeper.create_and_put()
        keeper.read()
        keeper.draw_passwords()
        keeper.change_around()
        keeper.replicate_and_share()
        keeper.send_by_hand()
        yield keeper


def canaries(keeper: Keeper) -> dict[str, bytes]:
    passwords = {f"password {number}": text.encode() for number, text in enumerate(keeper.passwords)}
    return {"text": TEXT.encode(), "bytes": BINARY, "update": UPDATED.encode(), **passwords}


def test_every_operation_had_its_turn(kept: Keeper) -> None:
    assert kept.called == OPERATIONS.keys()
    assert len(kept.errors) > 60


def test_no_canary_is_in_a_file_of_the_data_directory(kept: Keeper) -> None:
    places = files_below(kept.server.data_dir)
    assert {"strongroom.db", "strongroom.db-wal", "audit/trail-0.jsonl"} <= places.keys()
    assert sightings(canaries(kept), places) == []


def test_no_canary_is_in_the_log_at_level_debug(kept: Keeper) -> None:
    log = kept.server.log.read_bytes()
    assert b"answers at" in log
    assert sightings(canaries(kept), {"log": log}) == []


def test_no_canary_is_in_the_text_of_an_error(kept: Keeper) -> None:
    errors = {error[:60]: error.encode() for error in kept.errors}
    assert sightings(canaries(kept), errors) == []


def test_no_canary_is_in_what_the_command_line_prints(kept: Keeper) -> None:
    places = {}
    for command in (
        ("audit", "tail", "-n", "1000"),
        ("audit", "tail", "-n", "1000", "--json"),
        ("audit", "verify"),
        ("audit", "search", "--limit", "1000", "--json"),
        ("access-keys", "list"),
        ("config", "show"),
    ):
        done = kept.server.command(*command)
        assert done.returncode == 0, done.stderr
        assert done.stdout
        places[" ".join(command)] = (done.stdout + done.stderr).encode()
    assert sightings(canaries(kept), places) == []


def test_no_canary_nor_name_nor_key_id_is_in_the_metrics(kept: Keeper) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", kept.server.port, timeout=30)
    connection.request("GET", "/metrics")
    metrics = connection.getresponse().read()
    connection.close()
    assert b"strongroom_requests_total" in metrics
    named = {"secret": b"canary", "key": kept.server.credentials[0].encode(), "account": b"123456789012"}
    assert sightings(canaries(kept) | named, {"metrics": metrics}) == []


def test_the_secret_access_key_is_in_the_credentials_file_alone(kept: Keeper) -> None:
    secret = {"secret access key": kept.server.credentials[1].encode()}
    places = files_below(kept.server.data_dir) | {"log": kept.server.log.read_bytes()}
    credentials = places.pop("credentials")
    assert secret["secret access key"] in credentials
    assert sightings(secret, places) == []


def test_after_purge_and_checkpoint_the_ciphertexts_are_gone_from_the_files_too(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        client = server.client()
        for number in range(5):
            client.create_secret(Name=f"canary/{number}", SecretString=TEXT * 200)
        database = f"sqlite:///{server.data_dir / 'strongroom.db'}"
        sealed = [
            bytes(part) for row in run_sql(database, "SELECT ciphertext, wrapped_key FROM versions") for part in row
        ]
        pieces = {f"piece {number}": part[start : start + 64] for number, part in enumerate(sealed) for start in (20,)}
        assert len(sightings_of_bytes(pieces, server.data_dir)) == len(pieces), "they are there before"
        for number in range(5):
            client.delete_secret(SecretId=f"canary/{number}", ForceDeleteWithoutRecovery=True)
        while run_sql(database, "SELECT COUNT(*) FROM secrets") != [(0,)]:
            assert server.process is not None
            assert server.process.poll() is None
        assert server.stop() == 0
        assert sightings_of_bytes(pieces, server.data_dir) == set()


def sightings_of_bytes(pieces: dict[str, bytes], folder: Path) -> set[str]:
    content = b"".join(path.read_bytes() for path in folder.glob("strongroom.db*"))
    return {name for name, piece in pieces.items() if piece in content}
