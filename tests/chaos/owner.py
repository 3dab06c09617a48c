"""A client that changes secrets of its own as fast as it is answered, and remembers what it was told."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass, replace
from random import Random
from typing import Final

from chaos.calls import DELETIONS, SAME_CLOCK, TOKENED, WIRE_PRECISION, Action, Call, Held, State, is_due_refusal
from chaos.client import Answer, Client, Unanswered
from chaos.observer import Observer
from chaos.plant import AWAY
from chaos.violation import Violation, require

HISTORY_LENGTH: Final = 4_000
MAX_VERSIONS: Final = 60
LEAST_LIVE: Final = 4
MAX_LIVE: Final = 12
LONGEST_VALUE: Final = 3_000
KEPT_FROM_DELETION: Final = 0.8
"""How many of the deletions of a secret with replicas remove one of these first; the others must be refused."""


_ON_LIVE: Final = (
    *[Action.PUT] * 6,
    *[Action.UPDATE] * 3,
    *[Action.READ] * 4,
    *[Action.DELETE] * 3,
    *[Action.FORCE] * 2,
    Action.ROLL_BACK,
    Action.TAG,
    Action.TAG,
    Action.UNTAG,
    Action.REPLICATE,
    Action.REPLICATE,
    Action.REMOVE,
)
_ON_SCHEDULED: Final = (Action.RESTORE, Action.RESTORE, Action.RESTORE, Action.FORCE, Action.READ)


@dataclass(frozen=True)
class Grave:
    """A secret that was purged: not before `purge_at`, all its versions, told once for each deletion at most."""

    purge_at: float
    versions: frozenset[str]
    deletions: int


def grave_of(held: Held) -> Grave:
    return Grave(held.purge_at, frozenset(held.versions), held.deletions)


@dataclass(frozen=True)
class Doubt:
    """A call that got no answer."""

    call: Call
    began: float


class Owner:
    """Its choices are drawn from a seed; nobody else changes its secrets."""

    def __init__(self, name: str, seed: str) -> None:
        self.name = name
        self.random = Random(seed)
        self.secrets: dict[str, Held] = {}
        self.graves: dict[str, Grave] = {}
        self.replicated: set[tuple[str, str]] = set()
        """Names and regions that there have ever been replicas of."""

        self.removed: set[str] = set()
        """ARNs of replicas that were to go, once at least."""

        self.doubt: Doubt | None = None
        self.answered: list[tuple[str, Answer]] = []
        self.history: deque[str] = deque(maxlen=HISTORY_LENGTH)
        self.broken: BaseException | None = None
        self._count = 0

    def storm(self, client: Client, struck: threading.Event, answered: threading.Semaphore) -> None:
        """Call until the server is struck, or until something is not as it must be."""
        try:
            while not struck.is_set():
                self._one_call(client)
                answered.release()
        except Unanswered:
            pass
        except BaseException as error:  # noqa: BLE001 - reported by the thread that strikes
            self.broken = error
        finally:
            client.close()
            answered.release(1_000_000)

    def settle(self, observer: Observer, now: float) -> None:
        """Find out what came of the call in doubt, and that everything else is as it must be."""
        doubt, self.doubt = self.doubt, None
        for name in sorted({*self.secrets, *([doubt.call.name] if doubt else [])}):
            held = self.secrets.get(name, Held(name))
            candidates = [held]
            if doubt is not None and doubt.call.name == name:
                candidates.append(doubt.call.after(held, doubt.began - WIRE_PRECISION))
                if doubt.call.action is Action.CREATE and held.may_be_gone(now):
                    candidates.insert(1, Held(name))
            settled, seen = observer.settle(candidates)
            if held.state is State.SCHEDULED and seen.arn != held.arn:
                self._bury(held)
            if seen.state is State.ABSENT:
                earliest = min(one.purge_at for one in candidates)
                deletions = max(one.deletions for one in candidates)
                self._bury(replace(settled, arn=held.arn, purge_at=earliest, deletions=deletions))
            else:
                require(seen.arn not in self.graves, f"{name} is back under its old ARN {seen.arn}")
                purge_at = min(seen.purge_at, settled.purge_at) if settled is held else seen.purge_at
                self.secrets[name] = replace(settled, arn=seen.arn, purge_at=purge_at)
            if doubt is not None and doubt.call.name == name:
                self._note(f"{doubt.call} was in doubt: {settled.state} now")
                self._repeat(observer, doubt.call, held)
        for name, region in sorted(self.replicated):
            observer.settle_replica(self.secrets[name], region)

    def aged(self, name: str, purge_at: float) -> None:
        """Know that the date of a scheduled secret has been moved."""
        self._note(f"{name} is due at {purge_at}")
        self.secrets[name] = replace(self.secrets[name], purge_at=purge_at)

    def _repeat(self, observer: Observer, call: Call, before: Held) -> None:
        """Send a call with a token again, as clients do: one version comes of it, however often it is sent."""
        now = self.secrets.get(call.name, Held(call.name))
        is_done = call.token in now.versions
        possible = now.state is (State.ABSENT if call.action is Action.CREATE and not is_done else State.LIVE)
        if call.action not in TOKENED or not possible:
            return
        after = now if is_done else call.after(now, 0.0)
        for _ in range(2):
            answer = observer.call(call.action.operation, **call.members(before))
            said = (answer.status, answer.content.get("VersionId"))
            require(said == (200, call.token), f"{call} sent again: {answer.content}")
        settled, seen = observer.settle([after])
        require(seen.arn not in self.graves, f"{call.name} is back under its old ARN {seen.arn}")
        self.secrets[call.name] = replace(settled, arn=seen.arn)
        other = replace(call, value=call.value + " and another")
        refused = observer.call(call.action.operation, **other.members(before))
        require(refused.code == "ResourceExistsException", f"{call} sent with another value: {refused.content}")
        self._note(f"{call} was sent again")

    def _one_call(self, client: Client) -> None:
        call = self._choose()
        held = self.secrets.get(call.name, Held(call.name))
        self.doubt = Doubt(call, time.time())
        if call.action is Action.REPLICATE:
            self.replicated.add((call.name, call.region))
        elif call.action is Action.REMOVE:
            self.removed.add(held.replica_arn(call.region))
        try:
            answer = client.call(call.action.operation, **call.members(held))
        except Unanswered as error:
            self._note(f"{call}: {error}")
            raise
        self.doubt = None
        self._note(f"{call}: {answer.status} {answer.code} {answer.request_id} {answer.began:.6f}-{answer.ended:.6f}")
        self.answered.append((call.action.operation, answer))
        if answer.status == 200:
            self._accept(call, held, answer)
        elif not is_due_refusal(call, held, answer.code, answer.ended):
            raise Violation(f"{call} was refused: {answer.content}; held: {held}")

    def _accept(self, call: Call, held: Held, answer: Answer) -> None:
        action, content = call.action, answer.content
        if held.state is State.SCHEDULED:
            require(action is not Action.READ, f"{call.name} was read while scheduled for deletion")
            in_time = answer.began <= held.purge_at + SAME_CLOCK
            require(action is not Action.RESTORE or in_time, f"{call.name} was restored after {held.purge_at}")
            if action is Action.CREATE:
                require(held.may_be_gone(answer.ended), f"{call.name} was created before {held.purge_at}")
                self._bury(held)
        if action is Action.READ:
            read = (content["VersionId"], content["SecretString"])
            wanted = (held.current, held.versions[str(held.current)])
            require(read == wanted, f"{call.name} reads as version {read[0]}, not {held.current}, or another value")
        after = call.after(held, answer.began)
        if action in TOKENED:
            require(content["VersionId"] == call.token, f"{call} made version {content['VersionId']}")
        if action is Action.CREATE:
            require(content["ARN"] not in self.graves, f"{call.name} was created under its old ARN")
            after = replace(after, arn=content["ARN"])
        if action in DELETIONS:
            require(not held.replicas, f"{call.name} was deleted with replicas in {sorted(held.replicas)}")
            late = content["DeletionDate"] - after.purge_at
            is_right = action is Action.FORCE or -WIRE_PRECISION <= late <= answer.ended - answer.began
            require(is_right, f"{call.name} is to be deleted at {content['DeletionDate']}")
            after = replace(after, purge_at=after.purge_at if action is Action.FORCE else content["DeletionDate"])
        self.secrets[call.name] = after

    def _bury(self, held: Held) -> None:
        if held.arn is not None:
            self.graves[held.arn] = grave_of(held)
        self.secrets[held.name] = Held(held.name)

    def _choose(self) -> Call:
        self._count += 1
        live = [held for held in self.secrets.values() if held.state is State.LIVE]
        others = [held for held in self.secrets.values() if held.state is State.SCHEDULED]
        if len(live) < LEAST_LIVE or (len(live) < MAX_LIVE and self.random.random() < 0.2):
            return self._creation()
        if others and self.random.random() < 0.2:
            return self._call(self.random.choice(_ON_SCHEDULED), self.random.choice(others))
        held = self.random.choice(live)
        action = self.random.choice(_ON_LIVE)
        if (action is Action.ROLL_BACK and held.previous is None) or len(held.versions) > MAX_VERSIONS:
            action = Action.DELETE
        if action in DELETIONS and held.replicas and self.random.random() < KEPT_FROM_DELETION:
            action = Action.REMOVE
        return self._call(action, held)

    def _creation(self) -> Call:
        """Under a new name, one that is free again, or one that soon will be."""
        free = [held for held in self.secrets.values() if held.state is State.ABSENT]
        forced = [held for held in self.secrets.values() if held.may_be_gone(time.time())]
        again = free + forced
        new = Held(f"{self.name}/{self._count}")
        return self._call(Action.CREATE, self.random.choice(again) if again and self.random.random() < 0.7 else new)

    def _call(self, action: Action, held: Held) -> Call:
        number = int(self.name.rpartition("-")[2])
        token = f"{number:08d}-{self._count >> 16:04x}-4000-8000-{self._count:012d}"
        region = ""
        if action in {Action.REPLICATE, Action.REMOVE}:
            possible = sorted(held.replicas if action is Action.REMOVE else set(AWAY) - held.replicas)
            if not possible:
                action = Action.TAG
            else:
                region = self.random.choice(possible)
        return Call(action, held.name, token, f"{token} " + "v" * self.random.randrange(LONGEST_VALUE), region)

    def _note(self, what: str) -> None:
        self.history.append(f"{time.time():.6f} {self.name} {what}")
