"""Which of two faults is answered: constraints, name, token, consistency, authorization, existence, deletion,
version conditions, KMS."""

from __future__ import annotations

from strongroom.domain.kms_key import KeyState
from support.deployment import token
from support.kms_keys import change_state, create_key
from support.refusals import (
    BOTH_VALUES,
    INVALID_NAME,
    MARKED_FOR_DELETION,
    SECRET_NOT_FOUND,
    TOKEN_MISSING,
    access_denied,
    name_taken,
    refusal,
)

OTHER_ACCOUNT = "999988887777"
BAD_NAMES = ("bad name", "bad*name", "bad?name", "bad]name", "bad\\name", "bad:name", "app/db#key", "gehäuse")
WINDOW_OUT_OF_RANGE = (
    "InvalidParameterException",
    "The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).",
)
NEITHER_VERSION = (
    "InvalidParameterException",
    "You must specify at least one of the parameters MoveToVersionId and RemoveFromVersionId.",
)
RESERVED_KEY = (
    "InvalidParameterException",
    "You can't add or remove the tag key aws:x. Tag keys that start with aws: are reserved for AWS use.",
)

VALUE = {"SecretString": "v", "ClientRequestToken": token(9)}
NAMING_CALLS = {
    "DeleteSecret": {"ForceDeleteWithoutRecovery": True},
    "DescribeSecret": {},
    "GetSecretValue": {},
    "ListSecretVersionIds": {},
    "PutSecretValue": VALUE,
    "RestoreSecret": {},
    "TagResource": {"Tags": [{"Key": "a", "Value": "b"}]},
    "UntagResource": {"TagKeys": ["a"]},
    "UpdateSecret": VALUE,
    "UpdateSecretVersionStage": {"VersionStage": "A", "MoveToVersionId": token(1)},
}
"""Every operation that takes a SecretId, with members that make the call valid."""


def test_a_broken_constraint_comes_before_an_invalid_name(deployment):
    calls = [
        ("CreateSecret", {"Name": "bad name", "SecretString": ""}, "Value at 'secretString'"),
        ("GetSecretValue", {"SecretId": "bad name", "VersionId": "short"}, "Value 'short' at 'versionId'"),
        ("PutSecretValue", {"SecretId": "bad name", "VersionStages": []}, "Value '[]' at 'versionStages'"),
    ]
    for operation, members, start in calls:
        code, text = refusal(deployment, operation, **members)
        assert code == "ValidationException"
        assert text is not None
        assert text.startswith(f"1 validation error detected: {start}")


def test_an_invalid_name_comes_before_existence(deployment):
    for name in BAD_NAMES:
        assert refusal(deployment, "CreateSecret", Name=name, **VALUE) == INVALID_NAME
        for operation, members in NAMING_CALLS.items():
            assert (operation, *refusal(deployment, operation, SecretId=name, **members)) == (operation, *INVALID_NAME)


def test_an_invalid_name_comes_before_a_missing_token(deployment):
    assert refusal(deployment, "CreateSecret", Name="bad name", SecretString="v") == INVALID_NAME
    assert refusal(deployment, "PutSecretValue", SecretId="bad name", SecretString="v") == INVALID_NAME
    assert refusal(deployment, "UpdateSecret", SecretId="bad name", SecretString="v") == INVALID_NAME


def test_a_missing_token_comes_before_existence(deployment):
    deployment.create("taken")
    assert refusal(deployment, "CreateSecret", Name="taken", SecretString="v") == TOKEN_MISSING
    assert refusal(deployment, "PutSecretValue", SecretId="absent", SecretString="v") == TOKEN_MISSING
    assert refusal(deployment, "UpdateSecret", SecretId="absent", SecretString="v") == TOKEN_MISSING


def test_a_missing_token_comes_before_two_values(deployment):
    both = {"SecretString": "v", "SecretBinary": b"v"}
    assert refusal(deployment, "CreateSecret", Name="new", **both) == TOKEN_MISSING
    assert refusal(deployment, "PutSecretValue", SecretId="absent", **both) == TOKEN_MISSING
    assert refusal(deployment, "UpdateSecret", SecretId="absent", **both) == TOKEN_MISSING


def test_inconsistent_parameters_come_before_authorization_and_existence(deployment):
    foreign = f"arn:aws:secretsmanager:{deployment.region}:{OTHER_ACCOUNT}:secret:x-a1b2c3"
    calls = [
        ("PutSecretValue", {**VALUE, "SecretBinary": b"v"}, BOTH_VALUES),
        ("UpdateSecret", {**VALUE, "SecretBinary": b"v"}, BOTH_VALUES),
        ("DeleteSecret", {"RecoveryWindowInDays": 6}, WINDOW_OUT_OF_RANGE),
        ("UpdateSecretVersionStage", {"VersionStage": "A"}, NEITHER_VERSION),
        ("TagResource", {"Tags": [{"Key": "aws:x", "Value": "v"}]}, RESERVED_KEY),
        ("UntagResource", {"TagKeys": ["aws:x"]}, RESERVED_KEY),
    ]
    for operation, members, expected in calls:
        for secret_id in ("absent", foreign):
            assert refusal(deployment, operation, SecretId=secret_id, **members) == expected


def test_authorization_comes_before_existence(deployment):
    there = deployment.create()
    absent = there.replace("app/db", "app/absent")
    stranger = deployment.elsewhere(account_id=OTHER_ACCOUNT)
    for operation, members in NAMING_CALLS.items():
        for arn in (there, absent, there.rpartition("-")[0]):
            denied = access_denied(OTHER_ACCOUNT, operation, arn)
            assert refusal(stranger, operation, SecretId=arn, **members) == denied


def test_a_secret_that_does_not_exist_is_not_found(deployment):
    for operation, members in (NAMING_CALLS | {"DeleteSecret": {}}).items():
        refused = refusal(deployment, operation, SecretId="absent", **members)
        assert (operation, *refused) == (operation, *SECRET_NOT_FOUND)


def test_deletion_comes_before_conditions_on_versions(deployment):
    arn = deployment.create()
    deployment.call("DeleteSecret", SecretId=arn)
    calls = [
        ("GetSecretValue", {"VersionId": token(7)}),
        ("GetSecretValue", {"VersionStage": "NOBODYS"}),
        ("PutSecretValue", {"ClientRequestToken": token(1), "SecretString": "another value"}),
        ("UpdateSecret", {"ClientRequestToken": token(1), "SecretString": "another value"}),
        ("UpdateSecretVersionStage", {"VersionStage": "A", "MoveToVersionId": token(7)}),
    ]
    for operation, members in calls:
        assert refusal(deployment, operation, SecretId=arn, **members) == MARKED_FOR_DELETION


def test_conditions_on_versions_and_names_come_before_kms(deployment):
    arn = deployment.create()
    members = {"Name": "app/db", "KmsKeyId": "alias/absent"}
    assert refusal(deployment, "CreateSecret", **members, **VALUE) == name_taken("app/db")
    key = create_key(deployment)
    deployment.call("UpdateSecret", SecretId=arn, KmsKeyId=key.key_id)
    change_state(deployment, key, KeyState.DISABLED)
    labels = [f"LABEL{number}" for number in range(20)]
    code, _ = refusal(deployment, "PutSecretValue", SecretId=arn, VersionStages=labels, **VALUE)
    assert code == "LimitExceededException"
