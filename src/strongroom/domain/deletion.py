"""Deletion of secrets and of worn-out versions.

Rules:
- A recovery window is 7 to 30 days, 30 unless said (documented); forcing has no window, and the two
  exclude each other.
- A secret scheduled for deletion keeps its name and can be described, listed on demand, restored and
  force-deleted; every other use is refused with one message (recorded).
- It can be restored until its deletion date, not after, even while the purge has yet to run
  (documented: "the date after which it can no longer be restored").
- It may be purged from its deletion date on, never earlier.
- Versions without labels beyond the newest hundred are removed once they are 24 hours old; labelled
  versions never are (documented).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Final

from strongroom.domain.secret import Secret, Version
from strongroom.errors import InvalidParameterException, InvalidRequestException
from strongroom.structs import replace

MIN_WINDOW_DAYS: Final = 7
MAX_WINDOW_DAYS: Final = 30
DEFAULT_WINDOW_DAYS: Final = 30

KEPT_DEPRECATED_VERSIONS: Final = 100
MIN_DEPRECATED_AGE: Final = timedelta(hours=24)


def recovery_window(days: int | None, *, force: bool) -> timedelta:
    """Return how long the secret stays recoverable; zero when forced.

    Raises:
        InvalidParameterException: days outside 7..30, or days given together with force. Both are
            checked before the secret is looked up; the range first (emulator order).
    """
    if days is not None and not MIN_WINDOW_DAYS <= days <= MAX_WINDOW_DAYS:
        raise InvalidParameterException("The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).")
    if force and days is not None:
        raise InvalidParameterException(
            "You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays."
        )
    if force:
        return timedelta(0)
    return timedelta(days=DEFAULT_WINDOW_DAYS if days is None else days)


def schedule(secret: Secret, window: timedelta, now: datetime) -> Secret:
    """Return the secret scheduled for deletion at the end of `window`."""
    return replace(secret, deleted_at=now, purge_at=now + window)


def is_scheduled(secret: Secret) -> bool:
    return secret.purge_at is not None


def require_usable(secret: Secret) -> None:
    """Refuse a secret that is scheduled for deletion.

    Clients and alarms match on "marked for deletion": keep the words.
    """
    if is_scheduled(secret):
        raise InvalidRequestException(
            "You can't perform this operation on the secret because it was marked for deletion."
        )


def name_is_scheduled() -> InvalidRequestException:
    """The answer to CreateSecret while the old secret of that name waits for its purge (recorded)."""
    return InvalidRequestException(
        "You can't create this secret because a secret with this name is already scheduled for deletion."
    )


def restore(secret: Secret, now: datetime) -> Secret:
    """Return the secret without its deletion; one that is not scheduled comes back unchanged.

    Raises:
        InvalidRequestException: the deletion date has passed.
    """
    if is_purgeable(secret, now):
        raise InvalidRequestException("You can't perform this operation on the secret because it was deleted.")
    return replace(secret, deleted_at=None, purge_at=None)


def is_purgeable(secret: Secret, now: datetime) -> bool:
    return secret.purge_at is not None and secret.purge_at <= now


def prunable_versions(versions: Iterable[Version], labelled: Collection[str], now: datetime) -> list[Version]:
    """Return the versions the clean-up may remove now, oldest first."""
    return [version for version in _beyond_kept(versions, labelled) if version.created_at <= now - MIN_DEPRECATED_AGE]


def next_pruning(versions: Iterable[Version], labelled: Collection[str]) -> datetime | None:
    """Return when the clean-up next has work, or None while a hundred deprecated versions are not exceeded."""
    beyond = _beyond_kept(versions, labelled)
    return beyond[0].created_at + MIN_DEPRECATED_AGE if beyond else None


def _beyond_kept(versions: Iterable[Version], labelled: Collection[str]) -> list[Version]:
    deprecated = sorted(
        (version for version in versions if version.deleted_at is None and version.version_id not in labelled),
        key=lambda version: (version.created_at, version.version_id),
    )
    return deprecated[: max(0, len(deprecated) - KEPT_DEPRECATED_VERSIONS)]
