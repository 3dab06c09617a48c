"""The calls of a storm, and what a secret must be after each of them. Pure: no I/O, no clock, no chance.

Rules:
- What was acknowledged has happened. What got no answer, or a 5xx, may have happened or not, whole either way.
- A secret may be purged from its date on, never earlier; it can be restored until then, never later.
- The holder of a secret is one client, so each secret has at most one call in doubt.
- A replica is what its primary is, soon; where a secret has none there is nothing. While it has one it is not deleted.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Final

WINDOW_SECONDS: Final = 7 * 86_400
WIRE_PRECISION: Final = 0.001
"""Dates on the wire are cut to milliseconds."""

LATEST_SECONDS: Final = 60.0
"""How long after it began a deletion that got no answer may have been carried out."""

SAME_CLOCK: Final = 0.01
"""How far apart the clocks of two processes of one machine may seem."""


class State(StrEnum):
    ABSENT = "absent"
    LIVE = "live"
    SCHEDULED = "scheduled"


class Action(StrEnum):
    CREATE = "CreateSecret"
    PUT = "PutSecretValue"
    UPDATE = "UpdateSecret"
    ROLL_BACK = "UpdateSecretVersionStage"
    TAG = "TagResource"
    UNTAG = "UntagResource"
    READ = "GetSecretValue"
    DELETE = "DeleteSecret"
    FORCE = "DeleteSecret by force"
    RESTORE = "RestoreSecret"
    REPLICATE = "ReplicateSecretToRegions"
    REMOVE = "RemoveRegionsFromReplication"

    @property
    def operation(self) -> str:
        return self.value.partition(" ")[0]


TOKENED: Final = frozenset({Action.CREATE, Action.PUT, Action.UPDATE})
DELETIONS: Final = frozenset({Action.DELETE, Action.FORCE})


@dataclass(frozen=True)
class Held:
    """What a secret is, as its owner knows from the answers. `purge_at` is in seconds since the epoch."""

    name: str
    state: State = State.ABSENT
    arn: str | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    current: str | None = None
    previous: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    description: str = ""
    purge_at: float = math.inf
    deletions: int = 0
    replicas: frozenset[str] = frozenset()
    """The regions it is replicated to."""

    @property
    def stages(self) -> dict[str, list[str]]:
        named = {"AWSCURRENT": self.current, "AWSPREVIOUS": self.previous}
        return {version: [label] for label, version in named.items() if version is not None}

    def may_be_gone(self, at: float) -> bool:
        return self.state is State.SCHEDULED and self.purge_at <= at + SAME_CLOCK

    def replica_arn(self, region: str) -> str:
        """Return the ARN that its replica has there."""
        return elsewhere(str(self.arn), region)

    def replica(self, region: str) -> Held:
        """Return what there must be of it in another region."""
        if self.state is not State.LIVE or region not in self.replicas:
            return Held(self.name)
        return replace(self, arn=self.replica_arn(region), replicas=frozenset())


def elsewhere(arn: str, region: str) -> str:
    """Return the ARN of the replica in a region."""
    parts = arn.split(":")
    return ":".join([*parts[:3], region, *parts[4:]])


@dataclass(frozen=True)
class Call:
    """A call of an operation upon one secret. `token` names the version it makes, `value` what that holds, and
    `region` where a replica comes or goes.
    """

    action: Action
    name: str
    token: str = ""
    value: str = field(default="", repr=False)
    region: str = ""

    def members(self, held: Held) -> dict[str, Any]:  # noqa: PLR0911 - one for each operation
        """Return the request, as JSON has it."""
        match self.action:
            case Action.CREATE:
                tags = [{"Key": "made", "Value": self.token}]
                return {"Name": self.name, "ClientRequestToken": self.token, "SecretString": self.value, "Tags": tags}
            case Action.PUT:
                return {"SecretId": self.name, "ClientRequestToken": self.token, "SecretString": self.value}
            case Action.UPDATE:
                versioned = {"ClientRequestToken": self.token, "SecretString": self.value}
                return {"SecretId": self.name, "Description": f"updated {self.token}", **versioned}
            case Action.ROLL_BACK:
                moved = {"MoveToVersionId": held.previous, "RemoveFromVersionId": held.current}
                return {"SecretId": self.name, "VersionStage": "AWSCURRENT", **moved}
            case Action.TAG:
                return {"SecretId": self.name, "Tags": [{"Key": "storm", "Value": self.token}]}
            case Action.UNTAG:
                return {"SecretId": self.name, "TagKeys": ["storm"]}
            case Action.DELETE:
                return {"SecretId": self.name, "RecoveryWindowInDays": 7}
            case Action.FORCE:
                return {"SecretId": self.name, "ForceDeleteWithoutRecovery": True}
        regions: dict[Action, dict[str, Any]] = {
            Action.REPLICATE: {"AddReplicaRegions": [{"Region": self.region}]},
            Action.REMOVE: {"RemoveReplicaRegions": [self.region]},
        }
        return {"SecretId": self.name, **regions.get(self.action, {})}

    def after(self, held: Held, at: float) -> Held:  # noqa: PLR0911 - one for each operation
        """Return the secret after this call, carried out at that instant at the earliest."""
        match self.action:
            case Action.CREATE:
                made = {"made": self.token}
                return Held(held.name, State.LIVE, None, {self.token: self.value}, self.token, tags=made)
            case Action.PUT | Action.UPDATE:
                changed = replace(
                    held,
                    versions={**held.versions, self.token: self.value},
                    current=self.token,
                    previous=held.current,
                )
                is_put = self.action is Action.PUT
                return changed if is_put else replace(changed, description=f"updated {self.token}")
            case Action.ROLL_BACK:
                return replace(held, current=held.previous, previous=held.current)
            case Action.TAG:
                return replace(held, tags={**held.tags, "storm": self.token})
            case Action.UNTAG:
                return replace(held, tags={key: value for key, value in held.tags.items() if key != "storm"})
            case Action.DELETE:
                return _deleted(held, at + WINDOW_SECONDS)
            case Action.FORCE:
                return _deleted(held, min(at, held.purge_at))
            case Action.RESTORE:
                return replace(held, state=State.LIVE, purge_at=math.inf)
        replicas = {Action.REPLICATE: held.replicas | {self.region}, Action.REMOVE: held.replicas - {self.region}}
        return replace(held, replicas=replicas.get(self.action, held.replicas))


def _deleted(held: Held, purge_at: float) -> Held:
    return replace(held, state=State.SCHEDULED, purge_at=purge_at, deletions=held.deletions + 1)


def is_due_refusal(call: Call, held: Held, code: str, ended: float) -> bool:
    """Tell whether a refusal is what must be expected of a secret that has replicas, or whose purge is near."""
    if held.replicas:
        return call.action in DELETIONS and code == "InvalidParameterException"
    if held.state is not State.SCHEDULED:
        return False
    if call.action is Action.READ:
        return code == "InvalidRequestException" or (code == "ResourceNotFoundException" and held.may_be_gone(ended))
    if call.action is Action.CREATE:
        return code == "InvalidRequestException"
    is_gone = code in {"InvalidRequestException", "ResourceNotFoundException"}
    return call.action is Action.RESTORE and is_gone and held.may_be_gone(ended)


@dataclass(frozen=True)
class Seen:
    """What the server shows of a secret. `values` are those of a live one, by version id."""

    state: State = State.ABSENT
    arn: str | None = None
    version_ids: frozenset[str] = frozenset()
    values: Mapping[str, str] = field(default_factory=dict)
    stages: Mapping[str, list[str]] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    description: str = ""
    purge_at: float = math.inf
    replicas: frozenset[str] = frozenset()


def difference(held: Held, seen: Seen, at: float) -> str | None:
    """Return how what the server shows differs from what must be there, or None."""
    if seen.state is State.ABSENT and (held.state is State.ABSENT or held.may_be_gone(at)):
        return None
    if held.state is not seen.state:
        return f"it is {seen.state}, not {held.state}"
    facts: list[tuple[str, Any, Any]] = [
        ("ARN", held.arn or seen.arn, seen.arn),
        ("versions", set(held.versions), seen.version_ids),
        ("labels", held.stages, seen.stages),
        ("tags", dict(held.tags), seen.tags),
        ("description", held.description, seen.description),
        ("replicas", held.replicas, seen.replicas),
    ]
    if held.state is State.LIVE:
        facts.append(("values", {one: held.versions.get(one) for one in seen.values}, seen.values))
    for what, wanted, found in facts:
        if wanted != found:
            return f"of its {what} there is {found}, not {wanted}"
    if held.state is State.LIVE or -WIRE_PRECISION <= seen.purge_at - held.purge_at + WIRE_PRECISION <= LATEST_SECONDS:
        return None
    return f"its deletion date is {seen.purge_at}, not {held.purge_at}"
