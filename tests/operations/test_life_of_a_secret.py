"""The whole life of a secret through the door, on both databases."""

from __future__ import annotations

from datetime import timedelta

import pytest

from strongroom.errors import InvalidRequestException, ResourceNotFoundException
from support.deployment import VALUE, Deployment, token


def test_a_secret_is_created_read_versioned_scheduled_restored_and_purged(deployment: Deployment) -> None:
    arn = deployment.create("app/db")
    assert deployment.call("GetSecretValue", SecretId="app/db")["SecretString"] == VALUE
    deployment.put("app/db", 2)
    assert deployment.stages(arn) == {token(1): {"AWSPREVIOUS"}, token(2): {"AWSCURRENT"}}

    deployment.call("DeleteSecret", SecretId=arn, RecoveryWindowInDays=7)
    with pytest.raises(InvalidRequestException, match="marked for deletion"):
        deployment.call("GetSecretValue", SecretId=arn)
    deployment.call("RestoreSecret", SecretId=arn)
    assert deployment.call("GetSecretValue", SecretId=arn)["SecretString"] == "value 2"

    deployment.call("DeleteSecret", SecretId=arn, RecoveryWindowInDays=7)
    deployment.clock.advance(timedelta(days=6, hours=23))
    assert deployment.run_jobs() == 0
    deployment.clock.advance(timedelta(hours=1))
    assert deployment.run_jobs() == 1
    with pytest.raises(ResourceNotFoundException):
        deployment.call("DescribeSecret", SecretId=arn)
    assert deployment.create("app/db") != arn
