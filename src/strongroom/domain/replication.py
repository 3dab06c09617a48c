"""Replicas of a secret: in other regions of the account, or one in another account.

Rules:
- A replica has the primary's name and suffix in its own region; nothing of it can be changed there but its
  KMS key (documented). Anything else is refused with one message (reported from the real service).
- Its values, labels, description, tags and resource policy follow the primary, asynchronously. A call never
  fails because a replica cannot follow: the replica's status says so.
- A region list may not hold the secret's own region, an unknown one, one of another partition, or one
  twice (reported; the last three inferred).
- A name that is taken in the target fails the replica, unless the call may overwrite; a secret that is
  itself a primary with replicas is never overwritten.
- A primary that still has replicas cannot be deleted (reported).
- A replica that was promoted, or removed, is never written to again: the replica's entry at the primary
  is what allows a write, and both end together.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from strongroom.domain.identifiers import SecretReference, partition_of
from strongroom.domain.secret import Secret
from strongroom.errors import InvalidParameterException

SUCCEEDED: Final = "Replication succeeded"

MANAGED_POLICY: Final = "cross-account-replication"
"""Name of the resource policy that the service attaches to a cross-account replica (documented)."""


class ReplicaStatus(StrEnum):
    """States of a replica. The text is on the wire and stored; never change it."""

    IN_SYNC = "InSync"
    FAILED = "Failed"
    IN_PROGRESS = "InProgress"
    PENDING = "Pending"
    DETACHED = "Detached"


@dataclass(frozen=True, slots=True)
class Replica:
    """The primary's entry for one replica. `revision` is the primary's, as last copied."""

    arn: str
    kms_key_id: str | None
    status: ReplicaStatus
    status_message: str | None = None
    overwrites: bool = False
    revision: int = -1

    @property
    def region(self) -> str:
        return place_of(self.arn).region

    @property
    def account_id(self) -> str:
        return place_of(self.arn).account_id


def is_replica(secret: Secret) -> bool:
    return secret.primary_region not in (None, secret.region) or secret.cross_account_primary is not None


def require_primary(secret: Secret) -> None:
    """Refuse a change at a replica."""
    if is_replica(secret):
        raise InvalidParameterException(
            "Operation not permitted on a replica secret. Call must be made in primary secret's region."
        )


def require_replica(secret: Secret) -> None:
    """Refuse to promote what is not a replica (the class is inferred, the text ours)."""
    if not is_replica(secret):
        raise InvalidParameterException(f"The secret {secret.arn} is not a replica secret.")


def replica_arn(primary: Secret, region: str) -> str:
    """Return the primary's ARN with the region replaced."""
    head, rest = primary.arn.split(f":{primary.region}:", 1)
    return f"{head}:{region}:{rest}"


def primary_arn(replica: Secret) -> str:
    """Return the ARN of a replica's primary."""
    if replica.cross_account_primary is not None:
        return replica.cross_account_primary
    return replica_arn(replica, replica.primary_region or replica.region)


def place_of(arn: str) -> SecretReference:
    """Return account, region and name of a secret from its complete ARN."""
    _, _, _, region, account_id, _, resource = arn.split(":", 6)
    return SecretReference(account_id, region, resource[:-7], arn)


def require_replica_regions(wanted: Sequence[str], *, own: str, known: Collection[str]) -> None:
    """Refuse a list of regions that a secret of region `own` cannot be replicated to."""
    partition = partition_of(own)
    for region in wanted:
        if region == own or region not in known or partition_of(region) != partition or wanted.count(region) > 1:
            raise InvalidParameterException("Invalid replica region.")


def require_present(wanted: Sequence[str], replicas: Sequence[Replica]) -> None:
    """Refuse to remove a region that has no replica (the class is inferred, the text ours)."""
    present = {replica.region for replica in replicas}
    for region in wanted:
        if region not in present:
            raise InvalidParameterException(f"The secret has no replica in region {region}.")


def require_none(secret: Secret, replicas: Sequence[Replica]) -> None:
    """Refuse to delete a primary that still has replicas."""
    if replicas:
        places = ", ".join(
            replica.region if replica.account_id == secret.account_id else replica.arn for replica in replicas
        )
        raise InvalidParameterException(
            f"You can't delete secret {secret.arn} that still has replica regions [{places}]."
        )


def name_taken(name: str, region: str) -> str:
    """The status message of a replica whose name is taken in its region."""
    return f"Replication failed: Secret name {name} already exists in region {region}."
