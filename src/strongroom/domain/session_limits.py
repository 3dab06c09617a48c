"""What temporary credentials are limited to: how long they last, how much may be packed into them.

Rules:
- Credentials of a role last an hour unless asked otherwise, at most as long as the role says, and an hour at
  most when a role's session asks for them (documented; texts recorded).
- Credentials for oneself last twelve hours unless asked otherwise; those of a root last an hour at most, whatever
  was asked for (documented).
- Session policies and tags, those that are handed down included, are packed and limited together; the answer
  says how much of the room they take (documented). What AWS packs into how much room is not known: here it is
  the compressed text, in 4,096 bytes.
- A source identity stays through a chain of roles and cannot be changed on the way (documented; text ours).
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Final

from strongroom.domain.identity import DEFAULT_SESSION_SECONDS
from strongroom.domain.secret import Tag
from strongroom.errors import AccessDeniedException, PackedPolicyTooLarge, ValidationException

MIN_SECONDS: Final = 900
MAX_ROLE_SECONDS: Final = 43_200
MAX_OWN_SECONDS: Final = 129_600
CHAINED_SECONDS: Final = 3_600
DEFAULT_OWN_SECONDS: Final = 43_200
ROOT_SECONDS: Final = 3_600

MAX_POLICY_CHARACTERS: Final = 2_048
MAX_POLICY_ARNS: Final = 10
PACKED_BYTES: Final = 4_096

_PERCENT: Final = 100


def role_session_seconds(asked: int | None, *, most: int, is_chained: bool) -> int:
    """Return how long credentials of a role last.

    Raises:
        ValidationException: longer than may be was asked for.
    """
    seconds = DEFAULT_SESSION_SECONDS if asked is None else asked
    if is_chained and seconds > CHAINED_SECONDS:
        raise ValidationException(
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining"
        )
    if seconds > most:
        raise ValidationException("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
    return seconds


def own_session_seconds(asked: int | None, *, is_root: bool) -> int:
    """Return how long credentials for oneself last."""
    seconds = DEFAULT_OWN_SECONDS if asked is None else asked
    return min(seconds, ROOT_SECONDS) if is_root else seconds


def packed_percent(policies: Sequence[str], policy_arns: Sequence[str], tags: Sequence[Tag]) -> int | None:
    """Return how much of the room is taken, None where there is nothing to pack.

    Raises:
        PackedPolicyTooLarge: there is not so much room.
    """
    texts = [*policies, *policy_arns, *(text for tag in tags for text in (tag.key, tag.value))]
    if not texts:
        return None
    packed = zlib.compress("\0".join(texts).encode(), level=9)
    percent = -(-_PERCENT * len(packed) // PACKED_BYTES)
    if percent > _PERCENT:
        raise PackedPolicyTooLarge(
            f"Packed policy consumes {percent}% of allotted space, please use smaller policy."
            if policies or policy_arns
            else f"Packed size of session tags consumes {percent}% of allotted space."
        )
    return percent


def plan_source_identity(asked: str | None, calling: str | None) -> str | None:
    """Return the source identity of a session that is asked for by one which has `calling`.

    Raises:
        AccessDeniedException: the calling session has another one.
    """
    if asked is None or asked == calling:
        return calling
    if calling is not None:
        raise AccessDeniedException("The source identity of the calling session cannot be changed.")
    return asked
