"""Session tags: what is asked for, what a chain of roles hands down, and what the new session has.

Rules:
- A key stands once, and case does not tell keys apart (documented; the text is recorded).
- Keys that begin with `aws:`, in any case, are reserved (documented; the text is ours).
- What is to be transitive must be among the tags asked for (recorded).
- The transitive tags of the calling session are the new session's too, and stay transitive. They cannot be
  set again (documented; the text is recorded).
- Own tags override those of the role at each decision (`authorization`).

Characters and lengths are limits of the request's members; tags of a token's claims are asked `is_sound`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from strongroom.domain.principal import Session
from strongroom.domain.secret import Tag
from strongroom.errors import InvalidParameterValue

MAX_SESSION_TAGS: Final = 50
MAX_KEY_CHARACTERS: Final = 128
MAX_VALUE_CHARACTERS: Final = 256
RESERVED_PREFIX: Final = "aws:"

_CHARACTERS: Final = r"[\w \u00A0\u1680\u2000-\u200A\u2028\u2029\u202F\u205F\u3000.:/=+\-@]"
_SOUND_KEY: Final = re.compile(f"{_CHARACTERS}{{1,{MAX_KEY_CHARACTERS}}}")
_SOUND_VALUE: Final = re.compile(f"{_CHARACTERS}{{0,{MAX_VALUE_CHARACTERS}}}")


@dataclass(frozen=True, slots=True)
class SessionTags:
    """The tags of a new session, handed down ones first; `transitive_keys` are spelled as the tags' keys."""

    tags: tuple[Tag, ...] = ()
    transitive_keys: tuple[str, ...] = ()


def plan_tags(asked: Sequence[Tag], transitive_keys: Sequence[str], calling: Session | None) -> SessionTags:
    """Return the tags of a new session that is asked for by `calling`, None for who is no session.

    Raises:
        InvalidParameterValue: a rule is broken.
    """
    inherited = () if calling is None else _handed_down(calling)
    by_key = {tag.key.lower(): tag for tag in asked}
    if len(by_key) < len(asked):
        raise InvalidParameterValue("Duplicate tag keys found. Please note that Tag keys are case insensitive.")
    if any(key.startswith(RESERVED_PREFIX) for key in by_key):
        raise InvalidParameterValue(f"The keys of session tags must not begin with {RESERVED_PREFIX}")
    if any(tag.key.lower() in by_key for tag in inherited):
        raise InvalidParameterValue(
            "One of the specified transitive tag keys can't be set because it conflicts "
            "with a transitive tag key from the calling session."
        )
    own = {key.lower() for key in transitive_keys}
    if not own <= by_key.keys():
        raise InvalidParameterValue("The specified transitive tag key must be included in the requested tags.")
    kept = (*inherited, *(tag for tag in asked if tag.key.lower() in own))
    return SessionTags((*inherited, *asked), tuple(tag.key for tag in kept))


def is_sound(tag: Tag) -> bool:
    """Tell whether a tag keeps the limits that the service model has for members."""
    return _SOUND_KEY.fullmatch(tag.key) is not None and _SOUND_VALUE.fullmatch(tag.value) is not None


def _handed_down(calling: Session) -> tuple[Tag, ...]:
    transitive = {key.lower() for key in calling.transitive_tag_keys}
    return tuple(tag for tag in calling.tags if tag.key.lower() in transitive)
