"""What a web identity token asks the session to be: tags and source identity (documented claims).

- `https://aws.amazon.com/tags` holds `principal_tags`, each a text or a list of one, and `transitive_tag_keys`;
  or the same stands flat, in claims whose names begin so.
- `https://aws.amazon.com/source_identity` is a text.
- Limits are those of the same members of AssumeRole. A claim of another form is refused (text ours): a tag
  that is left out could widen what a session may do.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from strongroom.domain.secret import Tag
from strongroom.domain.session_tags import MAX_SESSION_TAGS, SessionTags, is_sound, plan_tags
from strongroom.errors import InvalidIdentityToken

TAGS_CLAIM: Final = "https://aws.amazon.com/tags"
SOURCE_IDENTITY_CLAIM: Final = "https://aws.amazon.com/source_identity"

_FLAT_TAG: Final = f"{TAGS_CLAIM}/principal_tags/"
_FLAT_TRANSITIVE: Final = f"{TAGS_CLAIM}/transitive_tag_keys"
_SOURCE_IDENTITY: Final = re.compile(r"[A-Za-z0-9_+=,.@-]{2,64}")


def session_tags(claims: Mapping[str, Any]) -> SessionTags:
    """Return the tags that a token asks for.

    Raises:
        InvalidIdentityToken: the claims are not of the documented form.
        InvalidParameterValue: no session may have such tags.
    """
    nested = claims.get(TAGS_CLAIM, {})
    if not isinstance(nested, dict) or not isinstance(nested.get("principal_tags", {}), dict):
        raise _malformed(TAGS_CLAIM)
    flat = {name.removeprefix(_FLAT_TAG): value for name, value in claims.items() if name.startswith(_FLAT_TAG)}
    given = [*nested.get("principal_tags", {}).items(), *flat.items()]
    tags = [Tag(key, _single(value)) for key, value in given]
    transitive = _texts(nested.get("transitive_tag_keys", [])) + _texts(claims.get(_FLAT_TRANSITIVE, []))
    if len(tags) > MAX_SESSION_TAGS or not all(map(is_sound, tags)):
        raise _malformed(TAGS_CLAIM)
    return plan_tags(tags, transitive, None)


def source_identity(claims: Mapping[str, Any]) -> str | None:
    """Return the source identity that a token asks for.

    Raises:
        InvalidIdentityToken: the claim is no text that one could be.
    """
    asked = claims.get(SOURCE_IDENTITY_CLAIM)
    if asked is None:
        return None
    if not isinstance(asked, str) or _SOURCE_IDENTITY.fullmatch(asked) is None:
        raise _malformed(SOURCE_IDENTITY_CLAIM)
    return asked


def _single(value: Any) -> str:
    texts = _texts(value)
    if len(texts) != 1:
        raise _malformed(TAGS_CLAIM)
    return texts[0]


def _texts(value: Any) -> list[str]:
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise _malformed(TAGS_CLAIM)
    return texts


def _malformed(claim: str) -> InvalidIdentityToken:
    return InvalidIdentityToken(f"The claim {claim} of the ID Token is not of the form that sessions need")
