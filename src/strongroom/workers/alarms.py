"""Watches the index of the trail and the secrets that are scheduled for deletion, and writes down what rings.

Rules:
- Looking is a read; only a change of an alarm's state is committed: the state, what is to be told of it, and a job
  for each receiver (`courier`), in one transaction. Of several nodes that see the same, one writes it.
- Up to when the trail was watched is written down with each change and otherwise every `MARK_EVERY`, if anything
  happened. After a crash the time since then is looked at, however long it was, so that no alarm is lost.
- Where more calls come than the index copies, it is late, and so are alarms; they miss nothing, because by as much as
  the index is late they look further back (and by `LAG`, for who is late without knowing it).
- Without an index of the trail only what the database itself shows rings: replication, and the broken trail.
- States that are quiet, and notices that were told, are forgotten after `KEPT`.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

from strongroom import ids
from strongroom.clock import Clock
from strongroom.domain.alarms import (
    BURST_QUIET,
    Alarm,
    AlarmState,
    AlarmStatus,
    Failure,
    Notice,
    Observed,
    Thresholds,
    findings,
    transitions,
    widest_burst,
)
from strongroom.domain.secret import Secret
from strongroom.domain.timestamps import to_micros
from strongroom.metrics import Metrics
from strongroom.storage.base import Job, Storage, Transaction

NOTIFY_JOB: Final = "notify"
WATCH_SECONDS: Final = 5.0
MARK_EVERY: Final = timedelta(minutes=10)
LAG: Final = timedelta(minutes=5)
KEPT: Final = timedelta(days=90)
MAX_ROWS: Final = 20_000
"""Events of one kind that are looked at; more than these in a day ring anyway."""

MAX_SUBJECTS: Final = 1_000
"""Secrets, callers or replicas that one alarm is about at once."""

logger = logging.getLogger(__name__)


class AlarmWatch:
    """The thread that watches, one for each node. `receivers` are the names of those who are told."""

    def __init__(
        self,
        storage: Storage,
        clock: Clock,
        metrics: Metrics,
        *,
        thresholds: Thresholds,
        receivers: Collection[str],
        broken_trails: Callable[[], Iterable[str]],
        index_lag: Callable[[], timedelta] | None,
    ) -> None:
        """`index_lag` tells how late the index of the trail is; None if there is no index."""
        self._storage = storage
        self._clock = clock
        self._metrics = metrics
        self._thresholds = thresholds
        self._receivers = sorted(receivers)
        self._broken_trails = broken_trails
        self._index_lag = index_lag
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="alarm-watch")

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def look(self) -> list[Notice]:
        """Look once, and return what changed and is going to be told."""
        now = self._clock.now()
        broken = sorted(self._broken_trails())
        states, observed, seen = self._storage.read(lambda tx: self._observe(tx, now, broken))
        found = findings(observed, self._thresholds)
        changes = transitions(states, found, now)
        notices: list[Notice] = []
        if changes or self._is_mark_due(seen, now, observed):
            notices = self._storage.write(lambda tx: self._commit(tx, changes, now))
        rings = {alarm for alarm, _ in found}
        for alarm in Alarm:
            self._metrics.set("alarm_state", int(alarm in rings), now, f'alarm="{alarm.value}"')
        for notice in notices:
            logger.warning("Alarm %s of %s is %s: %s", notice.alarm, notice.subject, notice.state.value, notice.reason)
        return notices

    def _run(self) -> None:
        while not self._stopping.wait(WATCH_SECONDS):
            try:
                self.look()
            except Exception:
                logger.exception("Alarms cannot be watched for now")

    @staticmethod
    def _is_mark_due(seen: datetime | None, now: datetime, observed: Observed) -> bool:
        if seen is None:
            return True
        return now - seen >= MARK_EVERY and observed.is_eventful

    def _observe(
        self, tx: Transaction, now: datetime, broken: Sequence[str]
    ) -> tuple[Sequence[AlarmStatus], Observed, datetime | None]:
        states, seen = tx.alarms.states(), tx.alarms.seen_until()
        replicas = tx.alarms.failed_replicas(MAX_SUBJECTS)
        if self._index_lag is None:
            return states, Observed(now, failed_replicas=replicas, broken_trails=broken), seen
        wanted, lag = self._thresholds, self._index_lag() + LAG
        since = min(seen or now, now) - lag
        day = min(now - wanted.quiet, since)
        reads = tx.alarms.failed_reads(day, MAX_ROWS)
        burst = min(now - BURST_QUIET, since)
        accounts = [account_id for account_id, _ in tx.list_accounts()]
        observed = Observed(
            now,
            failed_reads=reads,
            denials=tx.alarms.denials(burst - wanted.denied_within, MAX_ROWS),
            secrets=_secrets_of(tx, reads),
            ending=[
                (secret, tx.trail.readers(secret.arn))
                for secret in tx.deletions.scheduled(now + wanted.purge_within, MAX_SUBJECTS)
            ],
            wide_readers=_wide_readers(tx, states, wanted, now, lag),
            root_calls=_root_calls(tx, accounts, day),
            failed_rotations=[
                arn for account in accounts for arn in tx.alarms.failed_rotations(account, day, MAX_SUBJECTS)
            ],
            failed_replicas=replicas,
            broken_trails=broken,
        )
        return states, observed, seen

    def _commit(self, tx: Transaction, changes: Sequence[AlarmStatus], now: datetime) -> list[Notice]:
        notices = []
        for change in changes:
            if not tx.alarms.put_state(change):
                continue
            notice = notice_of(change)
            tx.alarms.insert_notice(notice)
            for receiver in self._receivers:
                tx.put_job(Job(NOTIFY_JOB, f"{notice.notice_id}/{receiver}", "", "", now))
            notices.append(notice)
        tx.alarms.put_seen_until(now)
        tx.alarms.delete_quiet(now - KEPT)
        tx.alarms.delete_notices(now - KEPT)
        return notices


def notice_of(change: AlarmStatus) -> Notice:
    """Return what is to be told of a change; the same change has the same id."""
    parts = (change.alarm, change.subject, change.state.value, to_micros(change.since))
    notice_id = ids.derived_event_id(*parts)
    return Notice(notice_id, change.alarm, change.subject, change.state, change.since, change.reason)


def _secrets_of(tx: Transaction, reads: Iterable[Failure]) -> dict[str, Secret]:
    arns = sorted({failure.resource_arn for failure in reads if failure.resource_arn is not None})[:MAX_SUBJECTS]
    found = {arn: tx.deletions.find_secret(arn) for arn in arns}
    return {arn: secret for arn, secret in found.items() if secret is not None}


def _wide_readers(
    tx: Transaction, states: Iterable[AlarmStatus], wanted: Thresholds, now: datetime, lag: timedelta
) -> list[tuple[str, int]]:
    """Return who reads widely now, or did a short while ago: what is known of readers is when each read last."""
    found, since = {}, now - lag - wanted.mass_within
    for principal_arn in tx.alarms.wide_readers(since, wanted.mass_reads, MAX_SUBJECTS):
        most = widest_burst(tx.alarms.reads_of(principal_arn, since, MAX_ROWS), wanted.mass_within)
        if most >= wanted.mass_reads:
            found[principal_arn] = most
    for status in states:
        is_recent = status.alarm == Alarm.MASS_READS and status.since > now - BURST_QUIET
        if is_recent and status.state is AlarmState.ALARM:
            found.setdefault(status.subject, wanted.mass_reads)
    return sorted(found.items())


def _root_calls(tx: Transaction, accounts: Iterable[str], since: datetime) -> dict[str, str]:
    found = {}
    for account_id in accounts:
        call = tx.alarms.root_call(account_id, since)
        if call is not None:
            said = f"{call.event_name} was called with a key of the account's root, from {call.source_ip}."
            found[account_id] = said
    return found
