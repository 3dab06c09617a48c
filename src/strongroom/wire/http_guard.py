"""HTTP requests that two readers could read differently are refused before anyone reads them.

Refused, whoever asks:

* a version other than HTTP/1.0 and HTTP/1.1, though the parser reads on;
* a target that is not in origin form (`/path?query`, printable ASCII);
* no Host in HTTP/1.1;
* a repeated Host, Authorization, Date, Content-Type, Content-Length, Transfer-Encoding or X-Amz-*;
* Transfer-Encoding beside Content-Length, or other than `chunked`; a Content-Length that is not all digits;
* a header name with an underscore (some readers take it for a hyphen) or with a byte no name may have;
* a control byte in a header value;
* bytes beyond ASCII where a signature is concerned: Authorization, dates, token, target, Host;
* more than 100 headers. How long headers and body may be stands here too; who reads them keeps to it.

The reasons name the rule and never repeat what was sent.
"""

from __future__ import annotations

import string
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from strongroom.errors import (
    BadRequestException,
    RequestEntityTooLargeException,
    RequestHeaderFieldsTooLargeException,
    RequestTimeoutException,
    ServiceError,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

MAX_HEADERS: Final = 100
MAX_HEAD_BYTES: Final = 65_536
"""Request line and headers together."""

MAX_BODY_BYTES: Final = 1_048_576
"""A value of 65,536 characters, each escaped in six bytes, fits more than twice."""

SETS_OF_NAMES_KEPT: Final = 64
"""Sets of header names that are known to be plain or not: a client sends the same ones again and again. One of them
has at most the 64 KiB of a head."""

_VERSIONS: Final = ("1.1", "1.0")
_BAD_REQUEST: Final = 400
_HEADER_FIELDS_TOO_LARGE: Final = 431
_ERRORS: Final[dict[int, type[ServiceError]]] = {
    400: BadRequestException,
    408: RequestTimeoutException,
    413: RequestEntityTooLargeException,
    431: RequestHeaderFieldsTooLargeException,
}
_NAME_BYTES: Final = (string.ascii_lowercase + string.digits + "!#$%&'*+-.^`|~").encode()
_VISIBLE: Final = bytes(range(0x21, 0x7F))
_CONTROLS: Final = bytes(byte for byte in (*range(0x20), 0x7F) if byte != ord("\t"))
_ONCE: Final = frozenset({b"authorization", b"content-length", b"content-type", b"date", b"host", b"transfer-encoding"})
_ASCII_ONLY: Final = (b"authorization", b"x-amz-date", b"x-amz-target", b"x-amz-security-token", b"date", b"host")


class HttpRefused(Exception):
    """The request is not answered by any operation; `status` and `reason` are what the client is told."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason

    @property
    def error(self) -> ServiceError:
        """The refusal as an error of the API."""
        return _ERRORS[self.status](self.reason)


def head_too_large() -> HttpRefused:
    return HttpRefused(431, f"Request line and headers must not exceed {MAX_HEAD_BYTES} bytes.")


def body_too_large() -> HttpRefused:
    return HttpRefused(413, f"The request body is longer than {MAX_BODY_BYTES} bytes.")


def check(
    method: str,
    raw_path: bytes,
    query_string: bytes,
    headers: Sequence[tuple[bytes, bytes]],
    http_version: str,
    by_name: Mapping[bytes, bytes] | None = None,
) -> bool:
    """Raise HttpRefused unless the request can be read in one way only.

    `by_name` are the headers by name, of whoever has them. Tell whether they leave out nothing and are all ASCII.
    """
    if by_name is None:
        by_name = dict(headers)
    is_usual = method == "POST" and raw_path == b"/" and not query_string and http_version in _VERSIONS
    if is_usual and len(by_name) == len(headers) and _are_plain(tuple(by_name)):
        values = b"".join(by_name.values())
        is_plain = values.isascii() and values.translate(None, _CONTROLS) == values
        if is_plain and by_name.get(b"content-length", b"0").isdigit():
            return True
    return _check_closely(method, raw_path, query_string, headers, by_name, http_version)


@lru_cache(maxsize=SETS_OF_NAMES_KEPT)
def _are_plain(names: tuple[bytes, ...]) -> bool:
    """Tell whether nothing is wrong with the headers of a request, whose names are these, if their values are plain."""
    return (
        len(names) <= MAX_HEADERS
        and b"host" in names
        and b"transfer-encoding" not in names
        and not _has_bad_name(names)
    )


def _check_closely(
    method: str,
    raw_path: bytes,
    query_string: bytes,
    headers: Sequence[tuple[bytes, bytes]],
    by_name: Mapping[bytes, bytes],
    http_version: str,
) -> bool:
    if http_version not in _VERSIONS:
        raise HttpRefused(_BAD_REQUEST, "The request is neither HTTP/1.1 nor HTTP/1.0.")
    if len(headers) > MAX_HEADERS:
        raise HttpRefused(_HEADER_FIELDS_TOO_LARGE, f"The request has more than {MAX_HEADERS} headers.")
    _require_plain_target(method, raw_path, query_string)
    values = b"".join([value for _, value in headers])
    _require_plain_headers(by_name, values)
    if len(by_name) != len(headers):
        _require_once([name for name, _ in headers])
    if b"host" not in by_name and http_version != "1.0":
        raise HttpRefused(_BAD_REQUEST, "The Host header is missing.")
    if not values.isascii():
        _require_ascii(by_name)
    _require_one_length(by_name)
    return len(by_name) == len(headers) and values.isascii()


def _require_plain_target(method: str, raw_path: bytes, query_string: bytes) -> None:
    if not (method.isascii() and method.isalpha() and method.isupper()):
        raise HttpRefused(_BAD_REQUEST, "The method must be a word in upper case.")
    if not raw_path.startswith(b"/"):
        raise HttpRefused(_BAD_REQUEST, "The request target must be in origin form.")
    if (raw_path + query_string).translate(None, _VISIBLE):
        raise HttpRefused(_BAD_REQUEST, "The request target must be printable ASCII.")


def _has_bad_name(names: Collection[bytes]) -> bool:
    return b"" in names or bool(b"".join(names).translate(None, _NAME_BYTES))


def _require_plain_headers(by_name: Mapping[bytes, bytes], values: bytes) -> None:
    if _has_bad_name(by_name):
        raise HttpRefused(_BAD_REQUEST, "A header name holds an underscore or a byte that is not allowed in names.")
    if len(values.translate(None, _CONTROLS)) != len(values):
        raise HttpRefused(_BAD_REQUEST, "A header value holds a control byte.")


def _require_ascii(by_name: Mapping[bytes, bytes]) -> None:
    for name in _ASCII_ONLY:
        if name in by_name and not by_name[name].isascii():
            raise HttpRefused(_BAD_REQUEST, f"The {name.decode().title()} header must be ASCII.")


def _require_once(names: Sequence[bytes]) -> None:
    seen: set[bytes] = set()
    for name in names:
        if name in seen and (name in _ONCE or name.startswith(b"x-amz-")):
            raise HttpRefused(_BAD_REQUEST, f"The {name.decode().title()} header must not be repeated.")
        seen.add(name)


def _require_one_length(by_name: Mapping[bytes, bytes]) -> None:
    length, encoding = by_name.get(b"content-length"), by_name.get(b"transfer-encoding")
    if length is not None and encoding is not None:
        raise HttpRefused(_BAD_REQUEST, "Transfer-Encoding and Content-Length exclude each other.")
    if length is not None and not length.isdigit():
        raise HttpRefused(_BAD_REQUEST, "Content-Length must be digits.")
    if encoding is not None and encoding.lower() != b"chunked":
        raise HttpRefused(_BAD_REQUEST, "Transfer-Encoding must be chunked.")
