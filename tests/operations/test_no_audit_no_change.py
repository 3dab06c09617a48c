"""The trail cannot be written: every call fails with 500, and nothing is committed, on both databases."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any

import pytest

from strongroom.app import AUDIT_KEY_LABEL, load_keyring
from strongroom.audit.verify import verify
from strongroom.clock import SystemClock
from strongroom.domain.listing import Listing, SortBy
from strongroom.entropy import SystemEntropy
from strongroom.operations import OPERATIONS
from strongroom.storage.base import Transaction
from strongroom.wire.exchange import Answer, HttpRequest, Unrecorded
from strongroom.wire.outbox import Outbox
from support.deployment import Deployment, config_for, deployed, token
from support.factories import ACCOUNT_ID, REGION
from support.kms_keys import create_key
from support.signing import Signer

AWAY, OTHER_ACCOUNT = "us-east-1", "999988887777"
POLICY = '{"Statement": {"Effect": "Deny", "Principal": {"AWS": "999988887777"}, "Action": "*"}}'
KEY = ("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")

CHANGES: dict[str, dict[str, Any]] = {
    "CreateSecret": {"Name": "new", "ClientRequestToken": token(5), "SecretString": "v"},
    "PutSecretValue": {"SecretId": "app/db", "ClientRequestToken": token(5), "SecretString": "v"},
    "UpdateSecret": {"SecretId": "app/db", "Description": "changed"},
    "DeleteSecret": {"SecretId": "app/db"},
    "RestoreSecret": {"SecretId": "scheduled"},
    "TagResource": {"SecretId": "app/db", "Tags": [{"Key": "k", "Value": "v"}]},
    "UntagResource": {"SecretId": "app/db", "TagKeys": ["a"]},
    "UpdateSecretVersionStage": {"SecretId": "app/db", "VersionStage": "X", "MoveToVersionId": token(1)},
    "PutResourcePolicy": {"SecretId": "app/db", "ResourcePolicy": POLICY},
    "DeleteResourcePolicy": {"SecretId": "rotated"},
    "RotateSecret": {"SecretId": "rotated", "ClientRequestToken": token(5), "RotationRules": {"Duration": "2h"}},
    "CancelRotateSecret": {"SecretId": "rotated"},
    "ReplicateSecretToRegions": {"SecretId": "app/db", "AddReplicaRegions": [{"Region": AWAY}]},
    "RemoveRegionsFromReplication": {"SecretId": "replicated", "RemoveReplicaRegions": [AWAY]},
    "StopReplicationToReplica": {"SecretId": "replicated"},
    "AssociateCrossAccountReplica": {"SecretId": "one", "CrossAccountReplicaARN": "copy/of/one"},
    "DisassociateCrossAccountReplica": {"SecretId": "two", "CrossAccountReplicaARN": "copy/of/two"},
}
READS: dict[str, dict[str, Any]] = {
    "GetSecretValue": {"SecretId": "app/db"},
    "DescribeSecret": {"SecretId": "app/db"},
    "ListSecrets": {},
    "ListSecretVersionIds": {"SecretId": "app/db"},
    "GetRandomPassword": {},
    "BatchGetSecretValue": {"SecretIdList": ["app/db", "missing"]},
    "GetResourcePolicy": {"SecretId": "rotated"},
    "ListResourcePolicies": {"SecretId": "rotated"},
    "ValidateResourcePolicy": {"ResourcePolicy": POLICY},
}
SENT_TO = {"StopReplicationToReplica": AWAY}
"""Regions of calls that another region than the deployment's answers."""
REFUSED: dict[str, dict[str, Any]] = {"GetSecretValue": {"SecretId": "missing"}, "CreateSecret": {"Name": ""}}


@pytest.fixture
def here(database_url, tmp_path):
    config = config_for(database_url, tmp_path, root_access_key_id=KEY[0], root_secret_access_key=KEY[1])
    with deployed(config) as deployment:
        deployment.create("app/db", Tags=[{"Key": "a", "Value": "b"}])
        deployment.create("scheduled")
        deployment.call("DeleteSecret", SecretId="scheduled", RecoveryWindowInDays=7)
        deployment.create("replicated", AddReplicaRegions=[{"Region": AWAY}])
        deployment.create("rotated", Type="SalesforceClientSecret")
        deployment.call("PutResourcePolicy", SecretId="rotated", ResourcePolicy=POLICY)
        role = {"ExternalSecretRotationRoleArn": "arn:aws:iam::123456789012:role/rotation"}
        deployment.call(
            "RotateSecret", SecretId="rotated", ClientRequestToken=token(4), RotateImmediately=False, **role
        )
        prepare_cross_account_replicas(deployment)
        deployment.run_jobs()
        deployment.call("GetSecretValue", SecretId="app/db")
        deployment.settle()
        yield deployment


def prepare_cross_account_replicas(deployment: Deployment) -> None:
    """Make one that is yet to be associated, and one that is."""
    owner = deployment.elsewhere(account_id=OTHER_ACCOUNT)
    key = create_key(owner)
    for name in ("one", "two"):
        arn = deployment.create(name)
        owner.create(f"copy/of/{name}", None, CrossAccountPrimaryARN=arn, KmsKeyId=key.key_id)
    deployment.call(
        "AssociateCrossAccountReplica", SecretId="two", CrossAccountReplicaARN=arn_of(deployment, "copy/of/two")
    )


def arn_of(here: Deployment, name: str) -> str:
    """Return the ARN of another account's secret, without a call that would need a record."""
    found = here.node.storage.read(lambda tx: tx.find_secret(OTHER_ACCOUNT, REGION, name))
    assert found is not None
    return found.arn


@pytest.fixture
def disk_full(here, monkeypatch):
    """Fill the disk of the trail; the returned function makes room again."""

    def fail(descriptor, _content):
        assert descriptor == here.node.trail._descriptor
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", fail)
    return monkeypatch.undo


def request_for(here: Deployment, operation: str, members: dict[str, Any]) -> HttpRequest:
    here.clock.advance_seconds(1)
    body = json.dumps(members).encode()
    signer = Signer(*KEY, host="127.0.0.1", region=SENT_TO.get(operation, here.region))
    headers = signer.headers(operation, body, now=here.clock.now())
    lower = [(name.lower().encode(), value.encode()) for name, value in headers]
    return HttpRequest("POST", b"/", b"", lower, body, "192.0.2.9")


def send(here: Deployment, operation: str, members: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    if name := members.get("CrossAccountReplicaARN"):
        members = members | {"CrossAccountReplicaARN": arn_of(here, name)}
    answer = here.node.edge._core.respond(request_for(here, operation, members))
    assert isinstance(answer, Answer)
    return answer.status, json.loads(answer.body or b"{}")


def content(here: Deployment) -> object:
    def read(tx: Transaction) -> object:
        places = ((ACCOUNT_ID, REGION), (ACCOUNT_ID, AWAY), (OTHER_ACCOUNT, REGION))
        found = [
            secret for place in places for secret in tx.listings.page(Listing(*place, SortBy.NAME), None, 100).secrets
        ]
        parts = [(tx.list_versions(each), tx.stages(each), tx.policies(each), tx.list_replicas(each)) for each in found]
        return found, parts, tx.list_jobs()

    return here.node.storage.read(read)


def is_internal_error(answer: tuple[int, dict[str, Any]]) -> bool:
    status, body = answer
    return status == 500 and body["__type"] == "InternalServiceError" and set(body) == {"__type", "Message"}


def test_the_tables_name_every_operation():
    assert CHANGES.keys() == {name for name, operation in OPERATIONS.items() if operation.mutates}
    assert READS.keys() == OPERATIONS.keys() - CHANGES.keys()


@pytest.mark.parametrize("operation", CHANGES)
def test_a_change_without_a_record_is_refused_and_undone(here, disk_full, operation):
    before, trail = content(here), here.trail()
    assert is_internal_error(send(here, operation, CHANGES[operation]))
    disk_full()
    assert content(here) == before
    assert here.trail() == trail
    assert here.node.service.metrics.value("audit_failures_total") == 1
    assert send(here, operation, CHANGES[operation])[0] == 200, "with room on the disk it goes through"
    assert content(here) != before


@pytest.mark.parametrize("operation", READS)
def test_an_answer_without_a_record_is_withheld(here, disk_full, operation):
    answer = send(here, operation, READS[operation])
    assert is_internal_error(answer)
    assert "correct horse" not in str(answer)
    disk_full()
    assert send(here, operation, READS[operation])[0] == 200


@pytest.fixture
def recalled(here):
    """Have two reads begun whose answers are recalled, and yet to be recorded."""
    if here.node.storage.mark() is None:
        pytest.skip("nothing is recalled before the database was asked")
    read = {"SecretId": "app/db"}
    send(here, "GetSecretValue", read)
    begun = [here.node.edge._core.begin(request_for(here, "GetSecretValue", read)) for _ in range(2)]
    assert all(isinstance(outcome, Unrecorded) for outcome in begun)
    return begun


def put_into_an_outbox(begun: list[Unrecorded]) -> list[Answer]:
    """Return what leaves."""
    turn_ends: list[Callable[[], None]] = []
    sent: list[Answer] = []
    outbox = Outbox(turn_ends.append)
    for one in begun:
        outbox.put(sent.append, one)
    turn_ends.pop()()
    return sent


def test_recalled_answers_of_one_turn_are_recorded_by_one_write(here, recalled, monkeypatch):
    before, writes, write = len(here.trail()), [], os.write
    monkeypatch.setattr(os, "write", lambda descriptor, content: writes.append(content) or write(descriptor, content))
    sent = put_into_an_outbox(recalled)
    assert [answer.status for answer in sent] == [200, 200]
    assert len(writes) == 1
    told = [record["requestID"] for record in here.trail()[before:]]
    assert told == [dict(answer.headers)[b"x-amzn-RequestId"].decode() for answer in sent]


def test_recalled_answers_without_records_are_withheld_and_not_counted_as_given(here, recalled, disk_full):
    counted = 'operation="GetSecretValue",code="{}"'.format
    metrics, before = here.node.service.metrics, here.trail()
    given = metrics.value("requests_total", counted("Success"))
    sent = put_into_an_outbox(recalled)
    assert all(is_internal_error((answer.status, json.loads(answer.body))) for answer in sent)
    assert len(sent) == 2
    assert metrics.value("requests_total", counted("Success")) == given
    assert metrics.value("requests_total", counted("InternalServiceError")) == 2
    assert metrics.value("audit_failures_total") == 2
    disk_full()
    assert here.trail() == before


def test_the_first_read_of_a_day_without_a_record_is_withheld_and_leaves_no_date(here, disk_full):
    here.clock.advance_seconds(86_400)
    before = content(here)
    assert is_internal_error(send(here, "GetSecretValue", {"SecretId": "app/db"}))
    assert content(here) == before


@pytest.mark.parametrize("operation", REFUSED)
def test_a_refusal_without_a_record_is_an_internal_error_too(here, disk_full, operation):
    assert is_internal_error(send(here, operation, REFUSED[operation]))


def test_a_purge_without_a_record_is_undone_and_tried_again(here, disk_full):
    here.clock.advance_seconds(8 * 86_400)
    before = here.node.storage.read(lambda tx: tx.find_secret(ACCOUNT_ID, REGION, "scheduled"))
    assert here.run_jobs() == 1
    assert here.node.storage.read(lambda tx: tx.find_secret(ACCOUNT_ID, REGION, "scheduled")) == before
    disk_full()
    here.clock.advance_seconds(60)
    assert here.run_jobs() == 1
    assert here.node.storage.read(lambda tx: tx.find_secret(ACCOUNT_ID, REGION, "scheduled")) is None


def test_the_chain_is_whole_after_the_disk_was_full(here, disk_full):
    for operation, members in CHANGES.items():
        send(here, operation, members)
    disk_full()
    send(here, "ListSecrets", {})
    keyring = load_keyring(here.config, here.node.storage, SystemClock(), SystemEntropy())
    path = here.config.audit_dir / "trail-0.jsonl"
    verdict = verify(path, lambda term: keyring.derive(AUDIT_KEY_LABEL, term=term), None)
    assert verdict.broken_line is None
    assert here.trail()[-1]["eventName"] == "ListSecrets"
