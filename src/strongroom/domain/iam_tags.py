"""Tags of users, roles, managed policies and identity providers.

Rules:
- Keys of users' and roles' tags are the same in any case, and keep the one they were last written in; those of
  policies and providers differ by case (documented; the sentence is recorded).
- Tagging merges, untagging ignores keys that are not there (documented). At most 50 tags.
- Keys that begin with `aws:` are reserved (documented; the text is ours).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from strongroom.domain import iam_limits
from strongroom.domain.identity import IdentityKind
from strongroom.domain.secret import Tag
from strongroom.domain.tags import RESERVED_PREFIX
from strongroom.errors import InvalidInput

_CASELESS: Final = (IdentityKind.USER, IdentityKind.ROLE)


def merge(kind: IdentityKind, existing: Sequence[Tag], new: Sequence[Tag]) -> tuple[Tag, ...]:
    """Return the tags after some were written.

    Raises:
        InvalidInput: a key is named twice or reserved.
        LimitExceeded: there would be too many.
    """
    keys = [_same(kind, tag.key) for tag in new]
    if len(set(keys)) < len(keys):
        raise InvalidInput("Duplicate tag keys found. Please note that Tag keys are case insensitive.")
    _require_unreserved(tag.key for tag in new)
    merged = {_same(kind, tag.key): tag for tag in (*existing, *new)}
    iam_limits.require_tag_count(kind, len(merged))
    return tuple(merged.values())


def remove(kind: IdentityKind, existing: Sequence[Tag], keys: Sequence[str]) -> tuple[Tag, ...]:
    """Return the tags after some were removed. Raises InvalidInput for a reserved key."""
    _require_unreserved(keys)
    gone = {_same(kind, key) for key in keys}
    return tuple(tag for tag in existing if _same(kind, tag.key) not in gone)


def _same(kind: IdentityKind, key: str) -> str:
    return key.lower() if kind in _CASELESS else key


def _require_unreserved(keys: Iterable[str]) -> None:
    if any(key.lower().startswith(RESERVED_PREFIX) for key in keys):
        raise InvalidInput(f"Tag keys that start with {RESERVED_PREFIX} are reserved for AWS use.")
