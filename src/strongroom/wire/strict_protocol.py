"""uvicorn's HTTP/1.1 protocol, closed where the parser below it leaves doors open.

* A target in absolute form (`POST http://other/`), with a fragment, or `*` is refused: the parser would
  quietly strip it down to a path.
* A request to upgrade the connection (WebSocket, h2c) or to tunnel (CONNECT) is refused.
* Request line and headers may take 64 KiB together.
* Headers must be complete 20 seconds after their first byte, and after a connection is made. How long a
  connection may idle between requests stays uvicorn's `timeout_keep_alive`.
* Trailers are refused: the parser would add them to the headers of a request already being answered.
* A request sent before the last one was answered (pipelining) is refused once that answer is out.
* What is refused, here or by the parser, gets an answer in AWS's JSON form, and the connection is closed.

The answer to a refusal never overtakes one that is due: it waits for the request before it.
"""

from __future__ import annotations

from email.utils import format_datetime
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, Final

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from strongroom import ids
from strongroom.clock import SystemClock
from strongroom.entropy import SystemEntropy
from strongroom.wire import faults
from strongroom.wire.http_guard import HttpRefused

if TYPE_CHECKING:
    import asyncio

MAX_HEAD_BYTES: Final = 65_536
HEADER_TIMEOUT: Final = 20.0
"""Seconds from the first byte of a request, or from the connection, to the end of its headers."""

LINGER: Final = 1.0
"""Seconds a refused connection is still read and ignored, so that the client gets to read the answer."""

_LINE_OVERHEAD: Final = 4

TLS_EXTENSION: Final = "strongroom.tls"
"""Name in an ASGI scope's extensions of the TLS version of its connection, such as TLSv1.3."""


class _Stage(Enum):
    """Where the parser stands in the stream of requests."""

    BETWEEN = auto()
    HEAD = auto()
    BODY = auto()
    REFUSED = auto()


class StrictHttpProtocol(HttpToolsProtocol):
    """Give it to uvicorn as `http=StrictHttpProtocol`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._stage = _Stage.BETWEEN
        self._received = 0
        self._head_bytes = 0
        self._is_answer_due = False
        self._timer: asyncio.TimerHandle | None = None
        self._refusal: HttpRefused | None = None
        self._tls_version: str | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        channel = transport.get_extra_info("ssl_object")
        self._tls_version = None if channel is None else channel.version()
        self._start_header_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """Let a connection go when it idles, else after its answer.

        The farewell of TLS would wait half a minute for a client that does not read, and keep the server up.
        """
        cycle: Any = self.cycle  # None before the first request, whatever uvicorn's type says
        is_idle = cycle is None or cycle.response_complete
        if is_idle and self._tls_version is not None and not self.transport.get_write_buffer_size():
            self.transport.abort()
        else:
            super().shutdown()

    def data_received(self, data: bytes) -> None:
        if self._stage is _Stage.REFUSED:
            return
        self._unset_keepalive_if_required()
        self._received = len(data)
        if self._stage is not _Stage.BODY:
            self._head_bytes += len(data)
        try:
            self.parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            # What a callback of ours raises comes back as the context of the parser's own error.
            cause = error.__context__
            self._refuse(cause if isinstance(cause, HttpRefused) else HttpRefused(400, "The request is not HTTP/1.1."))
            return
        # Empty lines before a request begin no message, but they count and they hold the connection.
        if self._stage is _Stage.HEAD or (self._stage is _Stage.BETWEEN and self._head_bytes):
            self._start_header_timer()
            if self._head_bytes > MAX_HEAD_BYTES:
                self._refuse(_too_large())

    # Parser callbacks

    def on_message_begin(self) -> None:
        if self._is_answer_due:
            raise HttpRefused(400, "A request must wait for the answer to the one before it.")
        self._stage = _Stage.HEAD
        # An upper bound: the bytes may have begun with the end of the last request.
        self._head_bytes = max(self._head_bytes, self._received)
        super().on_message_begin()
        if self._tls_version is not None:
            self.scope["extensions"] = {TLS_EXTENSION: {"version": self._tls_version}}

    def on_headers_complete(self) -> None:
        if self._head_bytes > MAX_HEAD_BYTES and self._exact_head_bytes() > MAX_HEAD_BYTES:
            raise _too_large()
        if self.parser.should_upgrade():
            raise HttpRefused(400, "The connection cannot be upgraded.")
        if not self.url.startswith(b"/") or b"#" in self.url:
            raise HttpRefused(400, "The request target must be in origin form.")
        super().on_headers_complete()
        self._stage = _Stage.BODY
        self._head_bytes = 0
        self._stop_timer()
        self._is_answer_due = True
        # The application holds the list filled so far; what the parser adds from here on are trailers.
        self.headers = []

    def on_message_complete(self) -> None:
        if self.headers:
            raise HttpRefused(400, "Trailers are not accepted.")
        self._stage = _Stage.BETWEEN
        super().on_message_complete()

    def on_response_complete(self) -> None:
        self._is_answer_due = False
        super().on_response_complete()
        if self._refusal is not None:
            self._unset_keepalive_if_required()
            self._answer(self._refusal)

    # Refusing

    def _exact_head_bytes(self) -> int:
        lines = sum(len(name) + len(value) + _LINE_OVERHEAD for name, value in self.headers)
        return len(self.parser.get_method()) + len(self.url) + len(" HTTP/1.1\r\n") + lines

    def _refuse(self, refusal: HttpRefused) -> None:
        is_in_body = self._stage is _Stage.BODY
        self._stage = _Stage.REFUSED
        self._stop_timer()
        self.logger.info("Refused: %s", refusal.reason)
        if not is_in_body and self._is_answer_due:
            self._refusal = refusal
        elif is_in_body and self.cycle.response_started:
            self.transport.close()
        else:
            if is_in_body:
                self.cycle.disconnected = True
                self.cycle.waiting_for_100_continue = False
                self.cycle.message_event.set()
            self._answer(refusal)

    def _answer(self, refusal: HttpRefused) -> None:
        if self.transport.is_closing():
            return
        self.transport.write(self._render(refusal))
        if not self.transport.can_write_eof():
            self.transport.close()
            return
        # Closed with bytes unread, the connection would be reset and the answer lost on its way.
        self.transport.write_eof()
        self.flow.resume_reading()
        self._timer = self.loop.call_later(LINGER, self.transport.close)

    def _render(self, refusal: HttpRefused) -> bytes:
        body = faults.body_of(refusal.error)
        headers = [
            *((name, value) for name, value in self.server_state.default_headers if name != b"date"),
            (b"date", format_datetime(SystemClock().now(), usegmt=True).encode()),
            (b"x-amzn-requestid", ids.random_uuid(SystemEntropy()).encode()),
            (b"content-type", b"application/x-amz-json-1.1"),
            (b"content-length", str(len(body)).encode()),
            (b"connection", b"close"),
        ]
        lines = b"".join(name + b": " + value + b"\r\n" for name, value in headers)
        return STATUS_LINE[refusal.status] + lines + b"\r\n" + body

    def _start_header_timer(self) -> None:
        if self._timer is None:
            self._timer = self.loop.call_later(HEADER_TIMEOUT, self._refuse_slow_headers)

    def _refuse_slow_headers(self) -> None:
        self._refuse(HttpRefused(408, "The headers of the request did not arrive in time."))

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _too_large() -> HttpRefused:
    return HttpRefused(431, f"Request line and headers must not exceed {MAX_HEAD_BYTES} bytes.")
