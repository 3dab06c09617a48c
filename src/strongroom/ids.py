"""Identifiers, all drawn from an `Entropy`."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from strongroom.entropy import Entropy

_ALPHANUMERIC = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_SECRET_KEY = _ALPHANUMERIC + "+/"

_VARIANT = {f"{digit:x}": f"{digit & 3 | 8:x}" for digit in range(16)}
"""The digit that tells the variant, for each that may be drawn in its place: its two upper bits are fixed."""

ARN_SUFFIX_LENGTH = 6
ACCESS_KEY_ID_LENGTH = 20
SECRET_ACCESS_KEY_LENGTH = 40
UNIQUE_ID_LENGTH = 21


def _draw(entropy: Entropy, alphabet: str, length: int) -> str:
    return "".join(alphabet[entropy.below(len(alphabet))] for _ in range(length))


def random_uuid(entropy: Entropy) -> str:
    """Return a version 4 UUID (RFC 9562): request ids, event ids, key ids."""
    text = entropy.public_bytes().hex()
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-{_VARIANT[text[16]]}{text[17:20]}-{text[20:]}"


def arn_suffix(entropy: Entropy) -> str:
    """Return the six characters that AWS appends to a secret's name in its ARN."""
    return _draw(entropy, _ALPHANUMERIC, ARN_SUFFIX_LENGTH)


def access_key_id(entropy: Entropy) -> str:
    """Return a long-term access key id: AKIA and sixteen base32 characters."""
    return "AKIA" + _draw(entropy, _BASE32, ACCESS_KEY_ID_LENGTH - 4)


def unique_id(entropy: Entropy, prefix: str) -> str:
    """Return the id that an identity keeps for good: its kind's prefix and seventeen base32 characters."""
    return prefix + _draw(entropy, _BASE32, UNIQUE_ID_LENGTH - len(prefix))


def secret_access_key(entropy: Entropy) -> str:
    """Return a secret access key: forty characters, 240 bits."""
    return _draw(entropy, _SECRET_KEY, SECRET_ACCESS_KEY_LENGTH)


_EVENTS = uuid.UUID("6f1d0f0e-2a52-4b0e-9f55-8a5d5a7f6c11")


def derived_event_id(*parts: str | int) -> str:
    """Return the event id of something that happens once: the same parts give the same id (RFC 9562, version 5).

    A background job that a crash makes run again writes events that can be told to be the same.
    """
    return str(uuid.uuid5(_EVENTS, "\n".join(map(str, parts))))
