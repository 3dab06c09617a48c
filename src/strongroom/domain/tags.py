"""Tags of a secret.

Rules:
- Keys are case-sensitive; a secret holds each key once (documented).
- Tagging merges: a key that exists keeps its place and takes the new value, new keys follow (recorded).
- Untagging ignores keys that the secret does not have (documented).
- A secret that was never tagged differs from one whose last tag was removed: None against `()`
  (recorded). A call that names no tags leaves None as it is.
- At most 50 tags per secret (documented). Tags with a reserved key do not count (documented for tags on
  AWS resources in general).
- Keys that begin with `aws:`, in any case, are reserved: users neither write nor remove them
  (documented).
- A call names each key once, and every tag has a key; its value may be empty (inferred).

The error code of each refusal is inferred and every message text is ours: none is recorded.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from strongroom.errors import InvalidParameterException

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from strongroom.domain.secret import Tag

MAX_TAGS_PER_SECRET: Final = 50
RESERVED_PREFIX: Final = "aws:"


def merge(
    existing: tuple[Tag, ...] | None, new: Sequence[Tag], *, most: int = MAX_TAGS_PER_SECRET
) -> tuple[Tag, ...] | None:
    """Return the tags after TagResource or CreateSecret; None only if there are neither old nor new ones.

    Raises:
        InvalidParameterException: a tag has no key, a new key is reserved, a key is named twice, or more
            than 50 tags would result.
    """
    require_well_formed(new)
    if not new:
        return existing
    by_key = {tag.key: tag for tag in (*(existing or ()), *new)}
    if sum(not _is_reserved(key) for key in by_key) > most:
        raise InvalidParameterException(f"You can't attach more than {most} tags to a secret.")
    return tuple(by_key.values())


def require_well_formed(new: Sequence[Tag]) -> None:
    """Refuse tags that no secret could take.

    Raises:
        InvalidParameterException: a key is missing, reserved, or named twice.
    """
    keys = [tag.key for tag in new]
    _require_keys(keys)
    _require_unreserved(keys)
    _require_distinct(keys)


def remove(existing: tuple[Tag, ...] | None, keys: Sequence[str]) -> tuple[Tag, ...] | None:
    """Return the tags after UntagResource.

    Raises:
        InvalidParameterException: a key is reserved, whether or not the secret has it.
    """
    _require_unreserved(keys)
    if existing is None:
        return None
    return tuple(tag for tag in existing if tag.key not in keys)


def _is_reserved(key: str) -> bool:
    return key.lower().startswith(RESERVED_PREFIX)


def _require_keys(keys: Iterable[str]) -> None:
    if not all(keys):
        raise InvalidParameterException("You must specify a key for every tag.")


def _require_unreserved(keys: Iterable[str]) -> None:
    for key in keys:
        if _is_reserved(key):
            raise InvalidParameterException(
                f"You can't add or remove the tag key {key}. Tag keys that start with {RESERVED_PREFIX} are "
                "reserved for AWS use."
            )


def _require_distinct(keys: Iterable[str]) -> None:
    for key, count in Counter(keys).items():
        if count > 1:
            raise InvalidParameterException(f"You can't specify the tag key {key} more than once in the same request.")
