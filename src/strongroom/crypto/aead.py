"""AES-256-GCM with bound context; the only file that calls a cipher.

Rules (NIST SP 800-38D, SP 800-108; trap 33 of the dossier):
- The context (AAD) is an injective encoding: a format byte, an algorithm byte, a purpose, then every
  field with its length. No two different field lists encode alike, so a blob cannot be moved to another
  row, version, account or purpose.
- A blob starts with the same format byte; an unknown one is refused before any key is touched.
- `seal` is for keys that encrypt one message (data keys). `wrap` is for keys that encrypt many: it draws
  a 32-byte salt and derives a fresh key for each message, so the birthday bound of random nonces is
  never near.
- One error for every failure, and never a part of the plaintext.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC

from strongroom.entropy import Entropy
from strongroom.errors import TamperedError

KEY_BYTES: Final = 32

KEYS_KEPT: Final = 1_024
"""Long-lived keys that are kept ready to derive from: to begin with a key takes longer than all the rest."""

_FORMAT: Final = 1
_ALGORITHM: Final = 1  # AES-256-GCM, 96-bit nonce, 128-bit tag
_HEADER: Final = bytes([_FORMAT])
_NONCE_BYTES: Final = 12
_TAG_BYTES: Final = 16
_SALT_BYTES: Final = 32
_LENGTH_BYTES: Final = 4


def context(purpose: str, *fields: str | int) -> bytes:
    """Return the injective encoding of a purpose and its fields, for use as AAD."""
    return purpose_context(purpose, encode_fields(fields))


def encode_fields(fields: Sequence[str | int]) -> bytes:
    """Return the injective encoding of a context's fields, to be used for several purposes."""
    encoded = bytearray()
    for field in fields:
        text = str(field).encode()
        encoded += len(text).to_bytes(_LENGTH_BYTES, "big")
        encoded += text
    return bytes(encoded)


def purpose_context(purpose: str, encoded_fields: bytes) -> bytes:
    """Return the context of a purpose and the fields that `encode_fields` encoded."""
    return _context_start(purpose) + encoded_fields


@cache
def _context_start(purpose: str) -> bytes:
    return bytes((_FORMAT, _ALGORITHM)) + encode_fields((purpose,))


def derive(key: bytes, label: str, salt: bytes = b"") -> bytes:
    """Return a key for one purpose, derived from `key` by HKDF-Expand (RFC 5869, section 2.3)."""
    # A key of 32 bytes is the first block of the expansion, which is one HMAC.
    mac = _keyed(key).copy()
    mac.update(b"strongroom " + label.encode() + b"\0" + salt + b"\1")
    return mac.finalize()


@lru_cache(maxsize=KEYS_KEPT)
def _keyed(key: bytes) -> HMAC:
    return HMAC(key, SHA256())


def seal(key: bytes, plaintext: bytes, aad: bytes, entropy: Entropy) -> bytes:
    """Encrypt the one message of `key`. Never call it twice with a key."""
    nonce = entropy.token_bytes(_NONCE_BYTES)
    return _HEADER + nonce + AESGCM(key).encrypt(nonce, plaintext, aad)


def open_sealed(key: bytes, blob: bytes, aad: bytes) -> bytes:
    """Return the plaintext of `seal`.

    Raises:
        TamperedError: any difference in key, blob or context.
    """
    return opener(key, blob, aad)()


def opener(key: bytes, blob: bytes, aad: bytes) -> Callable[[], bytes]:
    """Return what opens a blob as `open_sealed` does, each time anew. It holds the key, not the plaintext.

    Raises:
        TamperedError: the blob has not the form of one.
    """
    if len(blob) < len(_HEADER) + _NONCE_BYTES + _TAG_BYTES or blob[0] != _FORMAT:
        raise TamperedError
    decrypt, nonce, ciphertext = AESGCM(key).decrypt, blob[1 : 1 + _NONCE_BYTES], blob[1 + _NONCE_BYTES :]

    def open_again() -> bytes:
        try:
            return decrypt(nonce, ciphertext, aad)
        except InvalidTag:
            raise TamperedError from None

    return open_again


def wrap(key: bytes, plaintext: bytes, aad: bytes, entropy: Entropy) -> bytes:
    """Encrypt one of many messages of a long-lived `key`, under a key derived for this message."""
    salt = entropy.token_bytes(_SALT_BYTES)
    return _HEADER + salt + seal(derive(key, "wrap", salt), plaintext, aad, entropy)


def unwrap(key: bytes, blob: bytes, aad: bytes) -> bytes:
    """Return the plaintext of `wrap`. Errors: as `open_sealed`."""
    body = len(_HEADER) + _SALT_BYTES
    if len(blob) < body or blob[0] != _FORMAT:
        raise TamperedError
    return open_sealed(derive(key, "wrap", blob[1:body]), blob[body:], aad)
