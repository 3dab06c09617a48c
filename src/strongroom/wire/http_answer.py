"""Answers as bytes: status line, the server's headers, the answer's own in lower case, its length, its body.

A header that holds a control byte never leaves: it would let a value pass for further headers.
"""

from __future__ import annotations

import string
from http import HTTPStatus
from typing import Final

from strongroom.wire.exchange import Answer

CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"

_STATUS_LINES: Final = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}
_CONTROLS: Final = bytes(byte for byte in (*range(0x20), 0x7F) if byte != ord("\t"))
_NAME_BYTES: Final = (string.ascii_letters + string.digits + "-").encode()
_PREFIXES: Final = {name: name.lower() + b": " for name in (b"x-amzn-RequestId", b"Content-Type", b"Connection")}


def render(answer: Answer, server_lines: bytes, *, says_close: bool, is_head: bool) -> bytes:
    """Return the bytes of an answer.

    `says_close` adds `connection: close`; `is_head` leaves out the body, whose length is told all the same.

    Raises:
        ValueError: a header cannot be sent.
    """
    parts = [_STATUS_LINES[answer.status], server_lines]
    for name, value in answer.headers:
        if value.translate(None, _CONTROLS) != value:
            raise ValueError("a header value of an answer holds a control byte")
        parts += (_PREFIXES.get(name) or _prefix(name), value, b"\r\n")
    body = answer.body
    parts += (
        (b"content-length: %d\r\nconnection: close\r\n\r\n" if says_close else b"content-length: %d\r\n\r\n")
        % len(body),
        b"" if is_head else body,
    )
    return b"".join(parts)


def _prefix(name: bytes) -> bytes:
    if not name or name.translate(None, _NAME_BYTES):
        raise ValueError("a header name of an answer holds a byte that is not allowed in names")
    return name.lower() + b": "
