"""What is counted for the gauges, on both databases."""

from __future__ import annotations

from datetime import timedelta

from strongroom.storage.base import JobGroup
from strongroom.workers import census
from support.deployment import Deployment
from support.storages import claim_one

DAY = timedelta(days=1)


def test_secrets_jobs_and_keys_are_counted_by_their_states(deployment: Deployment):
    for name in ("a", "b", "c", "d"):
        deployment.create(name)
    for name in ("b", "c"):
        deployment.call("DeleteSecret", SecretId=name, RecoveryWindowInDays=7)
    deployment.call("DeleteSecret", SecretId="d", RecoveryWindowInDays=30)
    purges = sorted(job.run_at for job in deployment.node.storage.read(lambda tx: tx.list_jobs()))
    deployment.clock.advance(8 * DAY)
    now = deployment.clock.now()

    def fail_one(tx):
        job = claim_one(tx, "me", now, now + DAY)
        assert job is not None
        tx.retry_job(job, now + DAY, "StorageError")

    deployment.node.storage.write(fail_one)
    counted = deployment.node.storage.read(lambda tx: tx.census(now))
    assert (counted.live, counted.scheduled) == (1, 3)
    assert sorted(counted.jobs, key=lambda group: group.state) == [
        JobGroup("purge", "due", 1, purges[1]),
        JobGroup("purge", "failing", 1, now + DAY),
        JobGroup("purge", "waiting", 1, purges[2]),
    ]
    assert counted.newest_term is not None
    assert counted.oldest_access_key is not None
    assert counted.newest_term < now


def test_gauges_tell_the_backlog_of_purges_and_zero_where_there_is_nothing(deployment: Deployment):
    metrics = deployment.node.service.metrics
    deployment.create("a")
    deployment.call("DeleteSecret", SecretId="a", RecoveryWindowInDays=7)
    deployment.clock.advance(7 * DAY + timedelta(minutes=20))
    census.take(deployment.node.storage, metrics, ("purge", "replicate"), deployment.clock.now())
    assert metrics.value("secrets", 'state="scheduled"') == 1
    assert metrics.value("purges_due") == 1
    assert metrics.value("oldest_due_purge_seconds") == 20 * 60
    assert metrics.value("jobs", 'kind="replicate",state="due"') == 0
    deployment.run_jobs()
    census.take(deployment.node.storage, metrics, ("purge", "replicate"), deployment.clock.now())
    assert metrics.value("purges_due") == metrics.value("oldest_due_purge_seconds") == 0
    assert 'strongroom_jobs{kind="replicate",state="due"} 0' in metrics.render()
