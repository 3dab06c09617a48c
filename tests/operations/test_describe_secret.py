from __future__ import annotations

from support.clock import NOW
from support.deployment import token
from support.refusals import SECRET_NOT_FOUND, refusal

START = NOW.timestamp()
MIDNIGHT = START - START % 86_400
DAY = 86_400


def test_only_members_with_a_value_are_present(deployment):
    arn = deployment.create("app/db", None)
    assert deployment.call("DescribeSecret", SecretId=arn) == {
        "ARN": arn,
        "Name": "app/db",
        "CreatedDate": START + 1,
        "LastChangedDate": START + 1,
    }


def test_everything_but_the_value_is_described(deployment):
    arn = deployment.create("app/db", "s3cr3t", Description="d", Tags=[{"Key": "a", "Value": "b"}])
    deployment.call("GetSecretValue", SecretId=arn)
    deployment.put(arn, 2, "s3cr3t too", "K")
    described = deployment.call("DescribeSecret", SecretId=arn)
    assert described == {
        "ARN": arn,
        "Name": "app/db",
        "Description": "d",
        "Tags": [{"Key": "a", "Value": "b"}],
        "VersionIdsToStages": {token(1): ["AWSCURRENT"], token(2): ["K"]},
        "CreatedDate": START + 1,
        "LastChangedDate": START + 3,
        "LastAccessedDate": MIDNIGHT,
    }


def test_deprecated_versions_do_not_appear(deployment):
    deployment.create()
    deployment.put("app/db", 2)
    deployment.put("app/db", 3)
    assert deployment.stages("app/db") == {token(2): {"AWSPREVIOUS"}, token(3): {"AWSCURRENT"}}


def test_tags_are_absent_before_the_first_and_empty_after_the_last(deployment):
    deployment.create()
    deployment.call("UntagResource", SecretId="app/db", TagKeys=["a"])
    assert "Tags" not in deployment.call("DescribeSecret", SecretId="app/db")
    deployment.call("TagResource", SecretId="app/db", Tags=[{"Key": "a", "Value": "b"}])
    deployment.call("UntagResource", SecretId="app/db", TagKeys=["a"])
    assert deployment.call("DescribeSecret", SecretId="app/db")["Tags"] == []


def test_a_scheduled_secret_is_described_with_its_deletion_date_and_its_labels(deployment):
    deployment.create()
    deleted = deployment.call("DeleteSecret", SecretId="app/db", RecoveryWindowInDays=7)
    described = deployment.call("DescribeSecret", SecretId="app/db")
    assert described["DeletedDate"] == deleted["DeletionDate"] == START + 2 + 7 * DAY
    assert described["VersionIdsToStages"] == {token(1): ["AWSCURRENT"]}
    deployment.call("RestoreSecret", SecretId="app/db")
    assert "DeletedDate" not in deployment.call("DescribeSecret", SecretId="app/db")


def test_an_unknown_secret_is_not_found(deployment):
    assert refusal(deployment, "DescribeSecret", SecretId="app/db") == SECRET_NOT_FOUND
