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
from chaos.registrar import Registrar
from chaos.rivals import Rivals
from chaos.violation import require
from support.server import REGION

OWNERS: Final = 5
RIVALS: Final = 3
FEWEST_ANSWERS, MOST_ANSWERS = 40, 500
LONGEST_DELAY_SECONDS: Final = 0.01
"""After the last answer that is waited for: strikes fall anywhere within the calls under way."""

NEAR_SECONDS: Final = 5.0
"""Dates as near as this stay: the purge may be under way by the time they are moved."""

STORM_SECONDS: Final = 60.0
ALONE_SECONDS: Final = 1.0
"""How long the storm goes on over the nodes that are left when one was killed, at most."""

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

    def __init__(self, plant: Plant, seed: str, most_answers: int = MOST_ANSWERS) -> None:
        self.plant = plant
        self.most_answers = most_answers
        self.random = Random(seed)
        self.owners = [Owner(f"owner-{number}", f"{seed}/{number}") for number in range(OWNERS)]
        self.registrar = Registrar("registrar", f"{seed}/registrar")
        self.tally = Tally()
        self._answered: list[tuple[str, Answer]] = []
        observer = self._observer()
        self.registrar.prepare(observer)
        self._close(observer)

    def round(self, number: int, strike: Strike | None = None) -> None:
        """Storm, strike (in a way that is drawn, if none is given) and compare. Raises Violation."""
        strike = strike or self.random.choice(self.plant.strikes())
        self.tally.strikes[strike] += 1
        rivals = Rivals(f"rivals-{number}")
        self._storm(rivals, strike)
        self.plant.recover(strike)
        self.tally.doubts += sum(owner.doubt is not None for owner in self.owners)
        patience = PURGE_SECONDS if strike.stops_everything else PURGE_SECONDS + LEASE_SECONDS
        self._compare(rivals, patience=patience)
        self._move_dates()

    def end(self) -> None:
        """Restore what can be restored, compare it whole, then purge everything, and prove the trails of all rounds."""
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
        records.require_proven_trails(self.plant)
        for node in self.plant.nodes:
            require(node.stop() == 0, "the server did not stop with status 0")

    def history(self) -> list[str]:
        return sorted(line for one in self._alone() for line in one.history)

    def _storm(self, rivals: Rivals, strike: Strike) -> None:
        struck, answered = threading.Event(), threading.Semaphore(0)
        threads = self._clients(rivals, struck, answered)
        for thread in threads:
            thread.start()
        try:
            for _ in range(self.random.randrange(FEWEST_ANSWERS, self.most_answers)):
                require(answered.acquire(timeout=STORM_SECONDS), "nothing is answered any more")
            time.sleep(self.random.random() * LONGEST_DELAY_SECONDS)
            self.plant.strike(strike, self.random)
            if strike is Strike.NODE:
                time.sleep(self.random.random() * ALONE_SECONDS)
        finally:
            struck.set()
        for thread in threads:
            thread.join(STORM_SECONDS)
            require(not thread.is_alive(), "a client waits for an answer that does not come")
        broken = [one.broken for one in self._alone() if one.broken is not None] + rivals.broken
        if broken:
            raise broken[0]
        if strike is Strike.NODE:
            self._require_undisturbed()

    def _alone(self) -> list[Owner | Registrar]:
        """Return the clients that know all that happens to what is theirs."""
        return [*self.owners, self.registrar]

    def _clients(
        self, rivals: Rivals, struck: threading.Event, answered: threading.Semaphore
    ) -> list[threading.Thread]:
        """Return the threads of a storm, spread over the nodes: which owner calls which node is known."""
        plant, nodes = self.plant, len(self.plant.nodes)
        threads = [
            threading.Thread(target=owner.storm, args=(plant.client(number % nodes), struck, answered))
            for number, owner in enumerate(self.owners)
        ]
        threads += [
            threading.Thread(target=rivals.storm, args=(number, plant.client(), struck, answered))
            for number in range(RIVALS)
        ]
        threads.append(
            threading.Thread(target=self.registrar.storm, args=(plant.client(), plant.client(), struck, answered))
        )
        return threads

    def _require_undisturbed(self) -> None:
        """Who calls a node that was not killed is answered all the time."""
        for number, owner in enumerate(self.owners):
            is_down = number % len(self.plant.nodes) in self.plant.down
            require(is_down or owner.doubt is None, f"a node that goes on did not answer {owner.doubt}")

    def _compare(self, rivals: Rivals | None, *, patience: float) -> None:
        observer = self._observer(patience)
        for owner in self.owners:
            owner.settle(observer, time.time())
        self.registrar.settle(observer)
        if rivals is not None:
            rivals.settle(observer)
            self._answered += rivals.answered
        records.require_no_stuck_jobs(self.plant, patience=patience)
        records.require_whole_rows(self.plant)
        self._close(observer)
        for one in self._alone():
            self._answered += one.answered
            one.answered.clear()
        self._compare_records()

    def _compare_records(self) -> None:
        written = records.trail_records(self.plant)
        stones = records.tombstones(self.plant)
        graves, due = self._graves(), self._due(time.time())
        records.require_graves(stones, graves, due)
        records.require_removed(self.plant, set[str]().union(*(owner.removed for owner in self.owners)))
        records.require_recorded(written, self._answered)
        records.require_told_purges(written, graves, due)
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
        for held in [held for owner in self.owners for held in owner.secrets.values() if held.replicas]:
            regions = sorted(held.replicas)
            answer = observer.call("RemoveRegionsFromReplication", SecretId=held.name, RemoveReplicaRegions=regions)
            require(answer.status == 200, f"the replicas of {held.name} cannot be removed: {answer.content}")
        names = [name for (name,) in self.plant.sql("SELECT name FROM secrets WHERE region = :home", home=REGION)]
        for name in names:
            answer = observer.call("DeleteSecret", SecretId=name, ForceDeleteWithoutRecovery=True)
            require(answer.status == 200, f"{name} cannot be deleted: {answer.content}")
        deadline = time.monotonic() + PURGE_SECONDS
        tables = ("secrets", "versions", "stages", "jobs", "secret_terms", "resource_policies", "replicas")
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
