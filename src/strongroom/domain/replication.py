"""Replicas of a secret: in other regions of the account, or one in another account.

Rules:
- A replica has the primary's name and suffix in its own region; nothing of it can be changed there but its
  KMS key (documented). Anything else is refused with one message (reported from the real service).
- Its values, labels, description, tags and resource policy follow the primary, asynchronously. A call never
  fails because a replica cannot follow: the replica's status says so.
- A region list may not hold the secret's own region, an unknown one, one of another partition, or one
  twice (reported; the last three inferred).
- A name that is taken in the target fails the replica, unless the call may overwrite; a secret that is
  itself a primary with replicas is never overwritten (inferred), nor is the replica of another (reported).
- A cross-account replica is made by its own account, empty, for one primary of the same region, and waits
  (Pending) until the primary's account associates it. It follows values and labels; its policy, tags, key
  and lifecycle stay its own (documented). A primary has at most one. Dissociated, it stays as it is
  (Detached) until it is promoted.
- A primary that still has replicas cannot be deleted (reported).
- A replica that was promoted, or removed, is never written to again: the replica's entry at the primary
  is what allows a write, and both end together.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from enum import StrEnum
from typing import Final

from strongroom.domain.identifiers import SecretReference, partition_of
from strongroom.domain.secret import Secret
from strongroom.errors import InvalidParameterException, LimitExceededException
from strongroom.structs import Struct

SUCCEEDED: Final = "Replication succeeded"

_COMPLETE_ARN: Final = re.compile(
    r"arn:[a-z-]+:secretsmanager:[a-z0-9-]+:\d{12}:secret:[-/_+=.@!A-Za-z0-9]+-[A-Za-z0-9]{6}"
)

MANAGED_POLICY: Final = "cross-account-replication"
"""Name of the resource policy that the service attaches to a cross-account replica (documented)."""


class ReplicaStatus(StrEnum):
    """States of a replica. The text is on the wire and stored; never change it."""

    IN_SYNC = "InSync"
    FAILED = "Failed"
    IN_PROGRESS = "InProgress"
    PENDING = "Pending"
    DETACHED = "Detached"


class Replica(Struct, frozen=True, gc=False):
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


def require_primary(secret: Secret, *, except_cross_account: bool = False) -> None:
    """Refuse a change at a replica, unless it is one that a cross-account replica makes by itself."""
    if is_replica(secret) and not (except_cross_account and secret.cross_account_primary is not None):
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


def require_cross_account_primary(arn: str, *, account_id: str, region: str) -> str:
    """Return the ARN that a new cross-account replica names as its primary (the class is inferred, the text ours)."""
    if _COMPLETE_ARN.fullmatch(arn) is None:
        raise _unfit_primary("It must be the complete ARN of a secret.")
    place = place_of(arn)
    if place.account_id == account_id:
        raise _unfit_primary("It must be in another account.")
    if place.region != region or not arn.startswith(f"arn:{partition_of(region)}:"):
        raise _unfit_primary("It must be in the Region and partition of the replica.")
    return arn


def require_associable(primary: Secret, replica: Secret | None, present: Sequence[Replica], arn: str) -> Secret:
    """Return the replica that AssociateCrossAccountReplica names, if it was made for this primary.

    Raises:
        InvalidParameterException: it was not, or does not exist; the two are not told apart, because they are
            another account's business (the class is inferred, the text ours).
        LimitExceededException: the primary has another cross-account replica (documented; the text ours).
    """
    if replica is None or replica.cross_account_primary != primary.arn:
        raise InvalidParameterException(
            f"The secret {arn} is not a cross-account replica of {primary.arn}. Its owner must create it with "
            "CrossAccountPrimaryARN set to that ARN."
        )
    if any(one.account_id != primary.account_id and one.arn != arn for one in present):
        raise LimitExceededException("A primary secret can have at most one cross-account replica.")
    return replica


def require_associated(primary: Secret, entry: Replica | None, arn: str) -> Replica:
    """Return the entry of another account's replica to dissociate (the class is inferred, the text ours)."""
    if entry is None or entry.account_id == primary.account_id:
        raise InvalidParameterException(f"The secret {arn} is not associated with this primary secret.")
    return entry


def cross_account_status(entry: Replica | None, *, has_versions: bool) -> ReplicaStatus:
    """Return what a cross-account replica shows of its link: its entry's state; Pending before it was ever
    associated, Detached after.
    """
    if entry is not None:
        return entry.status
    return ReplicaStatus.DETACHED if has_versions else ReplicaStatus.PENDING


def managed_policy(replica: Secret) -> str:
    """Return the resource policy that lets the primary's account associate a cross-account replica."""
    owner = place_of(primary_arn(replica)).account_id
    partition = partition_of(replica.region)
    return (
        '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":'
        f'"arn:{partition}:iam::{owner}:root"}},'
        '"Action":"secretsmanager:AcceptCrossAccountReplication","Resource":"*"}]}'
    )


def in_other_regions(primary: Secret, replicas: Sequence[Replica]) -> list[Replica]:
    """Return the replicas of a primary in other regions, without the one that another account may have."""
    return [replica for replica in replicas if replica.account_id == primary.account_id]


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


def name_replicated(name: str, region: str) -> str:
    """The status message of a replica in whose place there is that of another primary (reported)."""
    return f"Replication failed: Secret name {name} is currently replicated to {region} with a different arn"


def _unfit_primary(why: str) -> InvalidParameterException:
    return InvalidParameterException(f"CrossAccountPrimaryARN can't be used. {why}")
