"""The purge against everything that may happen at the same moment, on both databases."""

from __future__ import annotations

import contextlib
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from msgspec.structs import replace

from strongroom.errors import InvalidRequestException, ResourceNotFoundException
from strongroom.metrics import Metrics
from strongroom.operations.call import PURGE_JOB
from strongroom.workers import purge
from strongroom.workers.runner import LEASE, OvertakenError, Runner
from support.deployment import Deployment, config_for, deployed, token
from support.storages import claim_one

WINDOW = timedelta(days=7)
EVENTS = ("StartSecretVersionDelete", "EndSecretVersionDelete")


def schedule(deployment, name="app/db"):
    arn = deployment.create(name)
    deployment.call("DeleteSecret", SecretId=arn, RecoveryWindowInDays=7)
    return arn


def find_job(deployment, arn):
    return deployment.node.storage.read(lambda tx: tx.find_job(PURGE_JOB, arn))


def exists(deployment, arn):
    found = deployment.node.storage.read(
        lambda tx: tx.find_secret_by_arn(deployment.account_id, deployment.region, arn)
    )
    return found is not None


def run_handler(deployment, job, now=None):
    handler = purge.handlers()[PURGE_JOB]
    now = now or deployment.clock.now()
    deployment.node.storage.write(lambda tx: handler(tx, job, now))


def claim(deployment, lease=LEASE):
    now = deployment.clock.now()
    return deployment.node.storage.write(lambda tx: claim_one(tx, "test", now, now + lease))


def events(deployment):
    return [record for record in deployment.trail() if record["eventName"] in EVENTS]


def test_a_purge_leaves_a_tombstone_and_two_events_for_each_version(deployment):
    arn = deployment.create()
    deployment.put(arn, 2)
    deployment.call("DeleteSecret", SecretId=arn, RecoveryWindowInDays=7)
    deployment.clock.advance(WINDOW)
    deployment.run_jobs()
    tombstone = deployment.node.storage.read(lambda tx: tx.find_tombstone(arn))
    assert (tombstone.name, tombstone.versions, tombstone.purged_at) == ("app/db", 2, deployment.clock.now())
    assert sorted((one["eventName"], one["additionalEventData"]["VersionId"]) for one in events(deployment)) == sorted(
        (name, token(number)) for name in EVENTS for number in (1, 2)
    )


def test_a_purge_run_again_finds_nothing_and_does_nothing(deployment):
    arn = schedule(deployment)
    deployment.clock.advance(WINDOW)
    job = claim(deployment)
    run_handler(deployment, job)
    before = deployment.trail()
    with pytest.raises(OvertakenError):
        run_handler(deployment, job)
    deployment.node.storage.write(lambda tx: tx.put_job(job))
    assert deployment.run_jobs() == 1
    assert find_job(deployment, arn) is None
    assert deployment.trail() == before


def test_a_purge_that_crashed_before_its_commit_writes_events_with_the_same_ids(deployment):
    schedule(deployment)
    deployment.clock.advance(WINDOW)
    job = claim(deployment)

    class Crashed(Exception):
        pass

    def crash_at_the_end(tx):
        purge.handlers()[PURGE_JOB](tx, job, deployment.clock.now())
        raise Crashed

    with pytest.raises(Crashed):
        deployment.node.storage.write(crash_at_the_end)
    run_handler(deployment, job)
    ids = [record["eventID"] for record in events(deployment)]
    assert len(ids) == 4
    assert len(set(ids)) == 2


def test_an_early_purge_puts_itself_off(deployment):
    arn = schedule(deployment)
    purge_at = find_job(deployment, arn).run_at
    deployment.node.storage.write(lambda tx: tx.put_job(replace(find_job(deployment, arn), run_at=purge_at - WINDOW)))
    assert deployment.run_jobs() == 1
    assert exists(deployment, arn)
    assert find_job(deployment, arn).run_at == purge_at


def test_a_purge_claimed_before_a_restore_changes_nothing(deployment):
    arn = schedule(deployment)
    deployment.node.storage.write(
        lambda tx: tx.put_job(replace(find_job(deployment, arn), run_at=deployment.clock.now()))
    )
    job = claim(deployment)
    deployment.call("RestoreSecret", SecretId=arn)
    with pytest.raises(OvertakenError):
        run_handler(deployment, job, deployment.clock.now() + 2 * WINDOW)
    assert deployment.call("GetSecretValue", SecretId=arn)["VersionId"] == token(1)


def test_a_purge_claimed_before_a_restore_and_a_new_deletion_changes_nothing(deployment):
    arn = schedule(deployment)
    deployment.clock.advance(WINDOW - timedelta(hours=1))
    deployment.node.storage.write(
        lambda tx: tx.put_job(replace(find_job(deployment, arn), run_at=deployment.clock.now()))
    )
    job = claim(deployment)
    deployment.call("RestoreSecret", SecretId=arn)
    deployment.call("DeleteSecret", SecretId=arn, RecoveryWindowInDays=7)
    with pytest.raises(OvertakenError):
        run_handler(deployment, job, deployment.clock.now() + timedelta(hours=2))
    assert exists(deployment, arn)


def test_a_restore_after_the_deletion_date_is_refused_though_the_purge_has_yet_to_run(deployment):
    arn = schedule(deployment)
    deployment.clock.advance(WINDOW)
    with pytest.raises(InvalidRequestException):
        deployment.call("RestoreSecret", SecretId=arn)
    assert deployment.run_jobs() == 1
    assert not exists(deployment, arn)


@pytest.mark.parametrize("round_number", range(6))
def test_purge_and_restore_at_the_same_moment_leave_all_or_nothing(deployment, round_number):
    """The purge judges by an instant after the deletion date, the restore by one before it: either may win."""
    arns = [schedule(deployment, f"app/{number}") for number in range(8)]
    before_the_date = deployment.clock.now() + timedelta(days=1)
    deployment.clock.advance(WINDOW)
    claimed = [claim(deployment) for _ in arns]
    after_the_date = deployment.clock.now()
    deployment.clock.advance(before_the_date - after_the_date)
    together = threading.Barrier(2)

    def purge_all():
        together.wait(30)
        outcomes = {}
        for job in claimed:
            try:
                run_handler(deployment, job, after_the_date)
                outcomes[job.subject] = "purged"
            except OvertakenError:
                outcomes[job.subject] = "overtaken"
        return outcomes

    def restore_all():
        together.wait(30)
        outcomes = {}
        for arn in arns if round_number % 2 else reversed(arns):
            try:
                deployment.call("RestoreSecret", SecretId=arn)
                outcomes[arn] = "restored"
            except ResourceNotFoundException:
                outcomes[arn] = "gone"
        return outcomes

    with ThreadPoolExecutor(2) as threads:
        purging, restoring = threads.submit(purge_all), threads.submit(restore_all)
        purged, restored = purging.result(60), restoring.result(60)
    for arn in arns:
        assert (purged[arn], restored[arn]) in {("purged", "gone"), ("overtaken", "restored")}
        if restored[arn] == "restored":
            assert deployment.call("GetSecretValue", SecretId=arn)["VersionId"] == token(1)
            assert find_job(deployment, arn) is None
        else:
            assert not exists(deployment, arn)
            assert deployment.node.storage.read(lambda tx, arn=arn: tx.find_tombstone(arn)) is not None


def test_a_forced_deletion_races_with_puts_and_nothing_half_remains(deployment):
    arns = [deployment.create(f"app/{number}") for number in range(10)]
    together = threading.Barrier(3)

    def put_into_all(number):
        together.wait(30)
        for arn in arns:
            with contextlib.suppress(InvalidRequestException, ResourceNotFoundException):
                deployment.put(arn, number)

    def delete_all():
        together.wait(30)
        for arn in arns:
            deployment.call("DeleteSecret", SecretId=arn, ForceDeleteWithoutRecovery=True)
            deployment.run_jobs()

    with ThreadPoolExecutor(3) as threads:
        work = [threads.submit(put_into_all, 2), threads.submit(put_into_all, 3), threads.submit(delete_all)]
        for one in work:
            one.result(60)
    deployment.clock.advance_seconds(600)
    deployment.run_jobs()
    assert not any(exists(deployment, arn) for arn in arns)
    left = deployment.node.storage.read(
        lambda tx: [tx._run("find_version", {"arn": arn, "version_id": token(1)}) for arn in arns]
    )
    assert left == [[]] * len(arns)
    for number in range(10):
        assert deployment.create(f"app/{number}") not in arns


def test_two_runners_purge_each_secret_once(deployment):
    arns = [schedule(deployment, f"app/{number}") for number in range(12)]
    deployment.clock.advance(WINDOW)
    handlers = purge.handlers()
    runners = [
        Runner(deployment.node.storage, handlers, deployment.clock, Metrics(), owner=f"node/{number}")
        for number in range(2)
    ]
    with ThreadPoolExecutor(2) as threads:
        claimed = list(threads.map(Runner.run_due, runners))
    assert sum(claimed) == len(arns)
    assert len(events(deployment)) == 2 * len(arns)
    assert not any(exists(deployment, arn) for arn in arns)


def test_two_nodes_share_the_job_table_and_purge_each_secret_once(postgres_url, tmp_path):
    with (
        deployed(config_for(postgres_url, tmp_path / "one")) as one,
        _second_node(postgres_url, tmp_path) as two,
    ):
        arns = [schedule(one, f"app/{number}") for number in range(30)]
        one.clock.advance(WINDOW)
        two.clock.advance(one.clock.now() - two.clock.now())
        with ThreadPoolExecutor(2) as threads:
            claimed = list(threads.map(Deployment.run_jobs, (one, two)))
        assert sum(claimed) == len(arns)
        assert len(events(one)) + len(events(two)) == 2 * len(arns)
        counts = [node.node.service.metrics.value("purged_secrets_total") for node in (one, two)]
        assert sum(counts) == len(arns)
        assert not any(exists(two, arn) for arn in arns)


@contextlib.contextmanager
def _second_node(database_url, tmp_path):
    config = config_for(database_url, tmp_path / "two")
    config.data_dir.mkdir(mode=0o700, parents=True)
    shutil.copy(tmp_path / "one" / "data" / "root.key", config.data_dir)
    with deployed(config, seed=1) as deployment:
        yield deployment
