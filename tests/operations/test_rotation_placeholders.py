"""A version that waits for its value: made by a rotation, filled by the put that carries its id."""

from __future__ import annotations

import pytest

from strongroom.domain.secret import Version
from support.deployment import VALUE, token
from support.kms_keys import create_key, key_of_version
from support.refusals import refusal, token_in_use, version_not_found


@pytest.fixture
def in_rotation(deployment):
    """A secret with a current version 1 and an empty, pending version 2, as RotateSecret leaves it."""
    deployment.create("app/db", VALUE)

    def work(tx):
        secret = tx.find_secret(deployment.account_id, deployment.region, "app/db")
        tx.insert_version(secret, Version(token(2), deployment.clock.now()))
        before = tx.stages(secret)
        tx.put_stages(secret, before, before | {"AWSPENDING": token(2)})

    deployment.node.storage.write(work)
    return deployment


def test_it_is_described_and_listed(in_rotation):
    assert in_rotation.stages("app/db") == {token(1): {"AWSCURRENT"}, token(2): {"AWSPENDING"}}
    listed = in_rotation.call("ListSecretVersionIds", SecretId="app/db")["Versions"]
    assert {version["VersionId"] for version in listed} == {token(1), token(2)}


def test_its_value_is_not_found_by_id_nor_by_stage(in_rotation):
    by_id = {"VersionId": token(2)}
    by_stage = {"VersionStage": "AWSPENDING"}
    for members in (by_id, by_stage, by_id | by_stage):
        code, _ = refusal(in_rotation, "GetSecretValue", SecretId="app/db", **members)
        assert code == "ResourceNotFoundException"
    assert refusal(in_rotation, "GetSecretValue", SecretId="app/db", **by_id) == version_not_found(token(2))


def test_a_put_with_its_id_writes_its_value_once(in_rotation):
    arn = in_rotation.call("DescribeSecret", SecretId="app/db")["ARN"]
    answer = in_rotation.put("app/db", 2, "new", "AWSPENDING")
    assert (answer["VersionId"], answer["VersionStages"]) == (token(2), ["AWSPENDING"])
    assert in_rotation.put("app/db", 2, "new", "AWSPENDING") == answer
    again = {"SecretId": arn, "SecretString": "other", "ClientRequestToken": token(2)}
    assert refusal(in_rotation, "PutSecretValue", **again) == token_in_use(token(2), arn)
    read = in_rotation.call("GetSecretValue", SecretId="app/db", VersionStage="AWSPENDING")
    assert read["SecretString"] == "new"
    assert in_rotation.call("GetSecretValue", SecretId="app/db")["SecretString"] == VALUE


def test_it_becomes_current_by_a_move_and_keeps_awspending(in_rotation):
    in_rotation.put("app/db", 2, "new", "AWSPENDING")
    move = {"VersionStage": "AWSCURRENT", "MoveToVersionId": token(2), "RemoveFromVersionId": token(1)}
    in_rotation.call("UpdateSecretVersionStage", SecretId="app/db", **move)
    assert in_rotation.stages("app/db") == {token(1): {"AWSPREVIOUS"}, token(2): {"AWSCURRENT", "AWSPENDING"}}
    assert in_rotation.call("GetSecretValue", SecretId="app/db")["SecretString"] == "new"


def test_another_new_current_version_abandons_it(in_rotation):
    in_rotation.put("app/db", 3)
    assert in_rotation.stages("app/db") == {token(1): {"AWSPREVIOUS"}, token(3): {"AWSCURRENT"}}


def test_a_new_key_passes_it_over_and_seals_its_value_later(in_rotation):
    arn = in_rotation.call("DescribeSecret", SecretId="app/db")["ARN"]
    key = create_key(in_rotation)
    in_rotation.call("UpdateSecret", SecretId="app/db", KmsKeyId=key.key_id)
    in_rotation.put("app/db", 2, "new", "AWSPENDING")
    assert key_of_version(in_rotation, arn, token(1)) == key_of_version(in_rotation, arn, token(2)) == key.arn
