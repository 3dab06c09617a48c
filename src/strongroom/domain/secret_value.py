"""A secret's value: text or bytes, never both, never printed."""

from __future__ import annotations

import hmac
from enum import StrEnum
from typing import Final, Never

from strongroom.errors import InvalidParameterException, InvalidRequestException, ValidationException

MAX_VALUE_BYTES: Final = 65_536
"""AWS's quota for one encrypted value, in bytes of UTF-8 for text."""


_MOST_BYTES_OF_A_CHARACTER: Final = 4
"""In UTF-8."""


class ValueKind(StrEnum):
    """Which member carried the value. The text is stored; never change it."""

    STRING = "string"
    BINARY = "binary"


class SecretValue:
    """Plaintext in memory. `repr`, `str`, `format` and pickling do not give it away; `reveal` does."""

    __slots__ = ("_plaintext", "kind")

    def __init__(self, kind: ValueKind, plaintext: bytes) -> None:
        self.kind = kind
        self._plaintext = plaintext

    @classmethod
    def from_text(cls, text: str) -> SecretValue:
        return cls(ValueKind.STRING, text.encode())

    @classmethod
    def from_bytes(cls, value: bytes) -> SecretValue:
        return cls(ValueKind.BINARY, value)

    def reveal(self) -> bytes:
        """Return the plaintext. Only `crypto` and the operations that answer with values may call this."""
        return self._plaintext

    def __eq__(self, other: object) -> bool:
        """Compare kind and bytes, the latter in constant time."""
        if not isinstance(other, SecretValue):
            return NotImplemented
        return self.kind is other.kind and hmac.compare_digest(self._plaintext, other._plaintext)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"SecretValue({self.kind}, REDACTED)"

    def __reduce__(self) -> Never:
        raise TypeError("a SecretValue does not leave the process")


def require_one(text: str | None, binary: bytes | None) -> None:
    """Refuse two values.

    Raises:
        InvalidParameterException: both members are present (reported from the real service).
    """
    if text is not None and binary is not None:
        raise InvalidParameterException(
            "You can't specify both a binary secret value and a string secret value in the same secret."
        )


def choose(text: str | None, binary: bytes | None) -> SecretValue | None:
    """Return the one value given, or None. Errors: as `require_one`."""
    require_one(text, binary)
    if text is not None:
        return SecretValue.from_text(text)
    return None if binary is None else SecretValue.from_bytes(binary)


def require_size(text: str | None) -> None:
    """Refuse text of more than 65,536 bytes in UTF-8: the member's limit counts characters, the quota bytes.

    Raises:
        ValidationException: as for any other violated limit of a member.
    """
    if text is None or len(text) <= MAX_VALUE_BYTES // _MOST_BYTES_OF_A_CHARACTER:
        return
    if len(text.encode()) > MAX_VALUE_BYTES:
        raise ValidationException(
            "1 validation error detected: Value at 'secretString' failed to satisfy constraint: "
            f"Member must have length less than or equal to {MAX_VALUE_BYTES}"
        )


def is_given(text: str | None, binary: bytes | None) -> bool:
    """Tell whether a request carries a value, even one that `choose` refuses."""
    return text is not None or binary is not None


def require(value: SecretValue | None) -> SecretValue:
    """Return the value, or refuse a PutSecretValue that has none (text seen in emulators only)."""
    if value is None:
        raise _none_given()
    return value


def require_given(text: str | None, binary: bytes | None) -> None:
    """Refuse a PutSecretValue without a value, before one is made of it."""
    if not is_given(text, binary):
        raise _none_given()


def _none_given() -> InvalidRequestException:
    return InvalidRequestException("You must provide either SecretString or SecretBinary.")
