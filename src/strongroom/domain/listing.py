"""The order of ListSecrets and where a page ends.

Rules: created-date ascending unless asked (verified against the real service); names in code-point order;
a secret that was never read sorts before every date. The name breaks ties, so each secret has one place.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from strongroom.domain.secret import Secret
from strongroom.domain.timestamps import to_days, to_micros
from strongroom.structs import Struct


class SortBy(StrEnum):
    CREATED_DATE = "created-date"
    LAST_ACCESSED_DATE = "last-accessed-date"
    LAST_CHANGED_DATE = "last-changed-date"
    NAME = "name"


class ListingPosition(Struct, frozen=True, gc=False):
    """The place of one secret in an order: its sort value as the database holds it, and its name."""

    value: str | int
    name: str


@dataclass(frozen=True, slots=True)
class Listing:
    """Which secrets are listed, and in what order."""

    account_id: str
    region: str
    sort_by: SortBy
    descending: bool = False
    include_scheduled: bool = True


def position_of(secret: Secret, order: SortBy) -> ListingPosition:
    value: str | int
    match order:
        case SortBy.NAME:
            value = secret.name
        case SortBy.CREATED_DATE:
            value = to_micros(secret.created_at)
        case SortBy.LAST_CHANGED_DATE:
            value = to_micros(secret.last_changed_at)
        case SortBy.LAST_ACCESSED_DATE:
            value = NEVER_ACCESSED if secret.last_accessed_on is None else to_days(secret.last_accessed_on)
    return ListingPosition(value, secret.name)


NEVER_ACCESSED = -1
"""Sort value, in days, of a secret that was never read."""
