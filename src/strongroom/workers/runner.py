"""Runs due jobs, one at a time, in a thread of its own.

Rules:
- A job is claimed under a lease; each claim raises its fence. The work and the end of the job are one
  transaction that holds only while the fence is still the claim's: a worker that was overtaken changes
  nothing.
- A worker that starts lets go of what it held when it was killed: nobody else bears its name.
- A job that fails is tried again later, waiting twice as long each time, up to five minutes.
- The clock is the caller's; the runner sleeps until the next job falls due, at most a second, and is
  woken by every change.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Final, TypeAlias

from strongroom.clock import Clock
from strongroom.metrics import Metrics
from strongroom.storage.base import Job, Storage, Transaction

LEASE: Final = timedelta(seconds=60)
POLL_SECONDS: Final = 1.0
MAX_RETRY_DELAY: Final = timedelta(minutes=5)
PAUSE_SECONDS: Final = 0.02
"""Pause after a job, so that a backlog of purges leaves the database to callers."""

JobHandler: TypeAlias = Callable[[Transaction, Job, datetime], None]

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


class Runner:
    """The worker thread of a process."""

    def __init__(
        self, storage: Storage, handlers: Mapping[str, JobHandler], clock: Clock, metrics: Metrics, *, owner: str
    ) -> None:
        self._storage = storage
        self._handlers = handlers
        self._clock = clock
        self._metrics = metrics
        self._owner = owner
        self._changed = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="jobs")

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """Look for due jobs soon: something was changed."""
        self._changed.set()

    def stop(self) -> None:
        """Finish the job at hand, then end."""
        self._stopping.set()
        self._changed.set()
        if self._thread.is_alive():
            self._thread.join()

    def run_due(self) -> int:
        """Run every job that is due now and return how many were claimed. For tests and the command line too."""
        claimed = 0
        while not self._stopping.is_set():
            now = self._clock.now()
            if not self._anything_due(now):
                break
            job = self._storage.write(lambda tx, now=now: tx.claim_job(self._owner, now, now + LEASE))  # type: ignore[misc]
            if job is None:
                break
            claimed += 1
            self._perform(job, now)
            if self._thread.is_alive():
                self._stopping.wait(PAUSE_SECONDS)
        return claimed

    def _anything_due(self, now: datetime) -> bool:
        due = self._storage.read(lambda tx: tx.next_job_at())
        return due is not None and due <= now

    def _perform(self, job: Job, now: datetime) -> None:
        try:
            handler = self._handlers[job.kind]
            self._storage.write(lambda tx: handler(tx, job, now))
        except OvertakenError:
            logger.warning("Job %s of %s was taken over by another worker", job.kind, job.subject)
        except Exception as error:
            self._metrics.increment("jobs_failed_total")
            logger.exception("Job %s of %s failed; attempt %d", job.kind, job.subject, job.attempts)
            delay, name = retry_delay(job.attempts), type(error).__name__
            self._storage.write(lambda tx: tx.retry_job(job, now + delay, name))

    def _run(self) -> None:
        self._try(self._release)
        while not self._stopping.is_set():
            self._changed.clear()
            self._try(self.run_due)
            self._changed.wait(POLL_SECONDS)
            self._stopping.wait(PAUSE_SECONDS)

    def _release(self) -> None:
        self._storage.write(lambda tx: tx.release_jobs(self._owner))

    @staticmethod
    def _try(work: Callable[[], object]) -> None:
        """Do it; the thread must not end, or nothing is ever purged."""
        try:
            work()
        except Exception:
            logger.exception("The jobs cannot be run now")
