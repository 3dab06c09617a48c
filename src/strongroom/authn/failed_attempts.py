"""Whoever fails to prove an identity again and again has to wait.

Rules (ours; AWS publishes none):
- Failures are signatures that do not match, of a key or of none that is known. Each address has so many for
  each key id at once, and then some a second; so many times that for all key ids together that nobody has.
- Whoever waits is refused before anything is computed: as throttled, which clients retry later. For a key id
  that nobody has this is known only after it was looked up.
- A right signature is never counted. An address that fails with one key keeps its others, and a key that
  fails from one address goes on working from others: nobody is locked out by somebody else.
- What is remembered is bounded; each process counts by itself.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from datetime import datetime
from typing import Final, TypeVar

from strongroom.authn.credentials import Credentials
from strongroom.authn.sigv4 import FindKey, Signable, Verified, Verifier
from strongroom.domain.quotas import too_fast
from strongroom.errors import InvalidSignatureException, ServiceError, UnrecognizedClientException
from strongroom.metrics import Metrics

BURST: Final = 20
"""Failures of one address with one key id that come at once."""

PER_SECOND: Final = 1.0
"""Failures of one address with one key id for which the burst is filled up again."""

UNKNOWN_FACTOR: Final = 5
"""How many times that an address has for all unknown key ids together."""

REMEMBERED: Final = 10_000

K = TypeVar("K", bound=Credentials)


class FailedAttempts:
    """Counts failures by address and key id, as buckets that fill up again."""

    def __init__(self, burst: int = BURST, per_second: float = PER_SECOND, *, metrics: Metrics | None = None) -> None:
        self._burst = burst
        self._per_second = per_second
        self._metrics = metrics
        self._spent: OrderedDict[tuple[str, str], tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def require_patience(self, source: str, access_key_id: str, now: datetime, *, is_known: bool = True) -> None:
        """Refuse an address that has failed too often with a key id, or with key ids that nobody has.

        Raises:
            ThrottlingException: it has to wait.
        """
        if self.must_wait(source, access_key_id, now, is_known=is_known):
            self._count("throttled")
            raise too_fast()

    def must_wait(self, source: str, access_key_id: str, now: datetime, *, is_known: bool = True) -> bool:
        """Tell whether `require_patience` would refuse."""
        if not self._spent:
            return False
        place, burst = self._places(source, access_key_id)[not is_known]
        with self._lock:
            return self._level(place, now.timestamp()) > burst - 1

    def note(self, source: str, access_key_id: str, now: datetime, *, is_known: bool) -> None:
        """Count a failure, with a key id that somebody has or that nobody has."""
        self._count("wrong_signature" if is_known else "unknown_key")
        places = self._places(source, access_key_id)
        with self._lock:
            for place, _ in places[:1] if is_known else places:
                self._spent[place] = (self._level(place, now.timestamp()) + 1, now.timestamp())
                self._spent.move_to_end(place)
            while len(self._spent) > REMEMBERED:
                self._spent.popitem(last=False)

    def _places(self, source: str, access_key_id: str) -> list[tuple[tuple[str, str], int]]:
        return [((source, access_key_id), self._burst), ((source, ""), self._burst * UNKNOWN_FACTOR)]

    def _level(self, place: tuple[str, str], now: float) -> float:
        level, since = self._spent.get(place, (0.0, now))
        factor = 1 if place[1] else UNKNOWN_FACTOR
        return max(0.0, level - max(0.0, now - since) * self._per_second * factor)

    def _count(self, kind: str) -> None:
        if self._metrics is not None:
            self._metrics.increment("failed_authentications_total", f'kind="{kind}"')


class Prover:
    """Verifies requests to one service, and has whoever fails too often wait."""

    def __init__(self, verifier: Verifier, attempts: FailedAttempts | None = None) -> None:
        self._verifier = verifier
        self._attempts = attempts

    def prove(
        self,
        request: Signable,
        find_key: FindKey[K],
        now: datetime,
        *,
        source: str,
        headers: Mapping[bytes, bytes] | None = None,
    ) -> Verified[K]:
        """Return who made the request, or raise the answer to give.

        `source` is the address it came from. The rest is as for the verifier.
        """
        attempts = self._attempts
        if attempts is None:
            return self._verifier.verify(request, find_key, now, headers)
        asked_for: tuple[str, bool] | None = None

        def find(access_key_id: str, token: str | None) -> K | None:
            nonlocal asked_for
            attempts.require_patience(source, access_key_id, now)
            found = find_key(access_key_id, token)
            if found is None:
                attempts.require_patience(source, access_key_id, now, is_known=False)
            asked_for = access_key_id, found is not None
            return found

        try:
            return self._verifier.verify(request, find, now, headers)
        except (InvalidSignatureException, UnrecognizedClientException):
            if asked_for is not None:
                attempts.note(source, asked_for[0], now, is_known=asked_for[1])
            raise

    def presume(
        self,
        request: Signable,
        key: K,
        now: datetime,
        *,
        source: str,
        headers: Mapping[bytes, bytes] | None = None,
    ) -> Verified[K] | None:
        """Return who made the request if its key is still as it was seen last; None if it has to be looked up.

        No failure is counted: it is found again with the key as it is.
        """
        if self._attempts is not None and self._attempts.must_wait(source, key.access_key_id, now):
            return None

        def find(access_key_id: str, _: str | None) -> K | None:
            return key if key.access_key_id == access_key_id else None

        try:
            return self._verifier.verify(request, find, now, headers)
        except ServiceError:
            return None
