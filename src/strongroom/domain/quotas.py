"""How much of everything an account may have, and how fast it may ask. AWS's published numbers by default.

Rules:
- Counts beyond a quota are LimitExceededException (the class is documented, the texts are ours).
- A secret may have about 100 versions (documented so). Here that is the hundred deprecated ones that the
  clean-up keeps and the twenty that can carry labels. What the clean-up may remove now does not count; a
  writer that makes more than that within 24 hours is refused (documented: faster writers reach the quota).
- Request rates are token buckets per account, Region and group of operations: a second's worth may come at
  once. Beyond it the answer is ThrottlingException (text reported). They are off unless asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from strongroom.errors import LimitExceededException, ThrottlingException


@dataclass(frozen=True, slots=True)
class Quotas:
    """The counts. Limits on single members (a value's 65,536 bytes, a policy's 20,480 characters) are the model's."""

    secrets: int = 500_000
    versions_per_secret: int = 120
    labels_per_secret: int = 20
    tags_per_secret: int = 50

    @property
    def numbers(self) -> tuple[int, ...]:
        return self.secrets, self.versions_per_secret, self.labels_per_secret, self.tags_per_secret


AWS: Final = Quotas()

_WRITES: Final = ("writes", 50.0)
_POLICIES: Final = ("policies", 50.0)
_ROTATION: Final = ("rotation", 50.0)
_TAGS: Final = ("tags", 50.0)
_REPLICATION: Final = ("cross-account", 50.0)

AWS_RATES: Final[Mapping[str, tuple[str, float]]] = {
    "GetSecretValue": ("GetSecretValue", 10_000.0),
    "DescribeSecret": ("DescribeSecret", 40_000.0),
    "BatchGetSecretValue": ("BatchGetSecretValue", 100.0),
    "ListSecrets": ("ListSecrets", 100.0),
    "ListSecretVersionIds": ("ListSecretVersionIds", 50.0),
    "CreateSecret": ("CreateSecret", 50.0),
    "DeleteSecret": ("DeleteSecret", 50.0),
    "GetRandomPassword": ("GetRandomPassword", 50.0),
    "RestoreSecret": ("RestoreSecret", 50.0),
    "PutSecretValue": _WRITES,
    "UpdateSecret": _WRITES,
    "UpdateSecretVersionStage": _WRITES,
    "ReplicateSecretToRegions": _WRITES,
    "RemoveRegionsFromReplication": _WRITES,
    "StopReplicationToReplica": _WRITES,
    "PutResourcePolicy": _POLICIES,
    "GetResourcePolicy": _POLICIES,
    "DeleteResourcePolicy": _POLICIES,
    "ValidateResourcePolicy": _POLICIES,
    "ListResourcePolicies": _POLICIES,
    "RotateSecret": _ROTATION,
    "CancelRotateSecret": _ROTATION,
    "TagResource": _TAGS,
    "UntagResource": _TAGS,
    "AssociateCrossAccountReplica": _REPLICATION,
    "DisassociateCrossAccountReplica": _REPLICATION,
}
"""Operation to the group that shares a rate, and requests per second (quota pages; the newest three inferred)."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """A token bucket as it was at an instant, in seconds."""

    tokens: float
    at: float


def too_fast() -> ThrottlingException:
    """The answer to whoever has to wait."""
    return ThrottlingException("Rate exceeded")


def draw(bucket: Bucket | None, rate: float, now: float) -> Bucket:
    """Return the bucket after one request.

    Raises:
        ThrottlingException: it is empty.
    """
    tokens = rate if bucket is None else min(rate, bucket.tokens + max(0.0, now - bucket.at) * rate)
    if tokens < 1.0:
        raise too_fast()
    return Bucket(tokens - 1.0, now)


def require_room_for_secret(count: int, quotas: Quotas) -> None:
    """Refuse one secret more than an account may have in a Region."""
    if count >= quotas.secrets:
        raise LimitExceededException(f"You can't have more than {quotas.secrets} secrets in this Region.")


def require_room_for_version(count: int, quotas: Quotas) -> None:
    """Refuse one version more than a secret may have. `count` leaves out what the clean-up may remove now."""
    if count >= quotas.versions_per_secret:
        raise LimitExceededException(
            f"You can't have more than {quotas.versions_per_secret} versions of a secret. Versions without staging "
            "labels are removed when they are 24 hours old."
        )
