"""What a user may do after each call of IAM about it. Pure: no I/O, no clock, no chance.

Rules:
- A key works from its creation on, until it is disabled or deleted, whoever else has the user's name afterwards.
- A user whose key works reads a value if its policies allow that and none of them denies it.
- A user that still has keys or policies is not deleted.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

ALLOW, DENY = "Allow", "Deny"
MAX_KEYS: Final = 2
READ: Final = "secretsmanager:GetSecretValue"


class KeyState(StrEnum):
    ACTIVE = "Active"
    INACTIVE = "Inactive"
    DELETED = "Deleted"


@dataclass(frozen=True)
class Key:
    access_key_id: str
    secret: str = field(repr=False)
    state: KeyState = KeyState.ACTIVE


@dataclass(frozen=True)
class Person:
    """A user as whoever made it knows it; keys that were deleted are remembered."""

    name: str
    is_there: bool = False
    keys: Mapping[str, Key] = field(default_factory=dict)
    effects: frozenset[str] = frozenset()
    """Of its inline policies; each is named after its effect."""

    @property
    def key_states(self) -> dict[str, str]:
        return {one.access_key_id: one.state.value for one in self.keys.values() if one.state is not KeyState.DELETED}

    def outcome(self, key: Key) -> str:
        """Return the error that a read signed with a key must get, or nothing where it must succeed."""
        if key.state is not KeyState.ACTIVE:
            return "UnrecognizedClientException"
        return "" if self.effects == {ALLOW} else "AccessDeniedException"


class Operation(StrEnum):
    CREATE_USER = "CreateUser"
    DELETE_USER = "DeleteUser"
    CREATE_KEY = "CreateAccessKey"
    UPDATE_KEY = "UpdateAccessKey"
    DELETE_KEY = "DeleteAccessKey"
    PUT_POLICY = "PutUserPolicy"
    DELETE_POLICY = "DeleteUserPolicy"


@dataclass(frozen=True)
class Change:
    """A call about one user; about a key, which gets a state, or the policy of an effect."""

    operation: Operation
    name: str
    access_key_id: str = ""
    state: KeyState = KeyState.DELETED
    effect: str = ""

    def members(self) -> dict[str, str]:
        """Return the request."""
        members = {"UserName": self.name}
        if self.access_key_id:
            members["AccessKeyId"] = self.access_key_id
        if self.operation is Operation.UPDATE_KEY:
            members["Status"] = self.state.value
        if self.effect:
            members["PolicyName"] = self.effect
        if self.operation is Operation.PUT_POLICY:
            statement = {"Effect": self.effect, "Action": READ, "Resource": "*"}
            members["PolicyDocument"] = json.dumps({"Version": "2012-10-17", "Statement": statement})
        return members

    def after(self, person: Person) -> Person:
        """Return the user after this call; a key that it made is added by who was told of it."""
        match self.operation:
            case Operation.CREATE_USER:
                return replace(person, is_there=True)
            case Operation.DELETE_USER:
                return replace(person, is_there=False)
            case Operation.UPDATE_KEY | Operation.DELETE_KEY:
                changed = replace(person.keys[self.access_key_id], state=self.state)
                return replace(person, keys={**person.keys, self.access_key_id: changed})
            case Operation.PUT_POLICY:
                return replace(person, effects=person.effects | {self.effect})
            case Operation.DELETE_POLICY:
                return replace(person, effects=person.effects - {self.effect})
        return person


def is_due_refusal(change: Change, person: Person, code: str) -> bool:
    """Tell whether a refusal is what must be expected: a user that still has something is not deleted."""
    has_something = bool(person.key_states or person.effects)
    return change.operation is Operation.DELETE_USER and has_something and code == "DeleteConflict"


def possible_changes(person: Person) -> list[Change]:
    """Return what may be done next about a user."""
    if not person.is_there:
        return [Change(Operation.CREATE_USER, person.name)]
    changes = [Change(Operation.DELETE_USER, person.name)]
    if len(person.key_states) < MAX_KEYS:
        changes += [Change(Operation.CREATE_KEY, person.name)] * 3
    for key in person.keys.values():
        if key.state is KeyState.DELETED:
            continue
        other = KeyState.INACTIVE if key.state is KeyState.ACTIVE else KeyState.ACTIVE
        changes.append(Change(Operation.UPDATE_KEY, person.name, key.access_key_id, other))
        changes.append(Change(Operation.DELETE_KEY, person.name, key.access_key_id))
    for effect in (ALLOW, ALLOW, DENY):
        operation = Operation.DELETE_POLICY if effect in person.effects else Operation.PUT_POLICY
        changes.append(Change(operation, person.name, effect=effect))
    return changes
