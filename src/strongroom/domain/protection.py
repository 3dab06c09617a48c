"""What keeps a secret from being deleted too soon or by mistake (ours; AWS has nothing of the kind).

Rules:
- A secret with the tag `strongroom:deletion-protection` = true is not deleted, with or without a recovery window,
  until the tag is removed or has another value. Upper and lower case are the same.
- A secret may have a shortest recovery window: the longest of those that the settings give to prefixes of its name
  and of its own tag `strongroom:min-recovery-days`. A tag that is no number of days means the longest window there
  is: who wrote it wanted to be careful. Forcing is refused until that window has passed.
- A read that is refused because of a scheduled deletion may postpone the purge (`hold_on_read`): to so long after
  the read, rounded up to the hour, so that reads that go on cost a change an hour. It never brings the purge
  nearer, and never takes it further than `hold_most` beyond the date that was asked for.
- A person may hold a deletion within the same bound, and release it: then it has its own date again, or happens
  at once where that has passed, and reads postpone it no more. Restoring and forcing work as ever.
- Whatever postpones a purge moves DeletionDate, because that is until when the secret can be restored.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from strongroom.domain import deletion
from strongroom.domain.deletion import MAX_WINDOW_DAYS
from strongroom.domain.secret import Secret, touched
from strongroom.errors import InvalidRequestException
from strongroom.structs import Struct, replace

PROTECTION_TAG: Final = "strongroom:deletion-protection"
MIN_DAYS_TAG: Final = "strongroom:min-recovery-days"

HOLD_STEP: Final = timedelta(hours=1)
"""Dates of holds are whole steps, counted from the deletion, so that reads that go on change nothing in between."""

MAX_HOLD_DAYS: Final = 3_650


@dataclass(frozen=True, slots=True)
class MinimumWindow:
    """The shortest recovery window of secrets whose names begin so."""

    prefix: str
    days: int


@dataclass(frozen=True, slots=True)
class DeletionRules:
    """What the settings say about deletions; nothing, by default."""

    hold_on_read: timedelta = timedelta(0)
    hold_most: timedelta = timedelta(days=30)
    minimums: tuple[MinimumWindow, ...] = ()


class PlannedDeletion(Struct, frozen=True, gc=False):
    """What is known of a scheduled deletion besides its date.

    Attributes:
        scheduled_by: ARN of who asked for it.
        due_at: the end of the recovery window that was asked for.
        held_by: who or what postponed it last; None if nobody did, or a person let it go.
        held_at: when it was postponed last or let go; None if neither ever was.
    """

    arn: str
    account_id: str
    region: str
    name: str
    scheduled_by: str
    due_at: datetime
    held_by: str | None = None
    held_at: datetime | None = None


def parse_minimum_windows(items: Iterable[str]) -> tuple[MinimumWindow, ...]:
    """Return the shortest windows that `prefix=days` stand for.

    Raises:
        ValueError: not of this form, or days outside 1 to 30.
    """
    return tuple(_minimum_of(item) for item in items)


def _minimum_of(item: str) -> MinimumWindow:
    prefix, separator, days = item.rpartition("=")
    if not separator or not days.isdecimal() or not 1 <= int(days) <= MAX_WINDOW_DAYS:
        raise ValueError(f"{item!r} is not prefix=days with 1 to {MAX_WINDOW_DAYS} days")
    return MinimumWindow(prefix, int(days))


def is_protected(secret: Secret) -> bool:
    return (_tag(secret, PROTECTION_TAG) or "").strip().lower() == "true"


def require_unprotected(secret: Secret) -> None:
    """Refuse to delete a secret that is marked as not to be deleted."""
    if is_protected(secret):
        raise InvalidRequestException(
            f"You can't delete this secret because it is protected from deletion. Remove its tag {PROTECTION_TAG} "
            "first."
        )


def minimum_days(secret: Secret, rules: DeletionRules) -> int:
    """Return the shortest recovery window of a secret in days; 0 if there is none."""
    days = [minimum.days for minimum in rules.minimums if secret.name.startswith(minimum.prefix)]
    tagged = _tag(secret, MIN_DAYS_TAG)
    if tagged is not None:
        is_number = tagged.strip().isdecimal() and tagged.isascii()
        days.append(min(int(tagged), MAX_WINDOW_DAYS) if is_number else MAX_WINDOW_DAYS)
    return max(days, default=0)


def require_window(secret: Secret, window: timedelta, now: datetime, rules: DeletionRules) -> None:
    """Refuse a deletion that would end before the shortest window has passed since it was first asked for."""
    least = minimum_days(secret, rules)
    if now + window < (secret.deleted_at or now) + timedelta(days=least):
        raise InvalidRequestException(
            f"You can't delete this secret without a recovery window of at least {least} days."
        )


def plan(secret: Secret, scheduled_by: str, due_at: datetime) -> PlannedDeletion:
    return PlannedDeletion(secret.arn, secret.account_id, secret.region, secret.name, scheduled_by, due_at)


def hold_for_read(
    secret: Secret, planned: PlannedDeletion | None, reader: str, now: datetime, rules: DeletionRules
) -> tuple[Secret, PlannedDeletion] | None:
    """Return secret and plan after a refused read; None where the read postpones nothing."""
    if not rules.hold_on_read or secret.purge_at is None or deletion.is_purgeable(secret, now):
        return None
    if planned is not None and planned.held_by is None and planned.held_at is not None:
        return None
    start = secret.deleted_at or now
    steps = -((start - now - rules.hold_on_read) // HOLD_STEP)  # rounds up
    return _postponed(secret, planned, start + steps * HOLD_STEP, reader, now, rules)


def hold(
    secret: Secret,
    planned: PlannedDeletion | None,
    until: datetime | None,
    by: str,
    now: datetime,
    rules: DeletionRules,
) -> tuple[Secret, PlannedDeletion]:
    """Return secret and plan after a person postponed the purge: as far as it goes, if no date is given.

    Raises:
        InvalidRequestException: there is no deletion that could be held, or not any longer.
    """
    if secret.purge_at is None:
        raise InvalidRequestException("You can't hold the deletion of this secret because none is scheduled.")
    deletion.restore(secret, now)
    planned = planned or plan(secret, "", secret.purge_at)
    wanted = planned.due_at + rules.hold_most if until is None else until
    held = _postponed(secret, planned, wanted, by, now, rules)
    return held or (secret, replace(planned, held_by=by, held_at=now))


def release(secret: Secret, planned: PlannedDeletion | None, now: datetime) -> tuple[Secret, PlannedDeletion]:
    """Return secret and plan with the date that was asked for, or with now where it has passed.

    Raises:
        InvalidRequestException: the deletion is not held.
    """
    if planned is None or planned.held_by is None or secret.purge_at is None:
        raise InvalidRequestException("You can't release the deletion of this secret because it is not held.")
    changed = touched(replace(secret, purge_at=min(secret.purge_at, max(planned.due_at, now))), now)
    return changed, replace(planned, held_by=None, held_at=now)


def _postponed(
    secret: Secret, planned: PlannedDeletion | None, wanted: datetime, by: str, now: datetime, rules: DeletionRules
) -> tuple[Secret, PlannedDeletion] | None:
    assert secret.purge_at is not None
    planned = planned or plan(secret, "", secret.purge_at)
    until = min(wanted, planned.due_at + rules.hold_most)
    if until <= secret.purge_at:
        return None
    return touched(replace(secret, purge_at=until), now), replace(planned, held_by=by, held_at=now)


def _tag(secret: Secret, key: str) -> str | None:
    return next((tag.value for tag in secret.tags or () if tag.key == key), None)
