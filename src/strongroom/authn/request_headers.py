"""Which headers of a request Signature Version 4 minds: what stands once, what is ASCII, what must be signed.

A server acts upon host, the date, content-type, every x-amz-* and x-k8s-* header: those must be signed. Nothing may
be said to be signed that was not sent. Names are in lower case.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from strongroom.authn.canonical_request import joined_headers
from strongroom.errors import IncompleteSignatureException, InvalidSignatureException

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from strongroom.authn.authorization_header import Authorization

_CONDITIONAL: Final = frozenset({b"content-type", b"date"})
_ALWAYS_SIGNED: Final = (b"x-amz-", b"x-k8s-")
"""Beginnings of names; x-k8s-aws-id names the cluster that a proof is for."""

_ONCE: Final = frozenset({b"authorization", b"content-length", b"content-type", b"date", b"host"})
_ASCII_ONLY: Final = (b"authorization", b"x-amz-date", b"x-amz-target", b"x-amz-security-token", b"date")


def read_headers(pairs: Sequence[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """Return the headers by name.

    Raises:
        IncompleteSignatureException: one that must not be is repeated, or is not ASCII.
    """
    headers = dict(pairs)
    if len(headers) != len(pairs):
        headers = joined_headers(pairs)
        _require_once(pairs)
    if not b"".join(headers.values()).isascii():
        for name in _ASCII_ONLY:
            if name in headers and not headers[name].isascii():
                raise IncompleteSignatureException(f"'{_title(name)}' must be ASCII.")
    return headers


def require_signed(
    headers: Mapping[bytes, bytes],
    authorization: Authorization,
    fixed_content_type: bytes | None,
    *,
    is_presigned: bool,
) -> None:
    """Raise InvalidSignatureException unless those are signed that must be, and were sent.

    `fixed_content_type` is the one that need not be signed, if there is one.
    """
    signed = authorization.signed
    if not authorization.is_list_well_formed:
        raise InvalidSignatureException("'SignedHeaders' must be in lower case, sorted and without repetition.")
    if b"host" not in signed:
        raise InvalidSignatureException(_unsigned("Host' or ':authority"))
    for name in headers:
        if name not in signed and (name in _CONDITIONAL or name.startswith(_ALWAYS_SIGNED)):
            is_unread_date = name == b"date" and (is_presigned or b"x-amz-date" in headers)
            is_fixed_type = name == b"content-type" and headers[name].strip() == fixed_content_type
            if not (is_unread_date or is_fixed_type):
                raise InvalidSignatureException(_unsigned(_title(name)))
    if not signed <= headers.keys():
        absent = next(name for name in authorization.signed_headers.names if name not in headers)
        raise InvalidSignatureException(f"'{_title(absent)}' is a 'SignedHeader' but not part of the request.")


def rest_on_names_alone(names: Sequence[bytes], authorization: Authorization) -> bool:
    """Tell whether `require_signed` comes to the same whatever the headers of these names hold."""
    # Whether a content type may be unsigned depends on what it is.
    return b"content-type" not in names or b"content-type" in authorization.signed


def _require_once(pairs: Sequence[tuple[bytes, bytes]]) -> None:
    seen: set[bytes] = set()
    for name, _ in pairs:
        # One reader takes the first, another the last: the one that is signed need not be the one obeyed.
        if name in seen and (name in _ONCE or name.startswith(_ALWAYS_SIGNED)):
            raise IncompleteSignatureException(f"'{_title(name)}' must not be repeated.")
        seen.add(name)


def _unsigned(name: str) -> str:
    return f"'{name}' must be a 'SignedHeader' in the AWS Authorization."


def _title(name: bytes) -> str:
    return name.decode("latin-1").title()
