"""Looks at one secret as a whole: described, listed, every value read."""

from __future__ import annotations

import math
import time
from typing import Any

from chaos.calls import Held, Seen, State, difference
from chaos.client import Answer, Client, Unanswered
from chaos.violation import Violation, require

PURGE_SECONDS = 20.0
"""How long a purge that is due may take when nothing else is asked of the server."""

RETRY_SECONDS = 30.0
PAUSE_SECONDS = 0.05


class Observer:
    """A patient client: after a kill it asks again until the server is itself again."""

    def __init__(self, client: Client, *, purge_seconds: float = PURGE_SECONDS) -> None:
        self._client = client
        self._purge_seconds = purge_seconds
        self.calls: list[tuple[str, Answer]] = []
        """Everything that was answered, for the trail to show."""

    def call(self, operation: str, **members: Any) -> Answer:
        deadline = time.monotonic() + RETRY_SECONDS
        while True:
            try:
                answer = self._client.call(operation, **members)
            except Unanswered as error:
                if time.monotonic() > deadline:
                    raise Violation(f"{operation} fails for {RETRY_SECONDS} s: {error}") from error
                time.sleep(PAUSE_SECONDS)
            else:
                self.calls.append((operation, answer))
                return answer

    def close(self) -> None:
        self._client.close()

    def see(self, name: str) -> Seen:
        """Return what the server shows of a secret, all of it at rest."""
        shown = self.call("DescribeSecret", SecretId=name)
        if shown.code == "ResourceNotFoundException":
            return Seen()
        require(shown.status == 200, f"{name} cannot be described: {shown.content}")
        described = shown.content
        listed = self.call("ListSecretVersionIds", SecretId=name, IncludeDeprecated=True, MaxResults=100)
        if listed.code == "ResourceNotFoundException":
            return Seen()
        version_ids = [one["VersionId"] for one in listed.content["Versions"]]
        is_scheduled = "DeletedDate" in described
        return Seen(
            state=State.SCHEDULED if is_scheduled else State.LIVE,
            arn=described["ARN"],
            version_ids=frozenset(version_ids),
            values={} if is_scheduled else {one: self._value(name, one) for one in version_ids},
            stages=described.get("VersionIdsToStages", {}),
            tags={tag["Key"]: tag["Value"] for tag in described.get("Tags", [])},
            description=described.get("Description", ""),
            purge_at=described.get("DeletedDate", math.inf),
        )

    def _value(self, name: str, version_id: str) -> str:
        answer = self.call("GetSecretValue", SecretId=name, VersionId=version_id)
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
