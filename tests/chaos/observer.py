"""Looks at one secret as a whole: described, listed, every value read; and at its replicas."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

from chaos.calls import Held, Seen, State, difference
from chaos.client import Answer, Client, Unanswered
from chaos.plant import AWAY
from chaos.violation import Violation, require

PURGE_SECONDS = 20.0
"""How long a purge that is due may take when nothing else is asked of the server."""

RETRY_SECONDS = 30.0
PAUSE_SECONDS = 0.05


class Observer:
    """A patient client: after a kill it asks again until the server is itself again."""

    def __init__(self, client: Client, *, purge_seconds: float = PURGE_SECONDS) -> None:
        self._client = client
        self._away = {region: client.elsewhere(region) for region in AWAY}
        self._purge_seconds = purge_seconds
        self.calls: list[tuple[str, Answer]] = []
        """Everything that was answered, for the trail to show."""

    def call(self, operation: str, **members: Any) -> Answer:
        return self._ask(self._client, operation, **members)

    def iam(self, operation: str, **members: str) -> Answer:
        answer = self._patiently(operation, lambda: self._client.iam(operation, **members))
        self.calls.append((operation, answer))
        return answer

    def read_as(self, credentials: tuple[str, str], name: str) -> Answer:
        """Read a secret with somebody's access key; whether it is recorded, and as whose, is for the caller to say."""
        holder = self._client.holding(credentials)
        return self._patiently("GetSecretValue", lambda: holder.call("GetSecretValue", SecretId=name))

    def _ask(self, client: Client, operation: str, **members: Any) -> Answer:
        answer = self._patiently(operation, lambda: client.call(operation, **members))
        self.calls.append((operation, answer))
        return answer

    @staticmethod
    def _patiently(operation: str, send: Callable[[], Answer]) -> Answer:
        deadline = time.monotonic() + RETRY_SECONDS
        while True:
            try:
                return send()
            except Unanswered as error:
                if time.monotonic() > deadline:
                    raise Violation(f"{operation} fails for {RETRY_SECONDS} s: {error}") from error
                time.sleep(PAUSE_SECONDS)

    def close(self) -> None:
        self._client.close()

    def see(self, name: str, region: str | None = None) -> Seen:
        """Return what the server shows of a secret, all of it at rest; of a replica the values with labels alone."""
        client = self._client if region is None else self._away[region]
        shown = self._ask(client, "DescribeSecret", SecretId=name)
        if shown.code == "ResourceNotFoundException":
            return Seen()
        require(shown.status == 200, f"{name} cannot be described: {shown.content}")
        described = shown.content
        listed = self._ask(client, "ListSecretVersionIds", SecretId=name, IncludeDeprecated=True, MaxResults=100)
        if listed.code == "ResourceNotFoundException":
            return Seen()
        version_ids = [one["VersionId"] for one in listed.content["Versions"]]
        stages, is_scheduled = described.get("VersionIdsToStages", {}), "DeletedDate" in described
        readable = [] if is_scheduled else version_ids if region is None else list(stages)
        return Seen(
            state=State.SCHEDULED if is_scheduled else State.LIVE,
            arn=described["ARN"],
            version_ids=frozenset(version_ids),
            values={one: self._value(client, name, one) for one in readable},
            stages=stages,
            tags={tag["Key"]: tag["Value"] for tag in described.get("Tags", [])},
            description=described.get("Description", ""),
            purge_at=described.get("DeletedDate", math.inf),
            replicas=frozenset(one["Region"] for one in described.get("ReplicationStatus", [])),
        )

    def _value(self, client: Client, name: str, version_id: str) -> str:
        answer = self._ask(client, "GetSecretValue", SecretId=name, VersionId=version_id)
        require(answer.status == 200, f"version {version_id} of {name} cannot be read: {answer.content}")
        return str(answer.content["SecretString"])

    def settle(self, candidates: list[Held]) -> tuple[Held, Seen]:
        """Return the candidate that the secret is, whole, and what was seen; a purge that is due is waited for.

        Raises:
            Violation: it is none of them.
        """
        name, deadline = candidates[0].name, time.monotonic() + self._purge_seconds
        while True:
            seen, at = self.see(name), time.time()
            if seen.state is not State.SCHEDULED or seen.purge_at > at:
                break
            require(time.monotonic() < deadline, f"{name} is due since {seen.purge_at} and still there")
            time.sleep(PAUSE_SECONDS)
        reasons = [difference(held, seen, at) for held in candidates]
        for held, reason in zip(candidates, reasons, strict=True):
            if reason is None:
                return held, seen
        raise Violation(f"{name}: {'; nor: '.join(map(str, reasons))}")

    def settle_replica(self, held: Held, region: str) -> None:
        """Wait until the replica of a secret in a region is as the secret is, or gone where there is to be none.

        Raises:
            Violation: it does not come to that.
        """
        deadline = time.monotonic() + self._purge_seconds
        while True:
            reason = difference(held.replica(region), self.see(held.name, region), time.time())
            if reason is None:
                return
            require(time.monotonic() < deadline, f"the replica of {held.name} in {region}: {reason}")
            time.sleep(PAUSE_SECONDS)
