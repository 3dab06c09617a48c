"""An access key as the signature verifier sees it; whatever else a key has is its owner's business."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Never, Protocol

from strongroom.authn.canonical_request import TERMINATOR

if TYPE_CHECKING:
    from datetime import datetime


class SecretAccessKey:
    """A secret access key in memory: it derives signing keys, and gives itself away to nobody."""

    __slots__ = ("_seed",)

    def __init__(self, secret: str) -> None:
        self._seed = b"AWS4" + secret.encode()

    def signing_key(self, date: str, region: str, service: str) -> bytes:
        """Return the key that signs for one day (YYYYMMDD), region and service."""
        key = self._seed
        for element in (date, region, service, TERMINATOR):
            key = hmac.digest(key, element.encode(), "sha256")
        return key

    def __repr__(self) -> str:
        return "SecretAccessKey(REDACTED)"

    def __reduce__(self) -> Never:
        raise TypeError("a SecretAccessKey does not leave the process")


class Credentials(Protocol):
    """What the verifier needs to know of an access key; the object found is handed back in `Verified`."""

    @property
    def access_key_id(self) -> str: ...

    @property
    def secret_access_key(self) -> SecretAccessKey: ...

    @property
    def revision(self) -> int:
        """Another number whenever the secret may be another: after a change of state, after re-creation."""
        ...

    @property
    def session_token(self) -> str | None:
        """The token that must come along; None for a long-term key, with which none may come."""
        ...

    @property
    def expiration(self) -> datetime | None: ...


@dataclass(frozen=True, slots=True)
class AccessKey:
    """The plainest `Credentials`."""

    access_key_id: str
    secret_access_key: SecretAccessKey
    revision: int = 1
    session_token: str | None = field(default=None, repr=False)
    expiration: datetime | None = None
