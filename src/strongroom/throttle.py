"""Request rates of this process: one token bucket for each account, Region and group of operations."""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping
from datetime import datetime

from strongroom.domain.quotas import Bucket, draw


class Throttle:
    """Admits calls or refuses them. Each process of a server counts by itself.

    A client chooses the Region it signs for: those that are not `regions` share one bucket, so that made-up
    names give nobody more, and buckets stay few.
    """

    def __init__(self, rates: Mapping[str, tuple[str, float]], regions: Collection[str]) -> None:
        self._rates = rates
        self._regions = regions
        self._buckets: dict[tuple[str, str, str], Bucket] = {}
        self._lock = threading.Lock()

    def admit(self, operation: str, account_id: str, region: str, now: datetime) -> None:
        """Count one call. Raises ThrottlingException when there were too many."""
        if operation not in self._rates:
            return
        group, rate = self._rates[operation]
        key = (account_id, region if region in self._regions else "", group)
        with self._lock:
            self._buckets[key] = draw(self._buckets.get(key), rate, now.timestamp())
