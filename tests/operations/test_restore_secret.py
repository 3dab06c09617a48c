from __future__ import annotations

from datetime import timedelta

from support.deployment import VALUE, token
from support.refusals import SECRET_NOT_FOUND, refusal

PAST_ITS_DATE = (
    "InvalidRequestException",
    "You can't perform this operation on the secret because it was deleted.",
)


def test_a_restored_secret_is_as_it_was(deployment):
    arn = deployment.create(Description="d", Tags=[{"Key": "a", "Value": "b"}])
    deployment.put(arn, 2, "two", "K")
    before = deployment.call("DescribeSecret", SecretId=arn)
    deployment.call("DeleteSecret", SecretId=arn)
    assert deployment.call("RestoreSecret", SecretId=arn) == {"ARN": arn, "Name": "app/db"}
    after = deployment.call("DescribeSecret", SecretId=arn)
    assert after.pop("LastChangedDate") > before.pop("LastChangedDate")
    assert after == before
    assert deployment.call("GetSecretValue", SecretId=arn)["SecretString"] == VALUE
    assert deployment.call("GetSecretValue", SecretId=arn, VersionStage="K")["SecretString"] == "two"


def test_a_restored_secret_is_not_purged(deployment):
    deployment.create()
    deployment.call("DeleteSecret", SecretId="app/db", RecoveryWindowInDays=7)
    deployment.call("RestoreSecret", SecretId="app/db")
    deployment.clock.advance(timedelta(days=31))
    assert deployment.run_jobs() == 0
    assert deployment.call("GetSecretValue", SecretId="app/db")["SecretString"] == VALUE


def test_a_secret_that_is_not_scheduled_is_restored_without_change(deployment):
    arn = deployment.create()
    before = deployment.call("DescribeSecret", SecretId=arn)
    assert deployment.call("RestoreSecret", SecretId=arn) == {"ARN": arn, "Name": "app/db"}
    assert deployment.call("DescribeSecret", SecretId=arn) == before


def test_a_secret_can_be_restored_until_its_deletion_date_and_not_from_then_on(deployment):
    deployment.create()
    deployment.call("DeleteSecret", SecretId="app/db", RecoveryWindowInDays=7)
    deployment.clock.advance(timedelta(days=7) - timedelta(seconds=1, milliseconds=1))
    deployment.call("RestoreSecret", SecretId="app/db")
    deployment.call("DeleteSecret", SecretId="app/db", RecoveryWindowInDays=7)
    deployment.clock.advance(timedelta(days=7) - timedelta(seconds=1))
    assert refusal(deployment, "RestoreSecret", SecretId="app/db") == PAST_ITS_DATE
    assert deployment.run_jobs() == 1
    assert refusal(deployment, "RestoreSecret", SecretId="app/db") == SECRET_NOT_FOUND


def test_a_forced_secret_cannot_be_restored(deployment):
    deployment.create()
    deployment.call("DeleteSecret", SecretId="app/db", ForceDeleteWithoutRecovery=True)
    assert refusal(deployment, "RestoreSecret", SecretId="app/db") == PAST_ITS_DATE


def test_each_restored_version_has_an_event_on_the_trail(deployment):
    arn = deployment.create()
    deployment.put(arn, 2)
    deployment.call("DeleteSecret", SecretId=arn)
    seen = len(deployment.trail())
    deployment.call("RestoreSecret", SecretId=arn)
    *events, call = deployment.trail()[seen:]
    assert call["eventName"] == "RestoreSecret"
    assert {event["additionalEventData"]["VersionId"] for event in events} == {token(1), token(2)}
    for event in events:
        assert event["eventName"] == "CancelSecretVersionDelete"
        assert event["eventType"] == "AwsServiceEvent"
        assert event["additionalEventData"]["SecretId"] == arn
    deployment.call("RestoreSecret", SecretId=arn)
    assert [record["eventName"] for record in deployment.trail()[seen + 3 :]] == ["RestoreSecret"]


def test_an_unknown_secret_is_not_found(deployment):
    assert refusal(deployment, "RestoreSecret", SecretId="absent") == SECRET_NOT_FOUND
