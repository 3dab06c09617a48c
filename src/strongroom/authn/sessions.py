"""Temporary credentials: session tokens that carry everything about their session, sealed.

Rules:
- A token is a session's principal, its end and its secret access key, sealed by the keyring and bound to its
  key id. Nothing is stored, so any node can read it, and it cannot be made or changed outside.
- A key id of a session begins with ASIA and is worth nothing without the token (documented).
- A session lives until its end at most, and only for as long as the role or user it came from exists under
  the same unique id. Policies are read anew at each call: revoking a role's older sessions is a policy
  about `aws:TokenIssueTime`, as in AWS.
"""

from __future__ import annotations

import base64
import binascii
import zlib
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

import msgspec

from strongroom import ids
from strongroom.authn.access_keys import Sealer
from strongroom.authn.bounded_cache import BoundedCache
from strongroom.authn.credentials import SecretAccessKey
from strongroom.domain.principal import Principal
from strongroom.entropy import Entropy
from strongroom.errors import TamperedError

SESSION_KEY_PREFIX: Final = "ASIA"
MAX_TOKEN_CHARACTERS: Final = 16_384
"""Longest session token that is looked into."""

TOKENS_KEPT: Final = 1_024
"""Opened tokens that are kept; what a token says never changes."""

_PURPOSE: Final = "session token"


class _Claims(msgspec.Struct, frozen=True, array_like=True):
    principal: Principal
    expiration: datetime
    secret: str


@dataclass(frozen=True, slots=True)
class SessionKey:
    """The credentials of a session as the signature verifier wants them."""

    principal: Principal
    expiration: datetime
    session_token: str = field(repr=False)
    secret_access_key: SecretAccessKey = field(repr=False)
    revision: int = 0

    @property
    def access_key_id(self) -> str:
        return self.principal.access_key_id


@dataclass(frozen=True, slots=True)
class IssuedCredentials:
    """What is handed out, this once."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str = field(repr=False)
    expiration: datetime


class SessionTokens:
    """Makes and opens session tokens."""

    def __init__(self, sealer: Sealer, entropy: Entropy) -> None:
        self._sealer = sealer
        self._entropy = entropy
        self._opened: BoundedCache[tuple[str, str], SessionKey] = BoundedCache(TOKENS_KEPT)

    def issue(self, principal: Principal, expiration: datetime) -> IssuedCredentials:
        """Return credentials for a principal, whose own key id is replaced by that of the session."""
        key_id = SESSION_KEY_PREFIX + ids.access_key_id(self._entropy)[len(SESSION_KEY_PREFIX) :]
        secret = ids.secret_access_key(self._entropy)
        claims = _Claims(replace(principal, access_key_id=key_id), expiration, secret)
        packed = zlib.compress(msgspec.msgpack.encode(claims))
        token = base64.b64encode(self._sealer.seal(_PURPOSE, packed, key_id)).decode()
        return IssuedCredentials(key_id, secret, token, expiration)

    def open(self, access_key_id: str, token: str | None) -> SessionKey | None:
        """Return the session of a key id and its token; None for a token that is not ours, or not this key's."""
        if token is None or len(token) > MAX_TOKEN_CHARACTERS:
            return None
        known = self._opened.find((access_key_id, token))
        if known is not None:
            return known
        try:
            blob = base64.b64decode(token, validate=True)
            packed = self._sealer.open(_PURPOSE, blob, access_key_id)
        except (binascii.Error, ValueError, TamperedError):
            return None
        claims = msgspec.msgpack.decode(zlib.decompress(packed), type=_Claims)
        session = SessionKey(claims.principal, claims.expiration, token, SecretAccessKey(claims.secret))
        self._opened.keep((access_key_id, token), session)
        return session
