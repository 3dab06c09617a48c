"""Signature Version 4 in the query string: a request that is signed now and sent later, maybe by another.

Clients of STS prove who they are with one: a presigned GetCallerIdentity is handed to a server, which sends
it and learns from the answer whose it is.

* X-Amz-Algorithm, -Credential, -Signature, -SignedHeaders and -Date must all be there; all that are missing
  are named together (recorded). X-Amz-Expires and X-Amz-Security-Token may be.
* Each stands once, and is ASCII. What stands there must not come as a header as well: of two copies, the
  one that is signed need not be the one obeyed.
* It is a GET without a body: what is to be done stands in the URL, all of which is signed.
* X-Amz-Expires is 1 to 604,800 seconds (documented); the request is valid until then, exclusively, and never
  for longer than its service accepts. AWS's STS ignores it in favour of its own 15 minutes (recorded); here
  the signer may ask for less.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote_to_bytes

import msgspec

from strongroom.authn.authorization_header import Authorization, authorization_of
from strongroom.errors import IncompleteSignatureException, InvalidSignatureException

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_AGE: Final = timedelta(minutes=15)
"""How old a presigned request may be for STS (recorded)."""

MAX_EXPIRES: Final = 604_800
"""Longest X-Amz-Expires, in seconds."""

_ALGORITHM: Final = "X-Amz-Algorithm"
_REQUIRED: Final = (_ALGORITHM, "X-Amz-Credential", "X-Amz-Signature", "X-Amz-SignedHeaders", "X-Amz-Date")
_EXPIRES: Final = "X-Amz-Expires"
_TOKEN: Final = "X-Amz-Security-Token"
_READ: Final = frozenset({*_REQUIRED, _EXPIRES, _TOKEN})
_SECONDS: Final = re.compile(r"[0-9]{1,6}")


class Presigned(msgspec.Struct, frozen=True):
    """What the query string says about its own signature."""

    authorization: Authorization
    signature: str
    date: str
    lifetime: timedelta | None
    token: bytes | None

    def require_unexpired(self, request_time: datetime, now: datetime) -> None:
        """Raise InvalidSignatureException once the lifetime that the signer gave the request is over."""
        if self.lifetime is not None and now >= request_time + self.lifetime:
            raise InvalidSignatureException(
                f"Signature expired: {self.date} was valid for {self.lifetime // timedelta(seconds=1)} seconds, "
                f"as '{_EXPIRES}' says."
            )


def is_presigned(query_string: bytes) -> bool:
    return any(name == _ALGORITHM for name, _ in _pairs(query_string))


def parse_presigned(query_string: bytes) -> Presigned:
    """Return what a presigned request says about its signature.

    Raises:
        IncompleteSignatureException: a parameter is missing, repeated or not what it must be.
    """
    found: dict[str, str] = {}
    for name, value in _pairs(query_string):
        if name in _READ:
            if name in found:
                raise IncompleteSignatureException(f"The query-string parameter '{name}' must not be repeated.")
            if not value.isascii():
                raise IncompleteSignatureException(f"The query-string parameter '{name}' must be ASCII.")
            found[name] = value.decode()
    missing = [f"AWS query-string parameters must include '{name}'." for name in _REQUIRED if not found.get(name)]
    if missing:
        raise IncompleteSignatureException(" ".join((*missing, "Re-examine the query-string parameters.")))
    return Presigned(
        authorization=authorization_of(found[_ALGORITHM], found["X-Amz-Credential"], found["X-Amz-SignedHeaders"]),
        signature=found["X-Amz-Signature"],
        date=found["X-Amz-Date"],
        lifetime=_parse_lifetime(found[_EXPIRES]) if _EXPIRES in found else None,
        token=found[_TOKEN].encode() if _TOKEN in found else None,
    )


def require_bare_get(method: str, headers: Mapping[bytes, bytes], body: bytes) -> None:
    """Raise InvalidSignatureException unless all that a presigned request says stands in its URL."""
    if method != "GET" or body:
        raise InvalidSignatureException("A presigned request must be a GET without a body.")
    for name in _READ:
        if name.lower().encode() in headers:
            raise InvalidSignatureException(f"Found '{name}' as HTTP header of a presigned request.")


def _pairs(query_string: bytes) -> list[tuple[str, bytes]]:
    """Return names and values as `canonical_query` reads them."""
    pairs = (parameter.partition(b"=") for parameter in query_string.split(b"&"))
    return [(unquote_to_bytes(name).decode("latin-1"), unquote_to_bytes(value)) for name, _, value in pairs]


def _parse_lifetime(text: str) -> timedelta:
    if _SECONDS.fullmatch(text) is not None and 1 <= int(text) <= MAX_EXPIRES:
        return timedelta(seconds=int(text))
    raise IncompleteSignatureException(f"'{_EXPIRES}' must be a number of seconds from 1 to {MAX_EXPIRES}.")
