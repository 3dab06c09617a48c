"""What is counted in the database for the gauges of /metrics: once a minute, never at a scrape.

Rules:
- Kinds and states that have nothing are shown as 0, so that an alert can tell nothing from not counted.
- A purge that is tried again counts as due: its date has passed, whatever the job waits for.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from strongroom.metrics import Metrics
from strongroom.operations.call import PURGE_JOB
from strongroom.storage.base import Census, Storage

INTERVAL: Final = timedelta(minutes=1)
STATES: Final = ("waiting", "due", "failing")


def take(storage: Storage, metrics: Metrics, kinds: Iterable[str], now: datetime) -> None:
    """Count, and set the gauges."""
    census = storage.read(lambda tx: tx.census(now))
    metrics.set("secrets", census.live, now, 'state="live"')
    metrics.set("secrets", census.scheduled, now, 'state="scheduled"')
    counts = {(group.kind, group.state): group.count for group in census.jobs}
    for kind in kinds:
        for state in STATES:
            metrics.set("jobs", counts.get((kind, state), 0), now, f'kind="{kind}",state="{state}"')
    metrics.set("purges_due", sum(counts.get((PURGE_JOB, state), 0) for state in STATES[1:]), now)
    metrics.set("oldest_due_purge_seconds", _age(_oldest_due_purge(census), now), now)
    metrics.set("keyring_term_age_seconds", _age(census.newest_term, now), now)
    metrics.set("oldest_access_key_age_seconds", _age(census.oldest_access_key, now), now)


def _oldest_due_purge(census: Census) -> datetime | None:
    return next((group.oldest for group in census.jobs if (group.kind, group.state) == (PURGE_JOB, "due")), None)


def _age(since: datetime | None, now: datetime) -> float:
    return 0.0 if since is None else (now - since).total_seconds()
