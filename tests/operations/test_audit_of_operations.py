"""Every call leaves exactly one record, which tells what was asked and what came of it, and never a value."""

from __future__ import annotations

from strongroom.operations import OPERATIONS
from support.deployment import token
from support.kms_keys import create_key
from support.refusals import INVALID_NAME, access_denied, refusal
from support.rotators import FUNCTION, serve_functions

SECRET = "never-on-the-trail"
OTHER_ACCOUNT = "999988887777"
POLICY = '{"Statement": {"Effect": "Deny", "Principal": {"AWS": "999988887777"}, "Action": "*"}}'
TAGS = [{"Key": "team", "Value": "blue"}]
WIRE_TAGS = [{"key": "team", "value": "blue"}]


def only_record(deployment, seen):
    records = deployment.trail()[seen:]
    assert len(records) == 1
    return records[0]


def record_of(deployment, operation, **members: object):
    seen = len(deployment.trail())
    deployment.call(operation, **members)
    return only_record(deployment, seen)


WRITES = [
    (
        "CreateSecret",
        {"Name": "new", "SecretString": SECRET, "ClientRequestToken": token(7), "Description": "d", "Tags": TAGS},
        {"name": "new", "clientRequestToken": token(7), "description": "d", "tags": WIRE_TAGS},
        {"arn", "name", "versionId"},
    ),
    (
        "PutSecretValue",
        {
            "SecretId": "app/db",
            "SecretBinary": SECRET.encode(),
            "ClientRequestToken": token(2),
            "VersionStages": ["K"],
            "RotationToken": f"{SECRET}-{token(3)}",
        },
        {"secretId": "app/db", "clientRequestToken": token(2), "versionStages": ["K"]},
        {"arn", "name", "versionId", "versionStages"},
    ),
    (
        "UpdateSecret",
        {"SecretId": "app/db", "SecretString": SECRET, "ClientRequestToken": token(3), "KmsKeyId": ""},
        {"secretId": "app/db", "clientRequestToken": token(3), "kmsKeyId": ""},
        {"arn", "name", "versionId"},
    ),
    (
        "UpdateSecretVersionStage",
        {
            "SecretId": "app/db",
            "VersionStage": "K",
            "MoveToVersionId": token(3),
            "RemoveFromVersionId": token(2),
        },
        {
            "secretId": "app/db",
            "versionStage": "K",
            "moveToVersionId": token(3),
            "removeFromVersionId": token(2),
        },
        {"arn", "name"},
    ),
    ("TagResource", {"SecretId": "app/db", "Tags": TAGS}, {"secretId": "app/db", "tags": WIRE_TAGS}, None),
    ("UntagResource", {"SecretId": "app/db", "TagKeys": ["a"]}, {"secretId": "app/db", "tagKeys": ["a"]}, None),
    (
        "PutResourcePolicy",
        {"SecretId": "app/db", "ResourcePolicy": POLICY, "PolicyName": "default", "BlockPublicPolicy": True},
        {"secretId": "app/db", "resourcePolicy": POLICY, "policyName": "default", "blockPublicPolicy": True},
        {"arn", "name", "policyName"},
    ),
    (
        "DeleteResourcePolicy",
        {"SecretId": "app/db", "PolicyName": "default"},
        {"secretId": "app/db", "policyName": "default"},
        {"arn", "name", "policyName"},
    ),
    (
        "ReplicateSecretToRegions",
        {"SecretId": "app/db", "AddReplicaRegions": [{"Region": "us-east-1"}], "ForceOverwriteReplicaSecret": True},
        {"secretId": "app/db", "addReplicaRegions": [{"region": "us-east-1"}], "forceOverwriteReplicaSecret": True},
        {"arn", "replicationStatus"},
    ),
    (
        "RemoveRegionsFromReplication",
        {"SecretId": "app/db", "RemoveReplicaRegions": ["us-east-1"]},
        {"secretId": "app/db", "removeReplicaRegions": ["us-east-1"]},
        {"arn"},
    ),
    (
        "RotateSecret",
        {
            "SecretId": "app/db",
            "ClientRequestToken": token(8),
            "RotationLambdaARN": FUNCTION,
            "RotationRules": {"AutomaticallyAfterDays": 30},
            "RotateImmediately": True,
        },
        {
            "secretId": "app/db",
            "clientRequestToken": token(8),
            "rotationLambdaARN": FUNCTION,
            "rotationRules": {"automaticallyAfterDays": 30},
            "rotateImmediately": True,
        },
        {"arn", "name", "versionId"},
    ),
    ("CancelRotateSecret", {"SecretId": "app/db"}, {"secretId": "app/db"}, {"arn", "name", "versionId"}),
    (
        "DeleteSecret",
        {"SecretId": "app/db", "RecoveryWindowInDays": 7},
        {"secretId": "app/db", "recoveryWindowInDays": 7},
        {"arn", "name", "deletionDate"},
    ),
    (
        "DeleteSecret",
        {"SecretId": "app/db", "ForceDeleteWithoutRecovery": True},
        {"secretId": "app/db", "forceDeleteWithoutRecovery": True},
        {"arn", "name", "deletionDate"},
    ),
]
"""Operation, members, the request as recorded, the members of the answer that are recorded."""

READS = [
    (
        "GetSecretValue",
        {"SecretId": "app/db", "VersionId": token(1), "VersionStage": "AWSCURRENT"},
        {"secretId": "app/db", "versionId": token(1), "versionStage": "AWSCURRENT"},
    ),
    ("DescribeSecret", {"SecretId": "app/db"}, {"secretId": "app/db"}),
    (
        "ListSecretVersionIds",
        {"SecretId": "app/db", "MaxResults": 5, "IncludeDeprecated": True},
        {"secretId": "app/db", "maxResults": 5, "includeDeprecated": True},
    ),
    (
        "ListSecrets",
        {"Filters": [{"Key": "name", "Values": ["app"]}], "SortBy": "name", "SortOrder": "desc", "MaxResults": 3},
        {"filters": [{"key": "name", "values": ["app"]}], "sortBy": "name", "sortOrder": "desc", "maxResults": 3},
    ),
    ("GetRandomPassword", {"PasswordLength": 9, "ExcludeNumbers": True}, {"passwordLength": 9, "excludeNumbers": True}),
    (
        "GetResourcePolicy",
        {"SecretId": "app/db", "PolicyName": "default"},
        {"secretId": "app/db", "policyName": "default"},
    ),
    ("ListResourcePolicies", {"SecretId": "app/db", "MaxResults": 5}, {"secretId": "app/db", "maxResults": 5}),
    (
        "ValidateResourcePolicy",
        {"SecretId": "app/db", "ResourcePolicy": POLICY},
        {"secretId": "app/db", "resourcePolicy": POLICY},
    ),
]
PREPARED = {
    "RestoreSecret",
    "StopReplicationToReplica",
    "AssociateCrossAccountReplica",
    "DisassociateCrossAccountReplica",
    "BatchGetSecretValue",
}
"""Operations with tests of their own below, because they need preparation or leave more than one record."""


def test_a_record_says_who_called_what_from_where_and_when(deployment):
    arn = deployment.create("app/db")
    record = record_of(deployment, "DescribeSecret", SecretId=arn)
    event_id = record.pop("eventID")
    assert len(event_id) == 36
    assert record == {
        "eventVersion": "1.11",
        "userIdentity": {
            "type": "Root",
            "principalId": deployment.account_id,
            "arn": f"arn:aws:iam::{deployment.account_id}:root",
            "accountId": deployment.account_id,
            "accessKeyId": "AKIAEXAMPLEEXAMPLE00",
        },
        "eventTime": "2030-01-02T03:04:07Z",
        "eventSource": "secretsmanager.amazonaws.com",
        "eventName": "DescribeSecret",
        "awsRegion": deployment.region,
        "sourceIPAddress": "192.0.2.7",
        "userAgent": "tests/1",
        "requestParameters": {"secretId": arn},
        "responseElements": None,
        "requestID": "request-id",
        "readOnly": True,
        "eventType": "AwsApiCall",
        "managementEvent": True,
        "recipientAccountId": deployment.account_id,
        "eventCategory": "Management",
    }


def test_a_change_has_one_record_with_request_and_answer_and_without_the_value(deployment):
    serve_functions(deployment).create("app/db", SECRET)
    for operation, members, request, answered in WRITES:
        record = record_of(deployment, operation, **members)
        assert (record["eventName"], record["readOnly"]) == (operation, False)
        assert (operation, record["requestParameters"]) == (operation, request)
        elements = record["responseElements"]
        assert (operation, None if elements is None else set(elements)) == (operation, answered)
        assert "errorCode" not in record
    restored = record_of(deployment, "RestoreSecret", SecretId="new")
    assert restored["responseElements"].keys() == {"arn", "name"}
    assert SECRET not in str(deployment.trail())


def test_a_read_has_one_record_with_the_request_alone(deployment):
    deployment.create("app/db", SECRET)
    for _ in range(2):
        for operation, members, request in READS:
            record = record_of(deployment, operation, **members)
            assert (record["eventName"], record["readOnly"]) == (operation, True)
            assert (operation, record["requestParameters"]) == (operation, request)
            assert record["responseElements"] is None
    assert SECRET not in str(deployment.trail())


def test_every_operation_is_recorded_above():
    covered = {operation for operation, *_ in (*WRITES, *READS)}
    assert covered | PREPARED == OPERATIONS.keys()
    assert not covered & PREPARED


def test_a_promotion_is_recorded_in_the_region_of_the_replica(deployment):
    arn = deployment.create("app/db", SECRET, AddReplicaRegions=[{"Region": "us-east-1"}])
    deployment.run_jobs()
    record = record_of(deployment.elsewhere(region="us-east-1"), "StopReplicationToReplica", SecretId="app/db")
    assert record["awsRegion"] == "us-east-1"
    assert record["requestParameters"] == {"secretId": "app/db"}
    assert record["responseElements"] == {"arn": arn.replace(deployment.region, "us-east-1")}


def test_both_ends_of_a_cross_account_replication_are_recorded(deployment):
    primary = deployment.create("app/db", SECRET)
    owner = deployment.elsewhere(account_id=OTHER_ACCOUNT)
    members = {"CrossAccountPrimaryARN": primary, "KmsKeyId": create_key(owner).key_id}
    created = record_of(owner, "CreateSecret", Name="copy", **members)
    assert created["requestParameters"]["crossAccountPrimaryARN"] == primary
    replica = created["responseElements"]["arn"]
    both = {"arn": primary, "crossAccountReplicaARN": replica}
    link = {"SecretId": "app/db", "CrossAccountReplicaARN": replica}
    record = record_of(deployment, "AssociateCrossAccountReplica", **link, ReplicaRestriction="NoRestriction")
    assert record["requestParameters"] == {
        "secretId": "app/db",
        "crossAccountReplicaARN": replica,
        "replicaRestriction": "NoRestriction",
    }
    assert record["responseElements"] == both | {"replicationStatus": "InProgress"}
    record = record_of(deployment, "DisassociateCrossAccountReplica", **link)
    assert record["requestParameters"] == {"secretId": "app/db", "crossAccountReplicaARN": replica}
    assert record["responseElements"] == both


REFUSALS = [
    ("GetSecretValue", {"SecretId": "absent"}, "ResourceNotFoundException"),
    ("GetSecretValue", {"SecretId": "gone"}, "InvalidRequestException"),
    ("CreateSecret", {"Name": "app/db", "SecretString": SECRET}, "InvalidRequestException"),
    (
        "CreateSecret",
        {"Name": "app/db", "SecretString": SECRET, "ClientRequestToken": token(9)},
        "ResourceExistsException",
    ),
    (
        "PutSecretValue",
        {"SecretId": "app/db", "SecretString": SECRET, "ClientRequestToken": token(1)},
        "ResourceExistsException",
    ),
    ("UpdateSecret", {"SecretId": "app/db", "KmsKeyId": "alias/absent"}, "EncryptionFailure"),
    ("DeleteSecret", {"SecretId": "app/db", "RecoveryWindowInDays": 3}, "InvalidParameterException"),
    ("ListSecrets", {"NextToken": "junk"}, "InvalidNextTokenException"),
    ("TagResource", {"SecretId": "bad name", "Tags": TAGS}, "ValidationException"),
]


def test_a_refusal_has_one_record_with_its_code_and_text(deployment):
    deployment.create("app/db", "v")
    deployment.create("gone", "v")
    deployment.call("DeleteSecret", SecretId="gone")
    for operation, members, code in REFUSALS:
        seen = len(deployment.trail())
        refused = refusal(deployment, operation, **members)
        record = only_record(deployment, seen)
        assert record["eventName"] == operation
        assert (record["errorCode"], record["errorMessage"]) == refused
        assert (operation, record["errorCode"]) == (operation, code)
        assert record["responseElements"] is None
        assert SECRET not in str(record)


def test_a_denial_is_recorded_under_cloudtrails_name_for_it_with_the_stranger_as_caller(deployment):
    arn = deployment.create("app/db")
    stranger = deployment.elsewhere(account_id=OTHER_ACCOUNT)
    seen = len(deployment.trail())
    refused = refusal(stranger, "GetSecretValue", SecretId=arn)
    record = only_record(deployment, seen)
    assert record["errorCode"] == "AccessDenied"
    assert (
        ("AccessDeniedException", record["errorMessage"])
        == refused
        == access_denied(OTHER_ACCOUNT, "GetSecretValue", arn)
    )
    assert record["requestParameters"] == {"secretId": arn}
    assert record["userIdentity"]["accountId"] == OTHER_ACCOUNT


def test_a_refused_read_of_a_scheduled_secret_carries_the_text_alarms_match_on(deployment):
    deployment.create("app/db")
    deployment.call("DeleteSecret", SecretId="app/db")
    refusal(deployment, "GetSecretValue", SecretId="app/db")
    assert "secret because it was marked for deletion" in deployment.trail()[-1]["errorMessage"]


def test_an_invalid_name_is_recorded_as_it_was_sent(deployment):
    assert refusal(deployment, "CreateSecret", Name="bad name", Description="d") == INVALID_NAME
    assert deployment.trail()[-1]["requestParameters"] == {"name": "bad name", "description": "d"}
