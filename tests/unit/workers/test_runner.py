"""The runner of jobs, with a clock that stands still: when it tries, when it tries again, what it keeps."""

from __future__ import annotations

import logging
import threading
from datetime import timedelta

import pytest

from strongroom.metrics import Metrics
from strongroom.storage.base import StorageError
from strongroom.workers.runner import (
    LEASE,
    MAX_RETRY_DELAY,
    MIN_SLICE,
    SLICE_SECONDS,
    OvertakenError,
    Runner,
    finish,
    next_slice,
    retry_delay,
)
from support.clock import NOW, FrozenClock
from support.storages import RecordingJournal, claim_one, make_job, opened

SECOND = timedelta(seconds=1)
WAIT_SECONDS = 30


class Failed(Exception):
    """What a handler raises."""


class Work:
    """A handler that counts its runs, and does what it is told after journalling one."""

    def __init__(self) -> None:
        self.runs = []
        self.error = None
        self.before_finishing = lambda: None

    def __call__(self, tx, job, now) -> None:
        self.runs.append((job.subject, now))
        tx.journal(f"run {len(self.runs)}".encode())
        self.before_finishing()
        finish(tx, job)
        if self.error is not None:
            raise self.error


@pytest.fixture
def journal():
    return RecordingJournal()


@pytest.fixture
def storage(tmp_path, journal):
    with opened(f"sqlite:///{tmp_path / 'strongroom.db'}", journal) as storage:
        yield storage


@pytest.fixture
def clock():
    return FrozenClock()


@pytest.fixture
def work():
    return Work()


@pytest.fixture
def metrics():
    return Metrics()


@pytest.fixture
def runner(storage, work, clock, metrics):
    return Runner(storage, {"purge": work}, clock, metrics, owner="node/0")


def put(storage, *subjects: str, **changes: object):
    storage.write(lambda tx: [tx.put_job(make_job(subject, **changes)) for subject in subjects])


def jobs(storage):
    return storage.read(lambda tx: tx.list_jobs())


def test_nothing_runs_before_its_time(runner, storage, work, clock):
    put(storage, "later", run_at=NOW + SECOND)
    assert runner.run_due() == 0
    clock.advance(SECOND)
    assert runner.run_due() == 1
    assert work.runs == [("later", NOW + SECOND)]
    assert jobs(storage) == []


def test_every_due_job_runs_once_oldest_first(runner, storage, work):
    put(storage, "b")
    put(storage, "a", run_at=NOW - SECOND)
    assert runner.run_due() == 2
    assert [subject for subject, _ in work.runs] == ["a", "b"]
    assert runner.run_due() == 0


def test_an_idle_runner_writes_nothing(runner, storage, monkeypatch):
    put(storage, "later", run_at=NOW + SECOND)

    def no_writes(_work):
        raise AssertionError("a poll without work takes no write")

    monkeypatch.setattr(storage, "write", no_writes)
    assert runner.run_due() == 0


def test_a_failed_job_is_tried_again_after_twice_as_long_each_time_up_to_five_minutes(
    runner, storage, work, clock, metrics, caplog
):
    put(storage, "a")
    work.error = Failed("with words that may hold anything")
    waits = []
    for attempt in range(1, 12):
        assert runner.run_due() == 1
        (job,) = jobs(storage)
        assert (job.attempts, job.last_error) == (attempt, "Failed")
        waits.append((job.run_at - clock.now()).total_seconds())
        clock.advance(job.run_at - clock.now() - SECOND)
        assert runner.run_due() == 0, "not a second too early"
        clock.advance(SECOND)
    assert waits == [2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]
    assert metrics.value("jobs_failed_total") == 11
    work.error = None
    assert runner.run_due() == 1
    assert jobs(storage) == []


@pytest.mark.parametrize("attempts", [10, 47, 64, 2_000_000])
def test_however_often_it_failed_the_wait_has_its_limit(attempts):
    assert retry_delay(attempts) == MAX_RETRY_DELAY


def test_nothing_of_a_failed_attempt_is_kept_but_its_journal(runner, storage, work, journal):
    put(storage, "a")
    work.error = Failed()
    runner.run_due()
    assert len(jobs(storage)) == 1
    assert journal.entries == [b"run 1"]


def test_a_failing_job_does_not_hold_up_the_others(storage, clock, metrics):
    done = []

    def handler(tx, job, _now):
        if job.subject == "bad":
            raise Failed
        done.append(job.subject)
        finish(tx, job)

    runner = Runner(storage, {"purge": handler}, clock, metrics, owner="node/0")
    put(storage, "bad", run_at=NOW - SECOND)
    put(storage, "good", "great")
    assert runner.run_due() == 3
    assert done == ["good", "great"]


def test_a_job_of_unknown_kind_stays_and_is_tried_again(runner, storage, metrics, caplog):
    put(storage, "a", kind="from-a-newer-release")
    assert runner.run_due() == 1
    (job,) = jobs(storage)
    assert (job.last_error, job.run_at) == ("KeyError", NOW + 2 * SECOND)
    assert metrics.value("jobs_failed_total") == 1
    assert "from-a-newer-release" in caplog.text


def test_an_overtaken_worker_changes_nothing_and_counts_no_failure(storage, journal, clock, metrics, caplog):
    overtaking = []

    def handler(tx, job, _now):
        # Between claim and work the lease ended, and another worker took the job.
        tx.put_job(make_job("never kept"))
        finish(tx, job)

    class SlowStorage:
        """Lets another worker in after each claim."""

        read, submit, slice_size, pool_size = storage.read, storage.submit, 2, 1

        def write(self, work):
            answer = storage.write(work)
            if answer is not None and not overtaking:
                overtaking.append(storage.write(lambda tx: claim_one(tx, "other", NOW + LEASE, NOW + 2 * LEASE)))
            return answer

    put(storage, "a")
    runner = Runner(SlowStorage(), {"purge": handler}, clock, metrics, owner="node/0")
    with caplog.at_level(logging.WARNING):
        assert runner.run_due() == 1
    assert jobs(storage) == overtaking
    assert metrics.value("jobs_failed_total") == 0
    assert "was taken over by another worker" in caplog.text


def test_finish_outside_the_newest_claim_is_refused(storage):
    put(storage, "a")
    with pytest.raises(OvertakenError):
        storage.write(lambda tx: finish(tx, make_job("a", fence=7)))


def test_a_crashed_workers_job_runs_when_its_lease_has_ended(runner, storage, work, clock):
    put(storage, "a")
    storage.write(lambda tx: claim_one(tx, "crashed", NOW, NOW + LEASE))
    clock.advance(LEASE - SECOND)
    assert runner.run_due() == 0
    clock.advance(SECOND)
    assert runner.run_due() == 1
    assert len(work.runs) == 1


def test_a_worker_that_was_killed_and_started_again_does_not_wait_for_its_own_lease(runner, storage, work):
    put(storage, "a")
    storage.write(lambda tx: claim_one(tx, "node/0", NOW, NOW + LEASE))
    ran = threading.Event()
    work.before_finishing = ran.set
    runner.start()
    try:
        assert ran.wait(WAIT_SECONDS)
    finally:
        runner.stop()


def test_jobs_that_were_held_when_the_database_failed_do_not_wait_for_their_lease(runner, storage, work, monkeypatch):
    submit, ran = storage.submit, threading.Event()

    def failing_after_the_claim(work):
        if not storage.read(lambda tx: tx.is_job_due(NOW)):
            monkeypatch.setattr(storage, "submit", submit)
            raise StorageError("the server is gone")
        return submit(work)

    put(storage, "a")
    monkeypatch.setattr(storage, "submit", failing_after_the_claim)
    work.before_finishing = ran.set
    runner.start()
    try:
        assert ran.wait(WAIT_SECONDS)
    finally:
        runner.stop()
    assert jobs(storage) == []


def test_a_wake_runs_what_has_fallen_due_and_stop_ends_the_thread(runner, storage, work):
    ran = threading.Event()
    work.before_finishing = ran.set
    runner.start()
    try:
        put(storage, "a")
        runner.wake()
        assert ran.wait(WAIT_SECONDS)
    finally:
        runner.stop()
    assert jobs(storage) == []
    assert not runner._thread.is_alive()


def test_stop_before_start_is_nothing(runner):
    runner.stop()


@pytest.mark.parametrize("error", [StorageError("the disk is gone"), RuntimeError("a bug")])
def test_the_thread_outlives_a_database_that_cannot_be_read(runner, storage, work, monkeypatch, caplog, error):
    read, failed, ran = storage.read, threading.Event(), threading.Event()

    def failing_read(_work):
        monkeypatch.setattr(storage, "read", read)
        failed.set()
        raise error

    work.before_finishing = ran.set
    put(storage, "a")
    monkeypatch.setattr(storage, "read", failing_read)
    runner.start()
    try:
        assert failed.wait(WAIT_SECONDS)
        runner.wake()
        assert ran.wait(WAIT_SECONDS)
    finally:
        runner.stop()
    assert "The jobs cannot be run now" in caplog.text


def test_a_slice_takes_from_both_ends_of_a_backlog(runner, storage, work, monkeypatch):
    """What fell due last, such as a deletion by force, does not wait behind what has been due for long."""
    put(storage, *(f"{number:02d}" for number in range(4 * MIN_SLICE)), run_at=NOW - SECOND)
    put(storage, "forced", run_at=NOW)
    assert runner.run_due() == 4 * MIN_SLICE + 1
    assert "forced" in [subject for subject, _ in work.runs[:MIN_SLICE]]
    assert work.runs[0][0] == "00"
    assert jobs(storage) == []


def test_the_jobs_of_a_slice_share_commits_and_a_failing_one_takes_nothing_from_the_others(
    storage, journal, clock, metrics, caplog
):
    def handler(tx, job, _now):
        finish(tx, job)
        tx.journal(job.subject.encode())
        if job.subject == "bad":
            raise Failed
        return {"purged_secrets_total": 1}

    runner = Runner(storage, {"purge": handler}, clock, metrics, owner="node/0")
    runner._slice = 20
    put(storage, "bad", *(f"{number:02d}" for number in range(19)))
    assert runner.run_due() == 20
    assert [job.subject for job in jobs(storage)] == ["bad"]
    assert metrics.value("purged_secrets_total") == 19
    assert len(journal.batches) < 20


def test_what_is_done_is_counted_when_it_is_committed_however_often_it_was_tried(storage, clock, metrics):
    class Rerunning:
        """Runs every call twice, as after a conflict with another node, and keeps the second."""

        read, write, slice_size, pool_size = storage.read, storage.write, 2, 1

        def submit(self, work):
            def undone(tx):
                work(tx)
                raise Failed

            storage.submit(undone).exception(WAIT_SECONDS)
            return storage.submit(work)

    def handler(tx, job, _now):
        finish(tx, job)
        return {"purged_versions_total": 3}

    put(storage, "a")
    assert Runner(Rerunning(), {"purge": handler}, clock, metrics, owner="node/0").run_due() == 1
    assert metrics.value("purged_versions_total") == 3


def test_slices_grow_while_they_are_quick_and_shrink_when_callers_would_wait():
    size, most = MIN_SLICE, 64
    sizes = [size := next_slice(size, SLICE_SECONDS / 2, most) for _ in range(30)]
    assert sizes[-1] == most
    assert sizes == sorted(sizes)
    sizes = [size := next_slice(size, SLICE_SECONDS * 2, most) for _ in range(30)]
    assert sizes[-1] == MIN_SLICE
    assert next_slice(64, SLICE_SECONDS * 16, most) == 4, "far too long is mended at once"
    assert next_slice(64, 0.02, most, least=1, seconds=0.005) == 16
    assert next_slice(2, 0.02, most, least=1, seconds=0.005) == 1
    assert next_slice(4, SLICE_SECONDS * 2, 4) == 4, "where calls run side by side, few are submitted together"
