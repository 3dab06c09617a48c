"""What jobs do to secrets and versions: purges at the end of a window, and the clean-up of old versions."""

from __future__ import annotations

from datetime import timedelta

from support.deployment import VALUE, token
from support.refusals import SECRET_NOT_FOUND, refusal, token_in_use, version_deleted

HALF_AN_HOUR = timedelta(minutes=30)


def events(deployment, seen, *named: str):
    """Return (event, version number) of service events since `seen`, of the names given."""
    return [
        (record["eventName"], int(record["additionalEventData"]["VersionId"][:8]))
        for record in deployment.trail()[seen:]
        if record["eventType"] == "AwsServiceEvent" and (not named or record["eventName"] in named)
    ]


def version_numbers(deployment):
    """Return the numbers of all versions that are listed, deprecated ones included."""
    found: list[int] = []
    members: dict[str, object] = {"SecretId": "app/db", "IncludeDeprecated": True}
    while True:
        page = deployment.call("ListSecretVersionIds", **members)
        found += [int(version["VersionId"][:8]) for version in page["Versions"]]
        if "NextToken" not in page:
            return found
        members["NextToken"] = page["NextToken"]


def put_versions(deployment, first, last, *, every):
    for number in range(first, last + 1):
        deployment.clock.advance(every)
        deployment.put("app/db", number)


def test_a_secret_is_purged_at_its_deletion_date_and_not_before(deployment):
    arn = deployment.create()
    deployment.put(arn, 2)
    deployment.call("DeleteSecret", SecretId=arn, RecoveryWindowInDays=7)
    deployment.clock.advance(timedelta(days=7, milliseconds=-1))
    assert deployment.run_jobs() == 0
    seen = len(deployment.trail())
    deployment.clock.advance(timedelta(milliseconds=1))
    assert deployment.run_jobs() == 1
    for named in (arn, "app/db"):
        assert refusal(deployment, "DescribeSecret", SecretId=named) == SECRET_NOT_FOUND
    assert deployment.call("ListSecrets", IncludePlannedDeletion=True)["SecretList"] == []
    assert events(deployment, seen) == [
        ("StartSecretVersionDelete", 1),
        ("StartSecretVersionDelete", 2),
        ("EndSecretVersionDelete", 1),
        ("EndSecretVersionDelete", 2),
    ]
    assert {record["additionalEventData"]["SecretId"] for record in deployment.trail()[seen : seen + 4]} == {arn}
    assert deployment.run_jobs() == 0


def test_nothing_of_a_purged_secret_is_left_but_that_it_existed(deployment):
    arn = deployment.create(Description="d", Tags=[{"Key": "a", "Value": "b"}])
    deployment.put(arn, 2)
    deployment.call("DeleteSecret", SecretId=arn, ForceDeleteWithoutRecovery=True)
    storage, place = deployment.node.storage, (deployment.account_id, deployment.region, arn)
    secret = storage.read(lambda tx: tx.find_secret_by_arn(*place))
    deployment.run_jobs()
    assert storage.read(lambda tx: tx.find_secret_by_arn(*place)) is None
    assert storage.read(lambda tx: tx.list_versions(secret)) == []
    assert storage.read(lambda tx: tx.stages(secret)) == {}
    tombstone = storage.read(lambda tx: tx.find_tombstone(arn))
    assert (tombstone.name, tombstone.versions, tombstone.purged_at) == ("app/db", 2, deployment.clock.now())


def test_a_name_is_free_after_the_purge_and_the_new_secret_is_another(deployment):
    arns = set()
    for life in range(3):
        arns.add(deployment.create("app/db", f"life {life}"))
        assert deployment.call("GetSecretValue", SecretId="app/db")["SecretString"] == f"life {life}"
        assert deployment.stages("app/db") == {token(1): {"AWSCURRENT"}}
        deployment.call("DeleteSecret", SecretId="app/db", ForceDeleteWithoutRecovery=True)
        assert deployment.run_jobs() == 1
    assert len(arns) == 3


def test_a_purge_that_was_put_off_by_a_restore_and_a_new_deletion_keeps_the_new_date(deployment):
    deployment.create()
    deployment.call("DeleteSecret", SecretId="app/db", RecoveryWindowInDays=7)
    deployment.call("RestoreSecret", SecretId="app/db")
    deployment.call("DeleteSecret", SecretId="app/db", RecoveryWindowInDays=30)
    deployment.clock.advance(timedelta(days=8))
    assert deployment.run_jobs() == 0
    deployment.clock.advance(timedelta(days=22))
    assert deployment.run_jobs() == 1
    assert refusal(deployment, "DescribeSecret", SecretId="app/db") == SECRET_NOT_FOUND


def test_unlabelled_versions_beyond_a_hundred_are_removed_after_a_day(deployment):
    deployment.create("app/db", VALUE)
    deployment.put("app/db", 2, None, "PINNED")
    put_versions(deployment, 3, 106, every=HALF_AN_HOUR)
    assert deployment.call("GetSecretValue", SecretId="app/db", VersionId=token(1))["SecretString"] == VALUE
    seen = len(deployment.trail())
    assert deployment.run_jobs() == 1
    # 106 versions: three carry labels, a hundred unlabelled ones are kept, 1, 3 and 4 are the oldest
    assert version_numbers(deployment) == [2, *range(5, 107)]
    removed = (1, 3, 4)
    assert events(deployment, seen) == [
        *(("StartSecretVersionDelete", number) for number in removed),
        *(("EndSecretVersionDelete", number) for number in removed),
    ]
    for number in removed:
        version_id = token(number)
        gone = version_deleted(version_id)
        assert refusal(deployment, "GetSecretValue", SecretId="app/db", VersionId=version_id) == gone
        stage = {"VersionId": version_id, "VersionStage": "AWSCURRENT"}
        assert refusal(deployment, "GetSecretValue", SecretId="app/db", **stage) == gone
        move = {"VersionStage": "NEW", "MoveToVersionId": version_id}
        assert refusal(deployment, "UpdateSecretVersionStage", SecretId="app/db", **move) == gone
    assert deployment.call("GetSecretValue", SecretId="app/db", VersionStage="PINNED")["SecretString"] == "value 2"
    arn = deployment.call("DescribeSecret", SecretId="app/db")["ARN"]
    again = {"SecretId": arn, "ClientRequestToken": token(1), "SecretString": VALUE}
    assert refusal(deployment, "PutSecretValue", **again) == token_in_use(token(1), arn)
    assert refusal(deployment, "UpdateSecret", **again) == token_in_use(token(1), arn)


def test_versions_younger_than_a_day_are_not_removed(deployment):
    deployment.create()
    put_versions(deployment, 2, 104, every=timedelta(0))
    deployment.clock.advance(timedelta(days=1, seconds=-104))
    assert deployment.run_jobs() == 0
    assert version_numbers(deployment) == list(range(1, 105))
    deployment.clock.advance(timedelta(seconds=-1))
    assert deployment.run_jobs() == 1
    assert version_numbers(deployment) == list(range(2, 105))
    deployment.clock.advance(timedelta(hours=1, seconds=-3))
    assert deployment.run_jobs() == 0
    deployment.clock.advance(timedelta(seconds=1))
    assert deployment.run_jobs() == 1
    assert version_numbers(deployment) == list(range(3, 105))
    deployment.clock.advance(timedelta(days=100))
    assert deployment.run_jobs() == 0


def test_a_clean_up_due_while_the_secret_is_scheduled_is_made_up_for_after_its_restoration(deployment):
    deployment.create()
    put_versions(deployment, 2, 104, every=HALF_AN_HOUR)
    deployment.call("DeleteSecret", SecretId="app/db", RecoveryWindowInDays=7)
    assert deployment.run_jobs() == 1
    assert len(version_numbers(deployment)) == 104
    deployment.call("RestoreSecret", SecretId="app/db")
    deployment.clock.advance(timedelta(days=7))
    assert deployment.run_jobs() == 1
    assert len(version_numbers(deployment)) == 102


def test_a_clean_up_that_is_put_off_does_not_hold_up_the_purge(deployment):
    deployment.create()
    put_versions(deployment, 2, 104, every=HALF_AN_HOUR)
    deployment.call("DeleteSecret", SecretId="app/db", ForceDeleteWithoutRecovery=True)
    assert deployment.run_jobs() == 2
    assert refusal(deployment, "DescribeSecret", SecretId="app/db") == SECRET_NOT_FOUND
    deployment.clock.advance(timedelta(days=1))
    assert deployment.run_jobs() == 0
