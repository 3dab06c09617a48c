"""Protection, shortest windows and holds, on both databases and across restarts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from strongroom.app import open_node
from strongroom.domain.protection import MIN_DAYS_TAG, PROTECTION_TAG
from strongroom.errors import InvalidRequestException
from support.deployment import VALUE, config_for, deployed
from support.entropy import SeededEntropy
from support.postgres import empty

DAY = timedelta(days=1)


@pytest.fixture(params=["sqlite", "postgresql"])
def held_deployment(request, tmp_path):
    """A deployment in which refused reads postpone purges by ten days, up to twenty."""
    url = "sqlite" if request.param == "sqlite" else request.getfixturevalue("shared_postgres_url")
    if request.param == "postgresql":
        empty(url)
    settings = {"deletion_hold_on_read_days": 10, "deletion_hold_max_days": 20, "deletion_min_days": ("prod/=14",)}
    with deployed(config_for(url, tmp_path, **settings)) as one:
        yield one


def deletion_date(deployment, name="app/db"):
    return datetime.fromtimestamp(deployment.call("DescribeSecret", SecretId=name)["DeletedDate"], UTC)


def read_refused(deployment, name="app/db"):
    with pytest.raises(InvalidRequestException, match="marked for deletion"):
        deployment.call("GetSecretValue", SecretId=name)


def planned(deployment, arn):
    return deployment.node.storage.read(lambda tx: tx.deletions.find(arn))


def test_a_protected_secret_is_deleted_only_after_its_tag_is_gone(deployment):
    arn = deployment.create(Tags=[{"Key": PROTECTION_TAG, "Value": "true"}])
    for members in ({}, {"ForceDeleteWithoutRecovery": True}, {"RecoveryWindowInDays": 30}):
        with pytest.raises(InvalidRequestException, match="protected from deletion"):
            deployment.call("DeleteSecret", SecretId=arn, **members)
    assert deployment.call("GetSecretValue", SecretId=arn)["SecretString"] == VALUE
    deployment.call("UntagResource", SecretId=arn, TagKeys=[PROTECTION_TAG])
    deployment.call("DeleteSecret", SecretId=arn)


def test_a_window_shorter_than_the_setting_or_the_tag_asks_for_is_refused(held_deployment):
    held_deployment.create("prod/db")
    held_deployment.create("dev/db", Tags=[{"Key": MIN_DAYS_TAG, "Value": "20"}])
    for name, short, least in (("prod/db", 13, 14), ("dev/db", 19, 20)):
        for members in ({"RecoveryWindowInDays": short}, {"ForceDeleteWithoutRecovery": True}):
            with pytest.raises(InvalidRequestException, match=f"at least {least} days"):
                held_deployment.call("DeleteSecret", SecretId=name, **members)
        held_deployment.call("DeleteSecret", SecretId=name, RecoveryWindowInDays=least)


def test_who_scheduled_a_deletion_is_known_until_it_is_taken_back_or_carried_out(deployment):
    arn = deployment.create()
    deployment.call("DeleteSecret", SecretId=arn, RecoveryWindowInDays=7)
    assert planned(deployment, arn).scheduled_by == deployment.caller().principal.arn
    deployment.call("RestoreSecret", SecretId=arn)
    assert planned(deployment, arn) is None
    deployment.call("DeleteSecret", SecretId=arn, RecoveryWindowInDays=7)
    deployment.clock.advance(7 * DAY)
    deployment.run_jobs()
    assert planned(deployment, arn) is None


def test_a_refused_read_postpones_the_purge_and_is_still_refused(held_deployment):
    deployment = held_deployment
    arn = deployment.create()
    deployment.call("DeleteSecret", SecretId=arn, RecoveryWindowInDays=7)
    before = deletion_date(deployment)
    deployment.clock.advance(6 * DAY)
    read_refused(deployment)
    assert deletion_date(deployment) > before + 8 * DAY
    deployment.clock.advance(5 * DAY)
    deployment.run_jobs()
    assert deployment.call("DescribeSecret", SecretId=arn)["Name"] == "app/db"
    deployment.call("RestoreSecret", SecretId=arn)
    assert deployment.call("GetSecretValue", SecretId=arn)["SecretString"] == VALUE
    held = [record for record in deployment.trail() if record["eventName"] == "HoldSecretDeletion"]
    assert [record["additionalEventData"]["SecretId"] for record in held] == [arn]
    assert held[0]["additionalEventData"]["Reader"] == deployment.caller().principal.arn


def test_reads_of_a_batch_postpone_purges_too(held_deployment):
    deployment = held_deployment
    deployment.create()
    deployment.create("app/other")
    deployment.call("DeleteSecret", SecretId="app/db", RecoveryWindowInDays=7)
    before = deletion_date(deployment)
    answer = deployment.call("BatchGetSecretValue", SecretIdList=["app/db", "app/other"])
    assert [error["ErrorCode"] for error in answer["Errors"]] == ["InvalidRequestException"]
    assert [value["Name"] for value in answer["SecretValues"]] == ["app/other"]
    assert deletion_date(deployment) > before


def test_a_hold_ends_at_its_bound_however_often_the_secret_is_read(held_deployment):
    deployment = held_deployment
    arn = deployment.create()
    deployment.call("DeleteSecret", SecretId=arn, RecoveryWindowInDays=7)
    due = deletion_date(deployment)
    while deployment.clock.now() < due + 20 * DAY - timedelta(minutes=1):
        read_refused(deployment)
        deployment.run_jobs()
        assert deletion_date(deployment) <= due + 20 * DAY
        deployment.clock.advance(min(DAY, due + 20 * DAY - deployment.clock.now() - timedelta(seconds=30)))
    deployment.clock.advance(timedelta(minutes=1))
    deployment.run_jobs()
    assert deployment.call("ListSecrets", IncludePlannedDeletion=True)["SecretList"] == []


def test_reads_postpone_nothing_where_the_setting_is_off(deployment, statements):
    deployment.create()
    deployment.call("DeleteSecret", SecretId="app/db", RecoveryWindowInDays=7)
    before = deletion_date(deployment)
    deployment.clock.advance(6 * DAY)
    statements.clear()
    read_refused(deployment)
    assert statements == ["find_secret"]
    assert deletion_date(deployment) == before


def test_a_postponed_purge_stays_postponed_across_a_restart(held_deployment):
    deployment = held_deployment
    arn = deployment.create()
    deployment.call("DeleteSecret", SecretId=arn, RecoveryWindowInDays=7)
    deployment.clock.advance(6 * DAY)
    read_refused(deployment)
    date = deletion_date(deployment)
    deployment.node.close()
    deployment.node = open_node(deployment.config, clock=deployment.clock, entropy=SeededEntropy(9))
    deployment.clock.advance(2 * DAY)
    assert deployment.run_jobs() == 0
    assert deletion_date(deployment) == date
    deployment.clock.advance(20 * DAY)
    deployment.run_jobs()
    assert deployment.call("ListSecrets", IncludePlannedDeletion=True)["SecretList"] == []


def test_forcing_ends_a_hold(held_deployment):
    deployment = held_deployment
    deployment.create()
    deployment.call("DeleteSecret", SecretId="app/db", RecoveryWindowInDays=7)
    read_refused(deployment)
    deployment.call("DeleteSecret", SecretId="app/db", ForceDeleteWithoutRecovery=True)
    deployment.run_jobs()
    assert deployment.call("ListSecrets", IncludePlannedDeletion=True)["SecretList"] == []
