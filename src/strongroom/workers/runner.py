"""Runs due jobs, a slice at a time, in a thread of its own.

Rules:
- A job is claimed under a lease; each claim raises its fence. The work and the end of the job are one
  transaction that holds only while the fence is still the claim's: a worker that was overtaken changes
  nothing.
- The jobs of a slice are submitted together, each as a call of its own: they share commits as callers do,
  and one that fails takes nothing from the others.
- Half a slice is what has been due longest, half what fell due last. So however long the backlog is, a
  secret deleted by force is purged with the next slice, and nothing waits for ever.
- A slice is as large as fits into `SLICE_SECONDS` of work in the database, the wait for its disk left out
  because callers share it, and is followed by a pause as long as that work: a backlog of purges takes half of
  the database at most, and never much of it at once.
- A worker that starts lets go of what it held when it was killed: nobody else bears its name. So does one
  whose database failed while it held jobs: none of them waits for its lease to end.
- A job that fails is tried again later, waiting twice as long each time, up to five minutes.
- What a job counts is counted when it is committed, once.
- The clock is the caller's; the runner looks for due jobs every second, and is woken by every change.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Final, TypeAlias

from strongroom.clock import Clock
from strongroom.metrics import Metrics
from strongroom.storage.base import Job, Storage, Transaction

LEASE: Final = timedelta(seconds=60)
POLL_SECONDS: Final = 1.0
MAX_RETRY_DELAY: Final = timedelta(minutes=5)
MIN_SLICE: Final = 4
"""Below this a slice costs its two commits and little else."""

SLICE_SECONDS: Final = 0.01
"""How long the jobs of one slice may keep callers from the database."""

WAKE_PAUSE_SECONDS: Final = 0.02
"""Pause after a wake, so that calls that change something cause fifty looks a second at most."""

MIN_PAUSE_SECONDS: Final = 0.002
MAX_PAUSE_SECONDS: Final = 1.0

CENSUS_SECONDS: Final = 60.0

Done: TypeAlias = Mapping[str, int]
"""What a job adds to the counters of `metrics`."""

JobHandler: TypeAlias = Callable[[Transaction, Job, datetime], Done | None]

logger = logging.getLogger(__name__)


class OvertakenError(Exception):
    """The lease of a job went to another worker; nothing of this attempt is kept."""


def finish(tx: Transaction, job: Job) -> None:
    """End a job inside its own transaction. Raises OvertakenError if the claim is no longer the newest."""
    if not tx.finish_job(job):
        raise OvertakenError


def retry_delay(attempts: int) -> timedelta:
    """Return how long a job waits after its `attempts`-th failure, however many there were."""
    return min(timedelta(seconds=2 ** min(attempts, 16)), MAX_RETRY_DELAY)


def next_slice(size: int, took: float, most: int, *, least: int = MIN_SLICE, seconds: float = SLICE_SECONDS) -> int:
    """Return how many jobs the next slice has, after one of `size` that took so many seconds; at most `most`.

    One that took more than it may is followed by one that would have taken half as long at most.
    """
    if took > seconds:
        return max(min(least, most), min(size // 2, int(size * seconds / took)))
    return min(most, size + max(1, size // 4))


class Runner:
    """The worker thread of a process; every minute it also counts what there is, by `census`."""

    def __init__(
        self,
        storage: Storage,
        handlers: Mapping[str, JobHandler],
        clock: Clock,
        metrics: Metrics,
        *,
        owner: str,
        census: Callable[[datetime], None] = lambda _: None,
    ) -> None:
        self._storage = storage
        self._handlers = handlers
        self._clock = clock
        self._metrics = metrics
        self._owner = owner
        self._census = census
        self._next_census = 0.0
        self._slice = min(MIN_SLICE, storage.slice_size)
        self._changed = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="jobs")

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """Look for due jobs soon: something was changed."""
        if not self._changed.is_set():  # else nobody has looked since
            self._changed.set()

    def stop(self) -> None:
        """Finish the jobs at hand, then end."""
        self._stopping.set()
        self._changed.set()
        if self._thread.is_alive():
            self._thread.join()

    def run_due(self) -> int:
        """Run every job that is due now and return how many were claimed. For tests and the command line too."""
        claimed = 0
        while not self._stopping.is_set():
            now = self._clock.now()
            if not self._storage.read(lambda tx, now=now: tx.is_job_due(now)):  # type: ignore[misc]
                break
            jobs = self._claim(now)
            if not jobs:
                break
            claimed += len(jobs)
            took = self._perform(jobs, now).total_seconds()
            self._slice = next_slice(self._slice, took, self._storage.slice_size)
            if self._thread.is_alive():
                self._stopping.wait(min(max(took, MIN_PAUSE_SECONDS), MAX_PAUSE_SECONDS))
        return claimed

    def _claim(self, now: datetime) -> list[Job]:
        size, until = self._slice, now + LEASE

        def claim(tx: Transaction) -> list[Job]:
            oldest = tx.claim_jobs(self._owner, now, until, size - size // 2, newest=False)
            return oldest + tx.claim_jobs(self._owner, now, until, size // 2, newest=True)

        return self._storage.write(claim)

    def _perform(self, jobs: list[Job], now: datetime) -> timedelta:
        """Run jobs, and return how long they kept the database from others."""
        work = timedelta(0)
        performed = [(job, self._storage.submit(lambda tx, job=job: self._work(tx, job, now))) for job in jobs]  # type: ignore[misc]
        for job, outcome in performed:
            try:
                done, took = outcome.result()
                work += took
            except OvertakenError:
                logger.warning("Job %s of %s was taken over by another worker, or planned anew", job.kind, job.subject)
            except Exception as error:
                self._metrics.increment("jobs_failed_total")
                logger.exception("Job %s of %s failed; attempt %d", job.kind, job.subject, job.attempts)
                delay, name = retry_delay(job.attempts), type(error).__name__
                self._storage.write(lambda tx, job=job, at=now + delay, name=name: tx.retry_job(job, at, name))  # type: ignore[misc]
            else:
                for counter, count in done.items():
                    self._metrics.increment(counter, by=count)
        return work / min(len(jobs), self._storage.pool_size)

    def _work(self, tx: Transaction, job: Job, now: datetime) -> tuple[Done, timedelta]:
        began = self._clock.now()
        done = self._handlers[job.kind](tx, job, now) or {}
        return done, self._clock.now() - began

    def _run(self) -> None:
        is_released = False
        while not self._stopping.is_set():
            self._changed.clear()
            is_released = (is_released or self._try(self._release)) and self._try(self.run_due)
            self._take_census()
            self._changed.wait(POLL_SECONDS)
            self._stopping.wait(WAKE_PAUSE_SECONDS)

    def _take_census(self) -> None:
        if time.monotonic() >= self._next_census:
            self._next_census = time.monotonic() + CENSUS_SECONDS
            self._try(lambda: self._census(self._clock.now()))

    def _release(self) -> None:
        self._storage.write(lambda tx: tx.release_jobs(self._owner))

    @staticmethod
    def _try(work: Callable[[], object]) -> bool:
        """Do it and tell whether it could be done; the thread must not end, or nothing is ever purged."""
        try:
            work()
        except Exception:
            logger.exception("The jobs cannot be run now")
            return False
        return True
