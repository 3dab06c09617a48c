from __future__ import annotations

import base64

from support.clock import NOW
from support.deployment import VALUE, token
from support.refusals import (
    MARKED_FOR_DELETION,
    SECRET_NOT_FOUND,
    refusal,
    stage_not_found,
    version_not_found,
)

STAGE_ELSEWHERE = (
    "InvalidRequestException",
    "You provided a VersionStage that is not associated to the provided VersionId.",
)


def read(deployment, **members: str):
    return deployment.call("GetSecretValue", SecretId="app/db", **members)


def test_the_current_value_is_read_unless_another_is_named(deployment):
    arn = deployment.create("app/db", "one")
    deployment.put(arn, 2, "two")
    deployment.put(arn, 3, "three", "CANARY")
    assert [
        read(deployment)["SecretString"],
        read(deployment, VersionStage="AWSCURRENT")["SecretString"],
        read(deployment, VersionStage="AWSPREVIOUS")["SecretString"],
        read(deployment, VersionStage="CANARY")["SecretString"],
        read(deployment, VersionId=token(1))["SecretString"],
        read(deployment, VersionId=token(3), VersionStage="CANARY")["SecretString"],
    ] == ["two", "two", "one", "three", "one", "three"]


def test_the_answer_holds_the_version_with_its_labels_and_its_own_date(deployment):
    arn = deployment.create("app/db", "one")
    deployment.put(arn, 2, "two", "AWSCURRENT", "CANARY")
    answer = read(deployment)
    assert answer.pop("VersionStages") in (["AWSCURRENT", "CANARY"], ["CANARY", "AWSCURRENT"])
    assert answer == {
        "ARN": arn,
        "Name": "app/db",
        "VersionId": token(2),
        "SecretString": "two",
        "CreatedDate": NOW.timestamp() + 2,
    }
    assert read(deployment, VersionId=token(1))["CreatedDate"] == NOW.timestamp() + 1


def test_a_value_is_text_or_bytes_never_both(deployment):
    deployment.create("app/db", None, SecretBinary=bytes(range(256)), ClientRequestToken=token(1))
    binary = read(deployment)
    assert base64.b64decode(binary["SecretBinary"]) == bytes(range(256))
    assert "SecretString" not in binary
    deployment.put("app/db", 2, VALUE)
    assert "SecretBinary" not in read(deployment)


def test_a_deprecated_version_is_read_by_its_id_without_labels(deployment):
    deployment.create("app/db", "one")
    deployment.put("app/db", 2)
    deployment.put("app/db", 3)
    answer = read(deployment, VersionId=token(1))
    assert answer["SecretString"] == "one"
    assert "VersionStages" not in answer


def test_what_cannot_be_found_has_three_different_texts(deployment):
    assert refusal(deployment, "GetSecretValue", SecretId="app/db") == SECRET_NOT_FOUND
    deployment.create("app/db", None)
    assert refusal(deployment, "GetSecretValue", SecretId="app/db") == stage_not_found("AWSCURRENT")
    stage = {"VersionStage": "AWSPENDING"}
    assert refusal(deployment, "GetSecretValue", SecretId="app/db", **stage) == stage_not_found("AWSPENDING")
    unknown = {"VersionId": token(9)}
    assert refusal(deployment, "GetSecretValue", SecretId="app/db", **unknown) == version_not_found(token(9))
    both = unknown | {"VersionStage": "AWSCURRENT"}
    assert refusal(deployment, "GetSecretValue", SecretId="app/db", **both) == version_not_found(token(9))


def test_a_stage_that_is_not_on_the_version_named_is_refused(deployment):
    deployment.create()
    deployment.put("app/db", 2)
    for stage in ("AWSCURRENT", "NOBODYS", "awsprevious"):
        members = {"VersionId": token(1), "VersionStage": stage}
        assert refusal(deployment, "GetSecretValue", SecretId="app/db", **members) == STAGE_ELSEWHERE
    assert read(deployment, VersionId=token(1), VersionStage="AWSPREVIOUS")["SecretString"] == VALUE


def test_labels_count_case(deployment):
    deployment.create()
    refused = refusal(deployment, "GetSecretValue", SecretId="app/db", VersionStage="awscurrent")
    assert refused == stage_not_found("awscurrent")


def test_a_secret_scheduled_for_deletion_is_not_read_and_the_refusal_is_counted(deployment):
    deployment.create()
    deployment.call("DeleteSecret", SecretId="app/db")
    assert refusal(deployment, "GetSecretValue", SecretId="app/db") == MARKED_FOR_DELETION
    assert refusal(deployment, "PutSecretValue", SecretId="app/db", SecretString="v", ClientRequestToken=token(2)) == (
        MARKED_FOR_DELETION
    )
    assert deployment.node.service.metrics.value("refused_reads_of_deleted_secrets_total") == 1


def test_reading_changes_nothing_but_the_date_of_access(deployment):
    deployment.create()
    before = deployment.call("DescribeSecret", SecretId="app/db")
    read(deployment)
    after = deployment.call("DescribeSecret", SecretId="app/db")
    assert after.pop("LastAccessedDate") > 0
    assert after == before
