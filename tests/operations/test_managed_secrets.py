"""Secrets that another service owns: what its owner alone may do."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from strongroom.domain.managed import OWNERS_OPERATIONS
from strongroom.operations import OPERATIONS
from support.deployment import VALUE, Deployment, token
from support.refusals import refusal

REFUSED = ("InvalidRequestException", "This secret is managed by rds, and you must use that service to update it.")


@pytest.fixture
def managed(deployment: Deployment) -> Deployment:
    arn = deployment.create("rds!db-1")

    def own(tx):
        secret = tx.find_secret_by_arn(deployment.account_id, deployment.region, arn)
        tx.put_secret(replace(secret, owning_service="rds"))

    deployment.node.storage.write(own)
    return deployment


def test_changes_are_refused_and_tell_the_owner(managed: Deployment) -> None:
    for operation, members in (
        ("PutSecretValue", {"SecretString": "x", "ClientRequestToken": token(2)}),
        ("UpdateSecret", {"Description": "x"}),
        ("UpdateSecretVersionStage", {"VersionStage": "x", "MoveToVersionId": token(1)}),
        ("DeleteSecret", {}),
        ("DeleteSecret", {"ForceDeleteWithoutRecovery": True}),
        ("RestoreSecret", {}),
        ("CancelRotateSecret", {}),
    ):
        assert refusal(managed, operation, SecretId="rds!db-1", **members) == REFUSED


def test_reading_describing_tagging_and_listing_by_owner_work(managed: Deployment) -> None:
    assert managed.call("GetSecretValue", SecretId="rds!db-1")["SecretString"] == VALUE
    managed.call("TagResource", SecretId="rds!db-1", Tags=[{"Key": "a", "Value": "b"}])
    assert managed.call("DescribeSecret", SecretId="rds!db-1")["OwningService"] == "rds"
    found = managed.call("ListSecrets", Filters=[{"Key": "owning-service", "Values": ["rds"]}])["SecretList"]
    assert [entry["Name"] for entry in found] == ["rds!db-1"]


def test_the_owners_operations_exist_and_change_something() -> None:
    assert all(OPERATIONS[name].mutates for name in OWNERS_OPERATIONS)
