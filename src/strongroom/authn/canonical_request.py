"""The canonical request and the string to sign of Signature Version 4, byte for byte as signers build them.

* Canonical request: method, canonical URI, canonical query, one line for each signed header, an empty
  line, the signed header list, the payload hash; line feeds between them.
* Canonical URI: dot segments and doubled slashes removed, a trailing slash kept, then percent-encoded
  once more, so that a `%20` on the wire becomes `%2520`. An empty path is `/`.
* Canonical query: each name and value decoded once, encoded with the unreserved set, sorted by encoded
  name, then by encoded value. A name without `=` has an empty value; `+` is a plus sign. A presigned
  request leaves out X-Amz-Signature and nothing else.
* Header value: trimmed, every inner run of white space one space, inside quotes too. A repeated header's
  values are joined by commas in the order of arrival.

Everything here is a function of its arguments; the AWS signing suite in tests/vectors holds for all of it.
"""

from __future__ import annotations

import hashlib
from operator import itemgetter
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, unquote_to_bytes

from strongroom.errors import InvalidSignatureException

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

ALGORITHM: Final = "AWS4-HMAC-SHA256"
TERMINATOR: Final = "aws4_request"


def canonical_uri(raw_path: bytes, *, normalize: bool = True) -> bytes:
    """Return the path as it is signed.

    Raises:
        InvalidSignatureException: the dot segments climb above the root.
    """
    if raw_path in (b"/", b""):
        return b"/"
    path = _without_dot_segments(raw_path) if normalize else raw_path
    return quote(path, safe="/").encode()


def _without_dot_segments(path: bytes) -> bytes:
    kept: list[bytes] = []
    for segment in path.split(b"/"):
        if segment == b"..":
            if not kept:
                raise InvalidSignatureException("The path of the request must not climb above its root.")
            kept.pop()
        elif segment not in (b"", b"."):
            kept.append(segment)
    trailing_slash = b"/" if kept and path.endswith(b"/") else b""
    return b"/" + b"/".join(kept) + trailing_slash


def canonical_query(query_string: bytes, *, presigned: bool = False) -> bytes:
    """Return the query string as it is signed."""
    if not query_string:
        return b""
    pairs = []
    for parameter in query_string.split(b"&"):
        name, _, value = parameter.partition(b"=")
        if parameter:
            pairs.append((quote(unquote_to_bytes(name), safe=""), quote(unquote_to_bytes(value), safe="")))
    if presigned:
        pairs = [pair for pair in pairs if pair[0] != "X-Amz-Signature"]
    return "&".join(f"{name}={value}" for name, value in sorted(pairs)).encode()


def joined_headers(pairs: Iterable[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """Return the headers by name, the values of a repeated one joined in the order of arrival."""
    joined: dict[bytes, bytes] = {}
    for name, value in pairs:
        trimmed = value.strip()
        joined[name] = joined[name] + b"," + trimmed if name in joined else trimmed
    return joined


class SignedHeaders:
    """The headers that a request says are signed: how they stand in canonical requests, worked out once."""

    __slots__ = ("_fenced", "_form", "_values", "listed", "names")

    def __init__(self, names: Sequence[bytes]) -> None:
        self.names = tuple(names)
        self.listed = b";".join(names)
        self._values = itemgetter(*names)
        self._fenced = b"|" + b"%b|" * len(names)
        self._form = b"".join(name.replace(b"%", b"%%") + b":%b\n" for name in names)

    def lines(self, headers: Mapping[bytes, bytes]) -> bytes:
        """Return a line for each, its value trimmed. Raises KeyError for one that is not among `headers`."""
        values = self._values(headers)
        if len((self._fenced % values).split()) > 1:  # some value holds white space
            values = tuple([b" ".join(headers[name].split()) for name in self.names])
        lines: bytes = self._form % values
        return lines


def canonical_request(
    method: str,
    uri: bytes,
    query: bytes,
    headers: Mapping[bytes, bytes],
    signed: SignedHeaders,
    payload_hash: str,
) -> bytes:
    """Return the canonical request of parts that are canonical already, except the header values.

    Raises:
        KeyError: a signed header is not among `headers`.
    """
    parts = method.encode(), uri, query, signed.lines(headers), signed.listed, payload_hash.encode()
    return b"\n".join(parts)


def string_to_sign(timestamp: str, scope: str, canonical: bytes) -> bytes:
    """Return what the signing key signs; `scope` is date/region/service/aws4_request."""
    return f"{ALGORITHM}\n{timestamp}\n{scope}\n{hashlib.sha256(canonical).hexdigest()}".encode()
