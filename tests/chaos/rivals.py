"""Clients that create and change the same secrets at the same time.

Rules: every acknowledged version is there with its value, and one that got no answer is there whole or not at all;
one creation alone succeeds; AWSCURRENT is on a version that no acknowledged one came after.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

from chaos.client import Answer, Client, Unanswered
from chaos.observer import Observer
from chaos.violation import Violation, require

PUTS_PER_SECRET = 20
"""Of each rival; three of them stay below the quota of versions."""


@dataclass(frozen=True)
class Put:
    """A value that was sent; without an end it got no answer."""

    token: str
    value: str
    began: float
    ended: float | None


class Rivals:
    """What all rivals of one round have done. A rival calls `storm` on a thread of its own."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.answered: list[tuple[str, Answer]] = []
        self.broken: list[BaseException] = []
        self._lock = threading.Lock()
        self._puts: dict[str, list[Put]] = {}
        self._created: dict[str, list[str]] = {}

    def storm(self, number: int, client: Client, struck: threading.Event, answered: threading.Semaphore) -> None:
        count = 0
        try:
            while not struck.is_set():
                self._one_call(number, count, client)
                count += 1
                answered.release()
        except Unanswered:
            pass
        except BaseException as error:  # noqa: BLE001 - reported by the thread that strikes
            self.broken.append(error)
        finally:
            client.close()
            answered.release(1_000_000)

    def settle(self, observer: Observer) -> None:
        """Check every secret of the round."""
        for name, puts in self._puts.items():
            seen = observer.see(name)
            acknowledged = {put.token: put.value for put in puts if put.ended is not None}
            sent = {put.token: put.value for put in puts}
            lost = acknowledged.keys() - seen.version_ids
            require(not lost, f"{name} has lost the versions {sorted(lost)}")
            others = {one: value for one, value in seen.values.items() if sent.get(one) != value}
            require(not others, f"{name} has versions that nobody sent: {sorted(others)}")
            created = self._created.get(name, [])
            require(len(created) <= 1, f"{name} was created {len(created)} times")
            self._require_last(name, puts, [one for one, labels in seen.stages.items() if "AWSCURRENT" in labels])

    @staticmethod
    def _require_last(name: str, puts: list[Put], current: list[str]) -> None:
        if not current:
            require(not any(put.ended for put in puts), f"{name} has no current version")
            return
        last = next(put for put in puts if put.token == current[0])
        later = [put.token for put in puts if put.ended and last.ended and put.began > last.ended]
        require(not later, f"AWSCURRENT of {name} is on {current[0]}, and {later} came after it")

    def _one_call(self, number: int, count: int, client: Client) -> None:
        name = f"{self.prefix}/{count // PUTS_PER_SECRET}"
        is_first = count % PUTS_PER_SECRET == 0
        token = f"{number:08d}-0000-4000-9000-{count:012d}"
        value = f"{self.prefix} {token}"
        operation = "CreateSecret" if is_first else "PutSecretValue"
        began = time.time()
        try:
            answer = client.call(
                operation, **{"Name" if is_first else "SecretId": name}, ClientRequestToken=token, SecretString=value
            )
        except Unanswered:
            with self._lock:
                self._puts.setdefault(name, []).append(Put(token, value, began, None))
            raise
        with self._lock:
            self.answered.append((operation, answer))
            if answer.status == 200:
                self._puts.setdefault(name, []).append(Put(token, value, began, answer.ended))
                if is_first:
                    self._created.setdefault(name, []).append(token)
            elif not (is_first and answer.code == "ResourceExistsException"):
                raise Violation(f"{operation} of {name} was refused: {answer.content}")
