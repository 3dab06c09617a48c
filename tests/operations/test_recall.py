"""Reads that are recalled: as quick as they may be, and never a commit behind. On both databases, as the edge asks."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, nullcontext
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from strongroom.authn.access_keys import AccessKeys
from strongroom.domain.kms_key import KeyState
from strongroom.storage import sqlite as sqlite_module
from strongroom.storage.base import StorageError
from strongroom.storage.postgresql import PostgresqlStorage
from strongroom.storage.postgresql_bringer import PostgresqlBringer
from strongroom.wire.exchange import Answer, HttpRequest, Outcome, Pending, waited
from support.deployment import Deployment, config_for, deployed, token
from support.factories import ACCOUNT_ID
from support.kms_keys import change_state, create_key
from support.on_loop import RunningLoop, running_loop
from support.postgres import empty
from support.signing import Signer
from support.storages import open_database, run_sql

KEY = ("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
NOT_FOUND = (400, "ResourceNotFoundException")


@dataclass
class Client:
    """Asks the core as the edge does, with signed requests."""

    deployment: Deployment
    url: str
    loop: RunningLoop | None = None
    """Where it asks, as a server does; without one on the test's own thread."""

    def answer(self, request: HttpRequest) -> Answer:
        def begin() -> Outcome:
            return self.deployment.node.edge._core.begin(request)

        answer = waited(begin()) if self.loop is None else self.loop.answer(begin)
        assert isinstance(answer, Answer)
        return answer

    def request(self, secret_id: str = "app/db", **members: str) -> HttpRequest:
        return self.signed("GetSecretValue", {"SecretId": secret_id, **members})

    def signed(self, operation: str, members: dict[str, Any]) -> HttpRequest:
        body = json.dumps(members).encode()
        signer = Signer(*KEY, host="127.0.0.1", region=self.deployment.region)
        headers = signer.headers(operation, body, now=self.deployment.clock.now())
        lower = [(name.lower().encode(), value.encode()) for name, value in headers]
        return HttpRequest("POST", b"/", b"", lower, body, "192.0.2.9")

    def ask(self, operation: str, **members: Any) -> Any:
        """Return what is told, as clients of a server have it."""
        return json.loads(self.answer(self.signed(operation, members)).body)

    def read(self, secret_id: str = "app/db", **members: str) -> Any:
        """Return the value, or status and error of a refusal."""
        answer = self.answer(self.request(secret_id, **members))
        told = json.loads(answer.body)
        return told["SecretString"] if answer.status == 200 else (answer.status, told["__type"])


@pytest.fixture(params=["sqlite", "postgresql", "postgresql on a loop"])
def client(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Client]:
    url = "sqlite" if request.param == "sqlite" else request.getfixturevalue("shared_postgres_url")
    if request.param != "sqlite":
        empty(url)
    config = config_for(url, tmp_path, root_access_key_id=KEY[0], root_secret_access_key=KEY[1])
    with deployed(config) as deployment:
        deployment.create("app/db", "one")
        deployment.put("app/db", 2, "two")
        client = Client(deployment, f"sqlite:///{config.database_path}" if request.param == "sqlite" else url)
        with running_loop() if request.param.endswith("loop") else nullcontext() as client.loop:
            assert client.read() == "two"
            while client.loop is not None and deployment.node.storage.bringer._lane is None:
                assert client.read() == "two"
            deployment.settle()
            assert client.read() == "two"
            yield client


def test_what_was_read_before_is_not_worked_out_again_while_nothing_is_committed(client, statements):
    assert client.read() == "two"
    statements.clear()
    assert [client.read() for _ in range(3)] == ["two"] * 3
    assert set(statements) <= {"find_access_key"}, "the key comes with PostgreSQL's mark"


def test_each_question_has_its_own_answer(client):
    for _ in range(2):
        assert client.read() == "two"
        assert client.read(VersionStage="AWSPREVIOUS") == "one"
        assert client.read(VersionId=token(1)) == "one"
        assert client.read(VersionId=token(1), VersionStage="AWSCURRENT") == (400, "InvalidRequestException")
        assert client.read("app/other") == NOT_FOUND


def put(client: Client) -> None:
    client.deployment.put("app/db", 3, "three")


def move_label(client: Client) -> None:
    client.deployment.call(
        "UpdateSecretVersionStage",
        SecretId="app/db",
        VersionStage="AWSCURRENT",
        MoveToVersionId=token(1),
        RemoveFromVersionId=token(2),
    )


def delete(client: Client) -> None:
    client.deployment.call("DeleteSecret", SecretId="app/db")


def purge(client: Client) -> None:
    client.deployment.call("DeleteSecret", SecretId="app/db", ForceDeleteWithoutRecovery=True)
    client.deployment.run_jobs()


def deny(client: Client) -> None:
    statement = {"Effect": "Deny", "Principal": "*", "Action": "secretsmanager:GetSecretValue", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": statement})
    client.deployment.call("PutResourcePolicy", SecretId="app/db", ResourcePolicy=policy)


def disable_key(client: Client) -> None:
    storage = client.deployment.node.storage
    for key in storage.read(lambda tx: tx.list_kms_keys(ACCOUNT_ID, client.deployment.region)):
        change_state(client.deployment, key, KeyState.DISABLED)


def disable_caller(client: Client) -> None:
    client.deployment.node.storage.write(lambda tx: AccessKeys.set_active(tx, KEY[0], active=False))


def put_elsewhere(client: Client) -> None:
    """Move AWSCURRENT by another storage, as another process would."""
    with closing(open_database(client.url)) as other:
        region = client.deployment.region

        def work(tx):
            secret = tx.find_secret(ACCOUNT_ID, region, "app/db")
            before = tx.stages(secret)
            tx.put_stages(secret, before, before | {"AWSCURRENT": token(1)})

        other.write(work)


@pytest.mark.parametrize(
    ("change", "then"),
    [
        (put, "three"),
        (move_label, "one"),
        (put_elsewhere, "one"),
        (delete, (400, "InvalidRequestException")),
        (purge, NOT_FOUND),
        (deny, (400, "AccessDeniedException")),
        (disable_key, (400, "DecryptionFailure")),
        (disable_caller, (400, "UnrecognizedClientException")),
    ],
)
def test_no_read_that_begins_after_a_commit_is_answered_as_before_it(client, change, then):
    assert [client.read() for _ in range(3)] == ["two"] * 3
    change(client)
    assert [client.read() for _ in range(3)] == [then] * 3


TELLS_CHANGES = pytest.mark.parametrize("client", ["sqlite", "postgresql on a loop"], indirect=True)
"""Where what commits have changed is known: of PostgreSQL the loop's own connection learns it."""


@pytest.fixture
def kept(client: Client) -> Client:
    """A client that has read a second secret: what was worked out for it is kept through commits about others."""
    client.deployment.create("app/other", "other")
    for _ in range(2):
        assert client.read("app/other") == "other"
        assert client.read() == "two"
    return client


@TELLS_CHANGES
@pytest.mark.parametrize("change", [put, move_label, put_elsewhere, delete, purge, deny])
def test_a_commit_about_one_secret_leaves_what_is_recalled_of_others(kept, statements, change):
    change(kept)
    statements.clear()
    assert kept.read("app/other") == "other"
    assert "find_version" not in statements
    assert kept.read() != "two"


@TELLS_CHANGES
@pytest.mark.parametrize("change", [disable_key, disable_caller])
def test_a_commit_about_more_than_secrets_makes_everything_forgotten(kept, change):
    change(kept)
    assert kept.read("app/other")[0] == 400


@TELLS_CHANGES
def test_what_someone_changes_behind_the_servers_back_is_noticed_too(kept):
    label = "UPDATE stages SET version_id = :id WHERE label = 'AWSCURRENT' AND arn LIKE :pattern"
    run_sql(kept.url, label, id=token(1), pattern="%app/db%")
    assert kept.read() == "one"
    assert kept.read("app/other") == "other"


def test_what_is_purged_is_forgotten_data_keys_among_it(client):
    recall = client.deployment.node.service.recall
    assert [client.read() for _ in range(2)] == ["two"] * 2
    assert len(recall) == 2, "the caller's key and the answer"
    purge(client)
    client.read("app/other")
    assert "app/db" not in repr(list(recall._younger.answers))


def test_each_recalled_read_is_on_the_trail(client):
    trail = len(client.deployment.trail())
    assert [client.read() for _ in range(4)] == ["two"] * 4
    records = client.deployment.trail()[trail:]
    assert [record["eventName"] for record in records] == ["GetSecretValue"] * 4
    assert len({record["eventID"] for record in records} | {record["requestID"] for record in records}) == 8


def test_a_recalled_read_that_cannot_be_recorded_is_not_answered(client, monkeypatch):
    assert client.read() == "two"

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", fail)
    assert client.read() == (500, "InternalServiceError")


def test_a_forged_signature_is_refused_whatever_is_recalled(client):
    assert client.read() == "two"
    request = client.request()
    forged = [(name, value[:-4] + b"0000" if name == b"authorization" else value) for name, value in request.headers]
    answer = client.answer(HttpRequest("POST", b"/", b"", forged, request.body, ""))
    assert json.loads(answer.body)["__type"] == "InvalidSignatureException"


def test_the_first_read_of_another_day_records_its_date(client):
    assert client.read() == "two"
    client.deployment.clock.advance(timedelta(days=1))
    assert client.read() == "two"
    described = client.deployment.call("DescribeSecret", SecretId="app/db")
    assert described["LastAccessedDate"] == client.deployment.clock.now().timestamp() // 86_400 * 86_400


@pytest.mark.parametrize(
    ("condition", "is_recalled"),
    [
        ({}, True),
        ({"StringEquals": {"secretsmanager:ResourceTag/team": "none"}}, True),
        ({"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}, False),
        ({"Bool": {"AWS:securetransport": "true"}}, False),
        ({"DateLessThan": {"aws:CurrentTime": "2001-01-01T00:00:00Z"}}, False),
        ({"StringLike": {"aws:UserAgent": "${aws:SourceIp}"}}, False),
    ],
)
def test_an_answer_is_recalled_unless_a_policy_looked_at_what_changes(client, statements, condition, is_recalled):
    deny = {"Effect": "Deny", "Principal": "*", "Action": "secretsmanager:Get*", "Resource": "*"}
    allow = {"Effect": "Allow", "Principal": {"AWS": ACCOUNT_ID}, "Action": "secretsmanager:*", "Resource": "*"}
    statement = deny | {"Condition": condition} if condition else allow
    policy = json.dumps({"Version": "2012-10-17", "Statement": statement})
    client.deployment.call("PutResourcePolicy", SecretId="app/db", ResourcePolicy=policy)
    assert client.read() == "two"
    statements.clear()
    assert client.read() == "two"
    assert ("find_version" in statements) is not is_recalled


def test_a_long_value_is_read_from_the_database_each_time(client, statements):
    client.deployment.put("app/db", 3, "x" * 10_000)
    client.read()
    statements.clear()
    assert client.read() == "x" * 10_000
    assert "find_version" in statements


def test_a_value_that_was_tampered_with_fails_also_when_recalled(client):
    key = create_key(client.deployment, "alias/mine")
    client.deployment.create("app/mine", "hidden", KmsKeyId=key.key_id)
    assert [client.read("app/mine") for _ in range(3)] == ["hidden"] * 3
    change_state(client.deployment, key, KeyState.PENDING_DELETION)
    assert client.read("app/mine") == (400, "DecryptionFailure")


@pytest.fixture
def on_postgresql(postgres_url, tmp_path) -> Iterator[Client]:
    config = config_for(postgres_url, tmp_path, root_access_key_id=KEY[0], root_secret_access_key=KEY[1])
    with deployed(config) as deployment:
        for number in range(20):
            deployment.create(f"app/{number}", f"value {number}")
        client = Client(deployment, postgres_url)
        for number in range(20):
            client.read(f"app/{number}")
        yield client


def test_reads_that_wait_together_are_brought_together(on_postgresql, monkeypatch):
    together: list[int] = []
    bring = PostgresqlBringer._bring

    def counted(self, session, asked):
        together.append(len(asked))
        return bring(self, session, asked)

    monkeypatch.setattr(PostgresqlBringer, "_bring", counted)
    on_postgresql.deployment.node.service.recall.forget()
    core = on_postgresql.deployment.node.edge._core
    with on_postgresql.deployment.node.storage._pool.connection() as one:
        outcomes = [core.begin(on_postgresql.request(f"app/{number}")) for number in range(20)]
        del one
    with ThreadPoolExecutor(1) as threads:
        answers = list(threads.map(waited, outcomes))
    assert [json.loads(answer.body)["SecretString"] for answer in answers] == [f"value {n}" for n in range(20)]
    assert all(isinstance(outcome, Pending) for outcome in outcomes)
    assert sum(together) >= 40
    assert max(together) > 1


@pytest.fixture
def no_connection(on_postgresql, monkeypatch) -> None:
    """Nothing is answered on a connection of its own."""

    def refuse(*_args: object, **_more: object) -> None:
        raise AssertionError("a connection of its own")

    monkeypatch.setattr(PostgresqlStorage, "_attempt", refuse)


@pytest.mark.parametrize("operation", ["DescribeSecret", "GetResourcePolicy"])
@pytest.mark.usefixtures("no_connection")
def test_what_tells_of_a_secret_alone_is_answered_from_what_was_brought(on_postgresql, operation):
    assert on_postgresql.ask(operation, SecretId="app/1")["Name"] == "app/1"
    assert on_postgresql.ask(operation, SecretId="app/none")["__type"] == NOT_FOUND[1]


@pytest.mark.usefixtures("no_connection")
def test_a_batch_is_answered_from_what_was_brought(on_postgresql):
    wanted = [f"app/{number}" for number in range(19)] + ["app/none"]
    told = on_postgresql.ask("BatchGetSecretValue", SecretIdList=wanted)
    assert [one["SecretString"] for one in told["SecretValues"]] == [f"value {number}" for number in range(19)]
    assert [(one["SecretId"], one["ErrorCode"]) for one in told["Errors"]] == [("app/none", NOT_FOUND[1])]


@pytest.mark.usefixtures("no_connection")
def test_batches_that_wait_together_are_each_told_their_own(on_postgresql):
    core = on_postgresql.deployment.node.edge._core
    batches = [[f"app/{(first + number) % 20}" for number in range(12)] for first in range(15)]
    outcomes = [core.begin(on_postgresql.signed("BatchGetSecretValue", {"SecretIdList": one})) for one in batches]
    with ThreadPoolExecutor(1) as threads:
        answers = [json.loads(answer.body) for answer in threads.map(waited, outcomes)]
    assert [[one["Name"] for one in answer["SecretValues"]] for answer in answers] == batches


def test_a_batch_of_secrets_that_nobody_has_read_today_is_answered_too(on_postgresql):
    on_postgresql.deployment.clock.advance(timedelta(days=1))
    told = on_postgresql.ask("BatchGetSecretValue", SecretIdList=["app/1", "app/2"])
    assert [one["SecretString"] for one in told["SecretValues"]] == ["value 1", "value 2"]


def test_a_batch_by_filters_is_answered_too(on_postgresql):
    told = on_postgresql.ask("BatchGetSecretValue", Filters=[{"Key": "name", "Values": ["app/1"]}])
    assert {one["Name"] for one in told["SecretValues"]} == {"app/1", *(f"app/1{number}" for number in range(10))}


def test_the_replicas_of_a_secret_are_told(on_postgresql):
    regions = [{"Region": "us-west-2"}]
    on_postgresql.deployment.call("ReplicateSecretToRegions", SecretId="app/1", AddReplicaRegions=regions)
    told = on_postgresql.ask("DescribeSecret", SecretId="app/1")
    assert [entry["Region"] for entry in told["ReplicationStatus"]] == ["us-west-2"]


def test_an_arn_with_another_suffix_finds_nothing(on_postgresql):
    arn = on_postgresql.deployment.call("DescribeSecret", SecretId="app/1")["ARN"]
    assert on_postgresql.read(arn) == "value 1"
    assert on_postgresql.read(arn[:-6] + "aaaaaa") == NOT_FOUND
    assert on_postgresql.read(arn[:-7]) == "value 1"


def test_another_regions_secret_is_not_found(on_postgresql):
    on_postgresql.deployment = replace(on_postgresql.deployment, region="eu-west-3")
    assert on_postgresql.read("app/1") == NOT_FOUND


def test_an_unknown_caller_is_refused(on_postgresql):
    request = on_postgresql.request("app/1")
    unknown = [(name, value.replace(KEY[0].encode(), b"AKIAIOSFODNN7UNKNOWN")) for name, value in request.headers]
    core = on_postgresql.deployment.node.edge._core
    answer = waited(core.begin(HttpRequest("POST", b"/", b"", unknown, request.body, "")))
    assert json.loads(answer.body)["__type"] == "UnrecognizedClientException"


def test_a_database_that_fails_is_an_internal_error_for_all_that_wait(on_postgresql, monkeypatch):
    def fail(*_: object) -> None:
        raise StorageError("gone")

    monkeypatch.setattr(on_postgresql.deployment.node.storage.bringer, "_bring", fail)
    assert on_postgresql.read("app/1") == (500, "InternalServiceError")


def test_what_was_not_brought_is_read_on_a_thread(on_postgresql, monkeypatch):
    bringer = on_postgresql.deployment.node.storage.bringer
    find: Callable[..., Any] = bringer.access_key
    monkeypatch.setattr(bringer, "versions", lambda _: find("nobody"))
    assert on_postgresql.read("app/1") == "value 1"


def test_without_sqlites_shared_memory_every_read_asks_the_database(tmp_path, monkeypatch, statements, caplog):
    def refuse(*_: object) -> None:
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(sqlite_module.CommitMark, "of", refuse)
    config = config_for("sqlite", tmp_path, root_access_key_id=KEY[0], root_secret_access_key=KEY[1])
    with deployed(config) as deployment:
        deployment.create("app/db", "one")
        client = Client(deployment, "")
        assert [client.read() for _ in range(2)] == ["one"] * 2
        statements.clear()
        assert client.read() == "one"
        assert "find_version" in statements
    assert caplog.text.count("cannot be mapped") == 1
