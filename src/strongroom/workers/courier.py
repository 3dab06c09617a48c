"""Tells receivers what changed about alarms, from the table of jobs.

Rules:
- A job is claimed under a lease, its notice is sent outside of any transaction, and only then is the job finished:
  a crash in between tells it again, with the same id, and never loses it. A lease is longer than sending takes.
- A receiver that fails is tried again later, waiting twice as long each time, up to five minutes, for as long as it
  takes (`runner.retry_delay`). One that fails keeps nobody else from being told for longer than its timeout.
- What the settings no longer name is not told.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Final

from strongroom.alarms.base import Sink, SinkError
from strongroom.clock import Clock
from strongroom.metrics import Metrics
from strongroom.storage.base import Job, Storage
from strongroom.workers.runner import retry_delay

LEASE: Final = timedelta(minutes=10)
"""Longer than a batch takes when each receiver of it uses all its time."""

POLL_SECONDS: Final = 1.0
BATCH: Final = 16

logger = logging.getLogger(__name__)


class Courier:
    """The thread that tells, one for each node."""

    def __init__(
        self, storage: Storage, clock: Clock, metrics: Metrics, *, sinks: Mapping[str, Sink], owner: str
    ) -> None:
        self._storage = storage
        self._clock = clock
        self._metrics = metrics
        self._sinks = sinks
        self._owner = owner
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="courier")

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Finish the notice at hand, then end; the next start tells the rest."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def deliver_due(self) -> int:
        """Try to tell everything that is due, and return how many notices were told."""
        told = 0
        while not self._stopping.is_set():
            now = self._clock.now()
            if not self._storage.read(lambda tx, now=now: tx.alarms.is_notice_due(now)):  # type: ignore[misc]
                break
            jobs = self._storage.write(
                lambda tx, now=now: tx.alarms.claim_notices(self._owner, now, now + LEASE, BATCH)  # type: ignore[misc]
            )
            if not jobs:
                break
            told += sum(self._deliver(job) for job in jobs if not self._stopping.is_set())
        return told

    def _deliver(self, job: Job) -> bool:
        notice_id, _, receiver = job.subject.partition("/")
        sink, notice = self._sinks.get(receiver), self._storage.read(lambda tx: tx.alarms.find_notice(notice_id))
        if sink is None or notice is None:
            logger.warning("The notice %s is not told to %s: there is no such receiver any more", notice_id, receiver)
            self._storage.write(lambda tx: tx.finish_job(job))
            return False
        now = self._clock.now()
        try:
            sink.send(notice, now)
        except SinkError as error:
            reason = str(error)
            self._metrics.increment("alarm_notices_failed_total")
            logger.warning(
                "The notice %s could not be told to %s: %s; attempt %d", notice_id, receiver, error, job.attempts
            )
            self._storage.write(lambda tx: tx.retry_job(job, now + retry_delay(job.attempts), reason))
            return False
        self._storage.write(lambda tx: tx.finish_job(job))
        self._metrics.increment("alarm_notices_sent_total")
        return True

    def _run(self) -> None:
        self._try(lambda: self._storage.write(lambda tx: tx.release_jobs(self._owner)))
        while not self._stopping.wait(POLL_SECONDS):
            self._try(self.deliver_due)

    @staticmethod
    def _try(work: Callable[[], object]) -> None:
        """Do it; the thread must not end, or nothing is ever told."""
        try:
            work()
        except Exception:
            logger.exception("Notices cannot be told now")
