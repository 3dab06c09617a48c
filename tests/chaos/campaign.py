"""Rounds on one data directory: storm, strike, recover, compare; then an end at which everything is purged."""

from __future__ import annotations

import math
import threading
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from random import Random
from typing import Final

from chaos import records
from chaos.calls import Held, State
from chaos.client import Answer
from chaos.observer import PURGE_SECONDS, Observer
from chaos.owner import Grave, Owner, grave_of
from chaos.plant import Plant, Strike
from chaos.rivals import Rivals
from chaos.violation import require

OWNERS: Final = 5
RIVALS: Final = 3
FEWEST_ANSWERS, MOST_ANSWERS = 40, 500
LONGEST_DELAY_SECONDS: Final = 0.01
"""After the last answer that is waited for: strikes fall anywhere within the calls under way."""

NEAR_SECONDS: Final = 5.0
"""Dates as near as this stay: the purge may be under way by the time they are moved."""

STORM_SECONDS: Final = 60.0
LEASE_SECONDS: Final = 60.0
DUE_IN: Final = (-3_600.0, -1.0, 0.2, 0.5, 1.0, 2.0, 4.0)
"""Where the dates of scheduled secrets are moved to: past, or in the middle of the next storm."""


@dataclass
class Tally:
    """What a campaign went through."""

    strikes: Counter[str] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)
    doubts: int = 0
    purged: int = 0


class Campaign:
    """All choices are drawn from `seed`; what the machine's timing adds to them is not repeated."""

    def __init__(self, plant: Plant, seed: str) -> None:
        self.plant = plant
        self.random = Random(seed)
        self.owners = [Owner(f"owner-{number}", f"{seed}/{number}") for number in range(OWNERS)]
        self.tally = Tally()
        self._answered: list[tuple[str, Answer]] = []

    def round(self, number: int) -> None:
        """Storm, strike and compare. Raises Violation."""
        strike = self.random.choice(self.plant.strikes())
        self.tally.strikes[strike] += 1
        rivals = Rivals(f"rivals-{number}")
        self._storm(rivals, strike)
        self.plant.recover(strike)
        self.tally.doubts += sum(owner.doubt is not None for owner in self.owners)
        is_partial = strike is not Strike.ALL
        self._compare(rivals, patience=PURGE_SECONDS + LEASE_SECONDS if is_partial else PURGE_SECONDS)
        self._move_dates()

    def end(self) -> None:
        """Restore what can be restored, compare it whole, then purge everything."""
        observer = self._observer()
        for owner in self.owners:
            for held in [held for held in owner.secrets.values() if held.state is State.SCHEDULED]:
                answer = observer.call("RestoreSecret", SecretId=held.name)
                if answer.status == 200:
                    require(answer.began <= held.purge_at, f"{held.name} was restored after its date")
                    owner.secrets[held.name] = _restored(held)
                else:
                    require(held.may_be_gone(answer.ended), f"{held.name} was not restored: {answer.content}")
        self._close(observer)
        self._compare(None, patience=PURGE_SECONDS)
        self._purge_everything()
        require(self.plant.server.stop() == 0, "the server did not stop with status 0")

    def history(self) -> list[str]:
        return sorted(line for owner in self.owners for line in owner.history)

    def _storm(self, rivals: Rivals, strike: Strike) -> None:
        struck, answered = threading.Event(), threading.Semaphore(0)
        threads = [
            threading.Thread(target=owner.storm, args=(self.plant.client(), struck, answered)) for owner in self.owners
        ]
        threads += [
            threading.Thread(target=rivals.storm, args=(number, self.plant.client(), struck, answered))
            for number in range(RIVALS)
        ]
        for thread in threads:
            thread.start()
        for _ in range(self.random.randrange(FEWEST_ANSWERS, MOST_ANSWERS)):
            require(answered.acquire(timeout=STORM_SECONDS), "nothing is answered any more")
        time.sleep(self.random.random() * LONGEST_DELAY_SECONDS)
        self.plant.strike(strike, self.random)
        struck.set()
        for thread in threads:
            thread.join(STORM_SECONDS)
            require(not thread.is_alive(), "a client waits for an answer that does not come")
        broken = [owner.broken for owner in self.owners if owner.broken is not None] + rivals.broken
        if broken:
            raise broken[0]

    def _compare(self, rivals: Rivals | None, *, patience: float) -> None:
        observer = self._observer(patience)
        for owner in self.owners:
            owner.settle(observer, time.time())
        if rivals is not None:
            rivals.settle(observer)
            self._answered += rivals.answered
        records.require_no_stuck_jobs(self.plant, patience=patience)
        records.require_whole_rows(self.plant)
        self._close(observer)
        for owner in self.owners:
            self._answered += owner.answered
            owner.answered.clear()
        self._compare_records()

    def _compare_records(self) -> None:
        written = records.trail_records(self.plant.server.data_dir / "audit")
        stones = records.tombstones(self.plant)
        graves, due = self._graves(), self._due(time.time())
        records.require_graves(stones, graves, due)
        records.require_recorded(written, self._answered)
        records.require_told_purges(written, graves, due)
        records.require_proven_trails(self.plant)
        self.tally.answers = Counter(operation for operation, _ in self._answered)
        self.tally.purged = len(graves)

    def _graves(self) -> dict[str, Grave]:
        return {arn: grave for owner in self.owners for arn, grave in owner.graves.items()}

    def _due(self, now: float) -> dict[str, Grave]:
        """Return what fell due since it was looked at: it is purged at any moment."""
        all_held = [held for owner in self.owners for held in owner.secrets.values()]
        return {str(held.arn): grave_of(held) for held in all_held if held.may_be_gone(now)}

    def _move_dates(self) -> None:
        """Let the windows of some scheduled secrets end: some have ended, some will in the next storm."""
        for owner in self.owners:
            for held in list(owner.secrets.values()):
                is_far = held.state is State.SCHEDULED and held.purge_at > time.time() + NEAR_SECONDS
                if is_far and self.random.random() < 0.6:
                    micros = int((time.time() + self.random.choice(DUE_IN)) * records.MICROS)
                    owner.aged(held.name, micros / records.MICROS)
                    self.plant.sql("UPDATE secrets SET purge_at = :at WHERE arn = :arn", at=micros, arn=held.arn)
                    self.plant.sql("UPDATE jobs SET run_at = :at WHERE subject = :arn", at=micros, arn=held.arn)

    def _purge_everything(self) -> None:
        observer = self._observer()
        names = [name for (name,) in self.plant.sql("SELECT name FROM secrets")]
        for name in names:
            answer = observer.call("DeleteSecret", SecretId=name, ForceDeleteWithoutRecovery=True)
            require(answer.status == 200, f"{name} cannot be deleted: {answer.content}")
        deadline = time.monotonic() + PURGE_SECONDS
        tables = ("secrets", "versions", "stages", "jobs", "secret_terms", "resource_policies")
        while left := [one for one in tables if self.plant.sql(f"SELECT COUNT(*) FROM {one}") != [(0,)]]:
            require(time.monotonic() < deadline, f"everything was deleted by force, and there are still {left}")
            time.sleep(0.05)
        self._close(observer)

    def _observer(self, patience: float = PURGE_SECONDS) -> Observer:
        return Observer(self.plant.client(), purge_seconds=patience)

    def _close(self, observer: Observer) -> None:
        self._answered += observer.calls
        observer.close()


def _restored(held: Held) -> Held:
    return replace(held, state=State.LIVE, purge_at=math.inf)
