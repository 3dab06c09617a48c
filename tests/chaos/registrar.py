"""A client that gives users access and takes it away, and uses their keys to see whether they have it.

What was acknowledged holds for the next call, whichever process answers it, and after every kill.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass, replace
from random import Random
from typing import Final

from chaos.client import Answer, Client, Unanswered
from chaos.observer import Observer
from chaos.people import Change, Key, KeyState, Operation, Person, is_due_refusal, possible_changes
from chaos.violation import Violation, require

PEOPLE: Final = 3
DEAD_KEYS_REMEMBERED: Final = 2
"""Of each user: whoever comes with many keys that nobody has must wait, and would prove nothing."""

HISTORY_LENGTH: Final = 1_000
TOKEN: Final = "00000000-0000-4000-a000-000000000000"


@dataclass(frozen=True)
class Doubt:
    """A change that got no answer."""

    change: Change


class Registrar:
    """Its choices are drawn from a seed; nobody else changes its users."""

    def __init__(self, name: str, seed: str) -> None:
        self.name = name
        self.secret = f"{name}/door"
        self.random = Random(seed)
        self.people = {one: Person(one) for one in (f"{name}-user-{number}" for number in range(PEOPLE))}
        self.doubt: Doubt | None = None
        self.answered: list[tuple[str, Answer]] = []
        self.history: deque[str] = deque(maxlen=HISTORY_LENGTH)
        self.broken: BaseException | None = None

    def prepare(self, observer: Observer) -> None:
        """Make the secret that its users read."""
        members = {"Name": self.secret, "ClientRequestToken": TOKEN, "SecretString": self.name}
        answer = observer.call("CreateSecret", **members)
        require(answer.status == 200, f"{self.secret} cannot be created: {answer.content}")

    def storm(self, client: Client, other: Client, struck: threading.Event, answered: threading.Semaphore) -> None:
        """Change by one client and use the keys by another, until the server is struck or something is not right."""
        try:
            while not struck.is_set():
                self._one_change(client)
                self._use_a_key(other)
                answered.release()
        except Unanswered:
            pass
        except BaseException as error:  # noqa: BLE001 - reported by the thread that strikes
            self.broken = error
        finally:
            client.close()
            other.close()
            answered.release(1_000_000)

    def settle(self, observer: Observer) -> None:
        """Find out what came of the change in doubt, and that every user has what it was given and no more."""
        doubt, self.doubt = self.doubt, None
        for name, person in self.people.items():
            candidates = [person]
            if doubt is not None and doubt.change.name == name:
                candidates.append(doubt.change.after(person))
            seen = self._seen(observer, name)
            unknown = seen.keys.keys() - person.keys.keys()
            may_be_unknown = doubt is not None and doubt.change == Change(Operation.CREATE_KEY, name)
            require(len(unknown) <= may_be_unknown, f"{name} has access keys that nobody was told of: {unknown}")
            for access_key_id in unknown:
                require(
                    observer.iam("DeleteAccessKey", UserName=name, AccessKeyId=access_key_id).status == 200,
                    f"the access key {access_key_id} of {name} cannot be deleted",
                )
            shown = (seen.is_there, seen.effects, {k: v for k, v in seen.key_states.items() if k not in unknown})
            fitting = [one for one in candidates if (one.is_there, one.effects, one.key_states) == shown]
            require(fitting, f"{name} is shown as {shown}; it was left as {candidates}")
            self.people[name] = fitting[-1]
            for key in fitting[-1].keys.values():
                read = observer.read_as((key.access_key_id, key.secret), self.secret)
                self._require_outcome(fitting[-1], key, read)

    def _seen(self, observer: Observer, name: str) -> Person:
        shown = observer.iam("GetUser", UserName=name)
        if shown.code == "NoSuchEntity":
            return Person(name)
        keys = observer.iam("ListAccessKeys", UserName=name).content
        states = zip(keys.get("AccessKeyId", []), keys.get("Status", []), strict=True)
        effects = frozenset(observer.iam("ListUserPolicies", UserName=name).content.get("member", []))
        return Person(name, True, {one: Key(one, "", KeyState(state)) for one, state in states}, effects)  # noqa: FBT003

    def _one_change(self, client: Client) -> None:
        person = self.random.choice(list(self.people.values()))
        change = self.random.choice(possible_changes(person))
        self.doubt = Doubt(change)
        try:
            answer = client.iam(change.operation, **change.members())
        except Unanswered as error:
            self._note(f"{change}: {error}")
            raise
        self.doubt = None
        self._note(f"{change}: {answer.status} {answer.code} {answer.request_id} {answer.began:.6f}-{answer.ended:.6f}")
        self.answered.append((change.operation.value, answer))
        if answer.status != 200:
            if not is_due_refusal(change, person, answer.code):
                raise Violation(f"{change} was refused: {answer.content}; held: {person}")
            return
        is_conflict = is_due_refusal(change, person, "DeleteConflict")
        require(not is_conflict, f"{person.name} was deleted with keys or policies: {person}")
        after = change.after(person)
        if change.operation is Operation.CREATE_KEY:
            (access_key_id,), (secret,) = answer.content["AccessKeyId"], answer.content["SecretAccessKey"]
            after = replace(after, keys={**after.keys, access_key_id: Key(access_key_id, secret)})
        self.people[person.name] = _forgetful(after)

    def _use_a_key(self, client: Client) -> None:
        held = [(person, key) for person in self.people.values() for key in person.keys.values()]
        if not held:
            return
        person, key = self.random.choice(held)
        answer = client.holding((key.access_key_id, key.secret)).call("GetSecretValue", SecretId=self.secret)
        self._note(f"{person.name} read with {key}: {answer.status} {answer.code} {answer.request_id}")
        self._require_outcome(person, key, answer)

    def _require_outcome(self, person: Person, key: Key, answer: Answer) -> None:
        wanted = person.outcome(key)
        was_throttled = answer.code == "ThrottlingException" and key.state is not KeyState.ACTIVE
        require(
            answer.code == wanted or was_throttled,
            f"a read with the {key.state} key {key.access_key_id} of {person.name}, whose policies are "
            f"{sorted(person.effects)}, was answered {answer.code or answer.status}, not {wanted or 200}",
        )
        if key.state is KeyState.ACTIVE:
            self.answered.append(("GetSecretValue", answer))

    def _note(self, what: str) -> None:
        self.history.append(f"{time.time():.6f} {self.name} {what}")


def _forgetful(person: Person) -> Person:
    """Return a user without the keys that were deleted longest ago."""
    dead = [one for one, key in person.keys.items() if key.state is KeyState.DELETED]
    forgotten = dead[:-DEAD_KEYS_REMEMBERED]
    return replace(person, keys={one: key for one, key in person.keys.items() if one not in forgotten})
