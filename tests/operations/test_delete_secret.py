from __future__ import annotations

import re

from support.clock import NOW
from support.deployment import VALUE, token
from support.refusals import INVALID_NAME, MARKED_FOR_DELETION, NAME_SCHEDULED, SECRET_NOT_FOUND, refusal

START = NOW.timestamp()
DAY = 86_400
OUT_OF_RANGE = (
    "InvalidParameterException",
    "The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).",
)
FORCE_AND_WINDOW = (
    "InvalidParameterException",
    "You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.",
)


def test_the_deletion_date_is_the_end_of_the_window(deployment):
    windows: list[tuple[dict[str, object], int]] = [
        ({}, 30),
        ({"RecoveryWindowInDays": 7}, 7),
        ({"RecoveryWindowInDays": 30}, 30),
        ({"RecoveryWindowInDays": 12, "ForceDeleteWithoutRecovery": False}, 12),
        ({"ForceDeleteWithoutRecovery": False}, 30),
        ({"ForceDeleteWithoutRecovery": True}, 0),
    ]
    for number, (members, days) in enumerate(windows):
        arn = deployment.create(f"s{number}")
        answer = deployment.call("DeleteSecret", SecretId=f"s{number}", **members)
        date = deployment.clock.now().timestamp() + days * DAY
        assert answer == {"ARN": arn, "Name": f"s{number}", "DeletionDate": date}
        assert deployment.call("DescribeSecret", SecretId=arn)["DeletedDate"] == date


def test_recovery_window_rejects_days_out_of_range_and_force(deployment):
    deployment.create()
    for secret_id in ("app/db", "absent"):
        for days in (-1, 0, 2, 6, 31, 100, 2**62):
            assert refusal(deployment, "DeleteSecret", SecretId=secret_id, RecoveryWindowInDays=days) == OUT_OF_RANGE
        both = {"RecoveryWindowInDays": 7, "ForceDeleteWithoutRecovery": True}
        assert refusal(deployment, "DeleteSecret", SecretId=secret_id, **both) == FORCE_AND_WINDOW
        both["RecoveryWindowInDays"] = 3
        assert refusal(deployment, "DeleteSecret", SecretId=secret_id, **both) == OUT_OF_RANGE
    assert deployment.call("GetSecretValue", SecretId="app/db")["SecretString"] == VALUE


def test_forcing_a_name_that_does_not_exist_succeeds_as_if_it_did(deployment):
    answer = deployment.call("DeleteSecret", SecretId="absent", ForceDeleteWithoutRecovery=True)
    assert answer.keys() == {"ARN", "Name", "DeletionDate"}
    assert answer["Name"] == "absent"
    prefix = f"arn:aws:secretsmanager:{deployment.region}:{deployment.account_id}:secret:absent-"
    assert re.fullmatch(re.escape(prefix) + "[A-Za-z0-9]{6}", answer["ARN"])
    assert answer["DeletionDate"] == START + 1
    assert deployment.run_jobs() == 0
    gone = f"{prefix}AAAAAA"
    answer = deployment.call("DeleteSecret", SecretId=gone, ForceDeleteWithoutRecovery=True)
    assert answer == {"ARN": gone, "Name": gone, "DeletionDate": START + 2}


def test_an_invalid_name_is_refused_even_when_forced(deployment):
    assert refusal(deployment, "DeleteSecret", SecretId="bad name", ForceDeleteWithoutRecovery=True) == INVALID_NAME


def test_a_missing_secret_is_not_found_unless_forced(deployment):
    assert refusal(deployment, "DeleteSecret", SecretId="absent") == SECRET_NOT_FOUND
    assert refusal(deployment, "DeleteSecret", SecretId="absent", RecoveryWindowInDays=7) == SECRET_NOT_FOUND


def test_a_scheduled_secret_is_not_scheduled_again(deployment):
    deployment.create()
    first = deployment.call("DeleteSecret", SecretId="app/db", RecoveryWindowInDays=9)
    assert refusal(deployment, "DeleteSecret", SecretId="app/db") == MARKED_FOR_DELETION
    assert refusal(deployment, "DeleteSecret", SecretId="app/db", RecoveryWindowInDays=7) == MARKED_FOR_DELETION
    assert deployment.call("DescribeSecret", SecretId="app/db")["DeletedDate"] == first["DeletionDate"]


def test_forcing_a_scheduled_secret_ends_its_window_now(deployment):
    arn = deployment.create()
    deployment.call("DeleteSecret", SecretId=arn)
    answer = deployment.call("DeleteSecret", SecretId=arn, ForceDeleteWithoutRecovery=True)
    assert answer == {"ARN": arn, "Name": "app/db", "DeletionDate": START + 3}
    assert deployment.run_jobs() == 1
    assert refusal(deployment, "DescribeSecret", SecretId=arn) == SECRET_NOT_FOUND


def test_a_forced_secret_keeps_its_name_until_the_purge_has_run(deployment):
    deployment.create()
    deployment.call("DeleteSecret", SecretId="app/db", ForceDeleteWithoutRecovery=True)
    assert "DeletedDate" in deployment.call("DescribeSecret", SecretId="app/db")
    assert refusal(deployment, "GetSecretValue", SecretId="app/db") == MARKED_FOR_DELETION
    create = {"Name": "app/db", "SecretString": "new", "ClientRequestToken": token(1)}
    assert refusal(deployment, "CreateSecret", **create) == NAME_SCHEDULED
    assert deployment.run_jobs() == 1
    assert refusal(deployment, "DescribeSecret", SecretId="app/db") == SECRET_NOT_FOUND
    deployment.call("CreateSecret", **create)
    assert deployment.call("GetSecretValue", SecretId="app/db")["SecretString"] == "new"


def test_what_a_scheduled_secret_still_allows(deployment):
    arn = deployment.create()
    deployment.call("DeleteSecret", SecretId=arn)
    refused = {
        "GetSecretValue": {},
        "PutSecretValue": {"SecretString": "v", "ClientRequestToken": token(2)},
        "UpdateSecret": {"Description": "d"},
        "UpdateSecretVersionStage": {"VersionStage": "A", "MoveToVersionId": token(1)},
        "TagResource": {"Tags": [{"Key": "a", "Value": "b"}]},
        "UntagResource": {"TagKeys": ["a"]},
        "DeleteSecret": {},
    }
    for operation, members in refused.items():
        assert (operation, refusal(deployment, operation, SecretId=arn, **members)) == (operation, MARKED_FOR_DELETION)
    assert deployment.call("DescribeSecret", SecretId=arn)["VersionIdsToStages"] == {token(1): ["AWSCURRENT"]}
    assert len(deployment.call("ListSecretVersionIds", SecretId=arn)["Versions"]) == 1
    assert deployment.call("ListSecrets")["SecretList"] == []
    assert len(deployment.call("ListSecrets", IncludePlannedDeletion=True)["SecretList"]) == 1
    assert deployment.call("RestoreSecret", SecretId=arn) == {"ARN": arn, "Name": "app/db"}
