"""What rings, seen from calls through the door: over the index of the trail, on both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from strongroom.domain.alarms import Alarm, AlarmState
from strongroom.domain.principal import Principal, root_arn
from strongroom.errors import ServiceError
from support.deployment import config_for, deployed
from support.factories import ACCOUNT_ID, REGION
from support.iam import Iam
from support.people import allow, policy, with_user
from support.postgres import empty
from support.storages import run_sql

DAY = timedelta(days=1)
AWAY = "us-east-1"
SETTINGS = {
    "alarms_sinks": ("first=command:/bin/true", "second=command:/bin/false"),
    "alarms_denied_calls": 5,
    "alarms_mass_reads": 4,
    "alarms_purge_days": 3,
}


@pytest.fixture(params=["sqlite", "postgresql"])
def deployment(request, tmp_path):
    url = "sqlite" if request.param == "sqlite" else request.getfixturevalue("shared_postgres_url")
    if request.param == "postgresql":
        empty(url)
    with deployed(config_for(url, tmp_path, **SETTINGS)) as one:
        yield one


def look(deployment):
    """Copy the trail and look; return what changed."""
    deployment.node.trail.sync()
    deployment.node.index.copy_all()
    return [(Alarm(one.alarm), one.state, one.subject) for one in deployment.node.vigilance.watch.look()]


def refused(deployment, operation, **members: str):
    with pytest.raises(ServiceError):
        deployment.call(operation, **members)


def as_user(deployment, name="mallory"):
    arn = f"arn:aws:iam::{ACCOUNT_ID}:user/{name}"
    return replace(deployment, principal=Principal("IAMUser", arn, "AIDAEXAMPLE", ACCOUNT_ID, "AKIAEXAMPLEEXAMPLE01"))


def test_a_read_of_a_secret_pending_deletion_rings_once_and_is_quiet_when_it_is_restored(deployment):
    arn = deployment.create()
    deployment.call("DeleteSecret", SecretId=arn, RecoveryWindowInDays=30)
    assert look(deployment) == []
    refused(deployment, "GetSecretValue", SecretId="app/db")
    assert look(deployment) == [(Alarm.PENDING_SECRET_READ, AlarmState.ALARM, arn)]
    assert deployment.node.service.metrics.value("alarm_state", 'alarm="pending-secret-read"') == 1
    refused(deployment, "GetSecretValue", SecretId=arn)
    assert look(deployment) == []
    deployment.call("RestoreSecret", SecretId=arn)
    assert look(deployment) == [(Alarm.PENDING_SECRET_READ, AlarmState.OK, arn)]
    assert deployment.node.service.metrics.value("alarm_state", 'alarm="pending-secret-read"') == 0


def test_a_secret_that_is_read_no_more_is_quiet_after_a_day(deployment):
    arn = deployment.create()
    deployment.call("DeleteSecret", SecretId=arn, RecoveryWindowInDays=30)
    refused(deployment, "GetSecretValue", SecretId=arn)
    look(deployment)
    deployment.clock.advance(timedelta(hours=25))
    assert look(deployment) == []  # the time since it was last looked is looked at, too
    deployment.clock.advance(timedelta(hours=25))
    assert look(deployment) == [(Alarm.PENDING_SECRET_READ, AlarmState.OK, arn)]


def test_a_purge_that_is_near_rings_if_somebody_reads_the_secret(deployment):
    read, unread = deployment.create("read"), deployment.create("unread")
    deployment.call("GetSecretValue", SecretId=read)
    for arn in (read, unread):
        deployment.call("DeleteSecret", SecretId=arn, RecoveryWindowInDays=7)
    look(deployment)
    deployment.clock.advance(3 * DAY)
    assert look(deployment) == []
    deployment.clock.advance(DAY)
    assert look(deployment) == [(Alarm.PURGE_WITH_READERS, AlarmState.ALARM, read)]
    deployment.clock.advance(3 * DAY)
    deployment.run_jobs()
    assert look(deployment) == [(Alarm.PURGE_WITH_READERS, AlarmState.OK, read)]


def test_denied_calls_of_one_caller_ring_from_their_number_on(deployment):
    deployment.create()
    mallory = as_user(deployment)
    for _ in range(4):
        refused(mallory, "GetSecretValue", SecretId="app/db")
    assert look(deployment) == []
    refused(mallory, "GetSecretValue", SecretId="app/db")
    assert look(deployment) == [(Alarm.DENIED_CALLS, AlarmState.ALARM, mallory.principal.arn)]
    deployment.clock.advance(timedelta(minutes=30))
    look(deployment)
    deployment.clock.advance(timedelta(minutes=30))
    states = deployment.node.storage.read(lambda tx: tx.alarms.states())
    look(deployment)
    assert {status.alarm for status in states} == {Alarm.DENIED_CALLS.value}


def test_denied_calls_that_are_spread_over_time_ring_for_nobody(deployment):
    mallory = as_user(deployment)
    for _ in range(12):
        refused(mallory, "GetSecretValue", SecretId="app/db")
        deployment.clock.advance(timedelta(minutes=2))
    assert look(deployment) == []


def test_reads_of_many_secrets_by_one_caller_ring(deployment):
    for number in range(4):
        deployment.create(f"app/{number}")
    for number in (0, 1, 2, 2, 2):
        deployment.call("GetSecretValue", SecretId=f"app/{number}")
    assert look(deployment) == []
    deployment.call("GetSecretValue", SecretId="app/3")
    assert look(deployment) == [(Alarm.MASS_READS, AlarmState.ALARM, deployment.caller().principal.arn)]
    deployment.clock.advance(timedelta(minutes=20))
    assert look(deployment) == [(Alarm.MASS_READS, AlarmState.OK, deployment.caller().principal.arn)]


def is_late(deployment, monkeypatch, **by: float):
    """Have the index of the trail reach so far back and no further, as under more calls than it copies."""
    deployment.clock.advance(timedelta(**by))
    monkeypatch.setattr(type(deployment.node.index), "lag", timedelta(**by))


def test_reads_of_many_secrets_ring_however_late_the_index_has_them(deployment, monkeypatch):
    for number in range(4):
        deployment.create(f"app/{number}")
        deployment.call("GetSecretValue", SecretId=f"app/{number}")
        deployment.clock.advance(timedelta(seconds=90))
    is_late(deployment, monkeypatch, minutes=40)
    assert look(deployment) == [(Alarm.MASS_READS, AlarmState.ALARM, deployment.caller().principal.arn)]


def test_reads_that_are_further_apart_do_not_ring_because_the_index_is_late(deployment, monkeypatch):
    for number in range(4):
        deployment.create(f"app/{number}")
        deployment.call("GetSecretValue", SecretId=f"app/{number}")
        deployment.clock.advance(timedelta(seconds=110))
    is_late(deployment, monkeypatch, minutes=40)
    assert look(deployment) == []


def test_denials_ring_however_late_the_index_has_them(deployment, monkeypatch):
    deployment.create()
    for _ in range(5):
        refused(as_user(deployment), "GetSecretValue", SecretId="app/db")
    is_late(deployment, monkeypatch, minutes=40)
    assert [alarm for alarm, _, _ in look(deployment)] == [Alarm.DENIED_CALLS]


def test_a_value_that_was_tampered_with_rings(deployment):
    arn = deployment.create()
    url = deployment.config.database or f"sqlite:///{deployment.config.database_path}"
    run_sql(url, "UPDATE versions SET ciphertext = wrapped_key WHERE arn = :arn", arn=arn)
    refused(deployment, "GetSecretValue", SecretId=arn)
    assert look(deployment) == [(Alarm.TAMPERED_CIPHERTEXT, AlarmState.ALARM, arn)]


def test_a_root_key_rings_from_the_first_user_on_and_is_quiet_when_it_is_used_no_more(deployment):
    deployment.call("ListSecrets")
    assert look(deployment) == []
    Iam(deployment)("CreateUser", UserName="ana")
    assert look(deployment) == [(Alarm.ROOT_USE, AlarmState.ALARM, ACCOUNT_ID)]
    (notice,) = deployment.node.storage.read(lambda tx: tx.alarms.notices(Alarm.ROOT_USE.value, 9))
    assert notice.reason == "CreateUser was called with a key of the account's root, from 192.0.2.7."
    deployment.clock.advance(DAY / 2)
    deployment.call("ListSecrets")
    assert look(deployment) == []  # it goes on, and is not told again
    deployment.clock.advance(2 * DAY)
    assert look(deployment) == []  # the time since it was last looked is looked at, too
    deployment.clock.advance(2 * DAY)
    assert look(deployment) == [(Alarm.ROOT_USE, AlarmState.OK, ACCOUNT_ID)]
    deployment.call("ListSecrets")
    assert look(deployment) == [(Alarm.ROOT_USE, AlarmState.ALARM, ACCOUNT_ID)]


def test_what_users_and_an_operator_without_a_key_do_is_no_use_of_the_root(deployment):
    user = with_user(deployment, "ana", policy(allow("secretsmanager:*")))
    user.call("ListSecrets")
    operator = Principal("Root", root_arn(ACCOUNT_ID), ACCOUNT_ID, ACCOUNT_ID, "")
    replace(deployment, principal=operator).call("ListSecrets")
    assert look(deployment) == []
    deployment.call("ListSecrets")
    assert look(deployment) == [(Alarm.ROOT_USE, AlarmState.ALARM, ACCOUNT_ID)]


@pytest.mark.parametrize("end", ["overwritten", "removed"])
def test_a_replica_that_cannot_follow_rings_until_it_is_in_sync_or_gone(deployment, end):
    deployment.elsewhere(region=AWAY).create("app/db", "somebody else's")
    arn = deployment.create("app/db", AddReplicaRegions=[{"Region": AWAY}])
    replica = arn.replace(f":{REGION}:", f":{AWAY}:")
    assert look(deployment) == []  # nothing was tried yet
    deployment.run_jobs()
    assert look(deployment) == [(Alarm.REPLICATION_FAILED, AlarmState.ALARM, replica)]
    (notice,) = deployment.node.storage.read(lambda tx: tx.alarms.notices(Alarm.REPLICATION_FAILED.value, 9))
    assert notice.reason == f"Replication failed: Secret name app/db already exists in region {AWAY}."
    deployment.put(arn, 2)
    assert look(deployment) == []  # that it is tried again is no success yet
    deployment.run_jobs()
    assert look(deployment) == []  # it goes on, and is not told again
    if end == "removed":
        deployment.call("RemoveRegionsFromReplication", SecretId=arn, RemoveReplicaRegions=[AWAY])
    else:
        regions = [{"Region": AWAY}]
        deployment.call(
            "ReplicateSecretToRegions", SecretId=arn, AddReplicaRegions=regions, ForceOverwriteReplicaSecret=True
        )
        deployment.run_jobs()
        assert deployment.elsewhere(region=AWAY).call("GetSecretValue", SecretId=replica)["SecretString"] == "value 2"
    assert look(deployment) == [(Alarm.REPLICATION_FAILED, AlarmState.OK, replica)]


def test_a_trail_that_was_cut_rings(deployment):
    deployment.create()
    deployment.node.keeper._round(anchor=True)
    path = deployment.config.audit_dir / "trail-0.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:-1]))
    deployment.node.keeper._round(anchor=True)
    (change,) = deployment.node.vigilance.watch.look()
    assert (change.alarm, change.state) == (Alarm.BROKEN_TRAIL.value, AlarmState.ALARM)
    assert change.subject.endswith("/trail-0")


def test_an_alarm_that_is_off_does_not_ring(tmp_path):
    with deployed(config_for("sqlite", tmp_path, **SETTINGS, alarms_off=("pending-secret-read",))) as one:
        one.create()
        one.call("DeleteSecret", SecretId="app/db")
        refused(one, "GetSecretValue", SecretId="app/db")
        assert look(one) == []


def test_a_change_is_written_with_a_job_for_each_receiver_and_nothing_is_committed_without_one(deployment):
    deployment.create()
    deployment.call("DeleteSecret", SecretId="app/db")
    refused(deployment, "GetSecretValue", SecretId="app/db")
    look(deployment)
    storage = deployment.node.storage
    (notice,) = storage.read(lambda tx: tx.alarms.notices(Alarm.PENDING_SECRET_READ.value, 9))
    jobs = sorted(job.subject for job in storage.read(lambda tx: tx.list_jobs()) if job.kind == "notify")
    assert jobs == [f"{notice.notice_id}/first", f"{notice.notice_id}/second"]
    commits = deployment.node.service.metrics.value("commits_total")
    assert deployment.node.vigilance.watch.look() == []
    assert deployment.node.service.metrics.value("commits_total") == commits


def test_a_receiver_that_refuses_is_tried_again_later_and_keeps_no_other_from_being_told(deployment):
    deployment.create()
    deployment.call("DeleteSecret", SecretId="app/db")
    refused(deployment, "GetSecretValue", SecretId="app/db")
    look(deployment)
    courier, metrics = deployment.node.vigilance.courier, deployment.node.service.metrics
    assert courier.deliver_due() == 1
    assert courier.deliver_due() == 0
    for _ in range(3):
        deployment.clock.advance(timedelta(minutes=5))
        assert courier.deliver_due() == 0
    assert metrics.value("alarm_notices_sent_total") == 1
    assert metrics.value("alarm_notices_failed_total") == 4
    (job,) = [job for job in deployment.node.storage.read(lambda tx: tx.list_jobs()) if job.kind == "notify"]
    assert job.last_error == "command /bin/false: CalledProcessError"
    assert deployment.run_jobs() == 0  # the purge's worker leaves notices alone
