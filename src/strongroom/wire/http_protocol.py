"""HTTP/1.1 on one connection: bytes to a whole request for the edge, and its answer back to bytes.

`http_server` accepts the connections and tells them to stop; llhttp parses. What stands between is here, and
strict where the parser leaves doors open:

* A target in absolute form (`POST http://other/`), with a fragment, or `*` is refused: the parser would
  quietly strip it down to a path.
* A request to upgrade the connection (WebSocket, h2c) or to tunnel (CONNECT) is refused.
* Request line and headers may take 64 KiB together, and must be complete 20 seconds after their first
  byte, and after a connection is made.
* A body may take 1 MiB and 30 seconds. One that is declared longer is refused before it is read; a client
  that asks first (`Expect: 100-continue`) is told to continue only with one that will be read.
* Trailers are refused: the parser would add them to the headers of a request already read.
* A request sent before the last one was answered (pipelining) is refused once that answer is out.
* What is refused, here or by the parser, gets an answer in AWS's JSON form, and the connection is closed:
  its sending half at once, all of it when the client has left, or has had time to read the answer.
* While a client does not read its answers, its further requests are not read either.

A request is handed on when it is complete, and answered in the same turn of the loop if the edge can: no task, no
coroutine. Answers of one turn leave together (`outbox`). The answer to a refusal never overtakes one that is due.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from typing import TYPE_CHECKING, Final

import httptools

from strongroom.wire.deadline import Deadline
from strongroom.wire.edge import CLOSE
from strongroom.wire.exchange import HttpRequest
from strongroom.wire.http_answer import CONTINUE, render
from strongroom.wire.http_guard import MAX_BODY_BYTES, MAX_HEAD_BYTES, HttpRefused, body_too_large, head_too_large

if TYPE_CHECKING:
    from strongroom.wire.exchange import Answer, Headers, Ready
    from strongroom.wire.http_server import HttpServer

HEADER_TIMEOUT: Final = 20.0
"""Seconds from the first byte of a request, or from the connection, to the end of its headers."""

BODY_TIMEOUT: Final = 30.0
"""Seconds from the end of the headers to the end of the body."""

LINGER: Final = 2.0
"""Seconds a refused connection is still read and ignored, so that the client gets to read the answer."""

MAX_IGNORED_BYTES: Final = 16 * MAX_BODY_BYTES
"""What a refused client may still send meanwhile, and what a body may take with the sizes of its chunks."""

_PLAIN_LINE: Final = b"POST / HTTP/1.1\r\n"
_PLAIN: Final = ("POST", b"/", b"", "1.1")
"""What `_PLAIN_LINE` says. Every call of an operation begins with it; the parser need not be asked then."""

_LINE_OVERHEAD: Final = 4

# Where a connection stands. Plain integers, in this order: these are compared for every read.
_IDLE: Final = 0  # between requests: nothing of the next one has come
_HEAD: Final = 1  # the headers of a request are awaited
_BODY: Final = 2
_COMPLETE: Final = 3
_ANSWERING: Final = 4
_REFUSING: Final = 5  # as before, and what followed the request will be refused
_REFUSED: Final = 6  # the refusal is out; what comes is ignored
_CLOSED: Final = 7

logger = logging.getLogger(__name__)


class HttpProtocol(asyncio.Protocol):
    """One connection of a server."""

    __slots__ = (
        "_body",
        "_deadline",
        "_edge",
        "_feed",
        "_head_bytes",
        "_header_count",
        "_headers",
        "_ignored",
        "_is_plain",
        "_keeps_alive",
        "_line",
        "_parser",
        "_refusal",
        "_server",
        "_source_ip",
        "_stage",
        "_tls_version",
        "_transport",
        "_unsent",
        "_url",
        "tasks",
    )

    def __init__(self, server: HttpServer, loop: asyncio.AbstractEventLoop) -> None:
        self._edge = server.edge
        self._server = server
        self.tasks = server.tasks
        self._parser = httptools.HttpRequestParser(self)
        self._feed = self._parser.feed_data

        self._stage = _HEAD
        self._deadline = Deadline(loop, self._is_late)
        self._unsent = sys.maxsize
        self._ignored = 0
        self._refusal: HttpRefused | None = None

        self._line = _PLAIN
        self._is_plain = self._keeps_alive = False
        self._url = b""
        self._headers: Headers = []
        self._head_bytes = self._header_count = 0
        self._body: bytes | bytearray = b""

    # The connection

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._transport = transport
        self._server.connections.add(self)
        address = transport.get_extra_info("peername")
        self._source_ip = str(address[0]) if isinstance(address, tuple) else ""
        channel = transport.get_extra_info("ssl_object")
        self._tls_version = None if channel is None else channel.version()
        self._deadline.set(HEADER_TIMEOUT)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self._stage = _CLOSED
        self._server.connections.discard(self)
        self._deadline.forget()
        self._forget()
        del self._parser, self._feed, self._deadline  # they hold this connection as it holds them

    def eof_received(self) -> bool:
        """Keep the connection for an answer that is due, unless it has TLS, which does not end by halves."""
        if self._stage in (_ANSWERING, _REFUSING) and self._tls_version is None:
            self._keeps_alive = False
            return True
        self._stage = _CLOSED  # the transport closes itself after this
        return False

    def pause_writing(self) -> None:
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        self._unsent = sys.maxsize
        self._transport.resume_reading()

    def shutdown(self) -> None:
        """Let a connection go when it idles, else after its answer.

        The farewell of TLS would wait half a minute for a client that does not read, and keep the server up.
        """
        if _BODY <= self._stage <= _REFUSING:
            self._keeps_alive = False
        elif self._tls_version is not None and not self._transport.get_write_buffer_size():
            self._stage = _CLOSED
            self._transport.abort()
        else:
            self._close()

    def abandon(self) -> None:
        """Let a connection go whatever is due to it."""
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        before = self._stage
        if before >= _REFUSING:
            self._ignore(len(data))
            return
        if not self._head_bytes:
            self._is_plain = data.startswith(_PLAIN_LINE)
        self._head_bytes += len(data)
        try:
            self._feed(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._refuse(_refusal_of(error))
            return
        if self._stage == _COMPLETE:
            self._answer()
        else:
            self._await_more(before)

    # Parser callbacks

    def on_message_begin(self) -> None:
        if self._stage > _BODY:
            raise HttpRefused(400, "A request must wait for the answer to the one before it.")

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        if self._head_bytes > MAX_HEAD_BYTES and self._exact_head_bytes() > MAX_HEAD_BYTES:
            raise head_too_large()
        parser = self._parser
        if parser.should_upgrade():
            raise HttpRefused(400, "The connection cannot be upgraded.")
        self._keeps_alive = parser.should_keep_alive()
        self._line = _PLAIN if self._is_plain else self._request_line()
        self._header_count = len(self._headers)
        self._stage = _BODY

    def on_body(self, body: bytes) -> None:
        if not self._body:
            self._body = body
        else:
            if isinstance(self._body, bytes):
                self._body = bytearray(self._body)
            self._body += body
        if len(self._body) > MAX_BODY_BYTES:
            raise body_too_large()

    def on_message_complete(self) -> None:
        if len(self._headers) != self._header_count:
            raise HttpRefused(400, "Trailers are not accepted.")
        self._stage = _COMPLETE

    def _exact_head_bytes(self) -> int:
        lines = sum(len(name) + len(value) + _LINE_OVERHEAD for name, value in self._headers)
        return len(self._parser.get_method()) + len(self._url) + len(" HTTP/1.1\r\n") + lines

    def _request_line(self) -> tuple[str, bytes, bytes, str]:
        if not self._url.startswith(b"/") or b"#" in self._url:
            raise HttpRefused(400, "The request target must be in origin form.")
        target = httptools.parse_url(self._url)
        version = self._parser.get_http_version()
        if version == "1.0":
            self._keeps_alive = False
        return self._parser.get_method().decode("ascii"), target.path, target.query or b"", version

    # Requests

    def _await_more(self, before: int) -> None:
        """Look at what is there of a request that is not complete, and at what it may still take."""
        if self._stage == _BODY:
            if before != _BODY:
                self._begin_body()
            elif self._head_bytes > MAX_IGNORED_BYTES:
                self._refuse(body_too_large())
            return
        # Empty lines before a request begin no message, but they count and they hold the connection.
        if self._stage == _IDLE:
            self._stage = _HEAD
            self._deadline.set(HEADER_TIMEOUT)
        if self._head_bytes > MAX_HEAD_BYTES:
            self._refuse(head_too_large())

    def _begin_body(self) -> None:
        is_asked = False
        for name, value in self._headers:
            if name == b"content-length" and int(value) > MAX_BODY_BYTES:
                self._refuse(body_too_large())
                return
            if name == b"expect" and value.lower() == b"100-continue" and self._line[3] != "1.0":
                is_asked = True
        self._head_bytes = 0  # from here on those of the body
        self._deadline.set(BODY_TIMEOUT)
        if is_asked:
            self._transport.write(CONTINUE)

    def _answer(self) -> None:
        method, raw_path, query_string, version = self._line
        headers, body = self._headers, self._body
        self._stage = _ANSWERING
        self._head_bytes = 0
        self._forget()
        request = HttpRequest(
            method,
            raw_path,
            query_string,
            headers,
            body if isinstance(body, bytes) else bytes(body),
            self._source_ip,
            version,
            self._tls_version,
        )
        answer = self._edge.begin(request, self)
        if answer is not None:
            self._server.outbox.put(self._send, answer)

    def respond(self, answer: Ready) -> None:
        """Send an answer that was waited for."""
        self._server.outbox.put(self._send, answer)

    def _send(self, answer: Answer) -> None:
        if self._stage not in (_ANSWERING, _REFUSING) or self._transport.is_closing():
            return  # the client has left
        is_last = CLOSE in answer.headers
        try:
            says_close, is_head = not (self._keeps_alive or is_last), self._line[0] == "HEAD"
            content = render(answer, self._server.lines, says_close=says_close, is_head=is_head)
        except Exception as error:  # noqa: BLE001 - a caller is owed an answer
            is_last, content = True, self._refusal_bytes(error)
        self._transport.write(content)
        if is_last or not self._keeps_alive:
            self._close()
        elif self._refusal is not None:
            self._write_refusal(self._refusal)
        else:
            self._stage = _IDLE
            self._head_bytes = 0
            self._deadline.set(self._server.keep_alive)

    def _refusal_bytes(self, error: Exception) -> bytes:
        return render(self._edge.refused(error), self._server.lines, says_close=False, is_head=False)

    def _forget(self) -> None:
        """Let go of a request: it may hold a secret, and the connection may idle for long."""
        self._headers, self._url, self._body = [], b"", b""

    # Refusing

    def _refuse(self, refusal: HttpRefused) -> None:
        logger.debug("Refused: %s", refusal.reason)
        if self._stage == _COMPLETE:
            self._answer()
        if self._stage == _ANSWERING:
            self._stage, self._refusal = _REFUSING, refusal
        elif self._stage != _CLOSED:
            self._write_refusal(refusal)

    def _write_refusal(self, refusal: HttpRefused) -> None:
        self._stage = _REFUSED
        self._forget()
        self._transport.write(self._refusal_bytes(refusal.error))
        # Closed with bytes unread, the connection would be reset and the answer lost on its way.
        if self._transport.can_write_eof():
            self._transport.write_eof()
        self._transport.resume_reading()
        self._deadline.set(LINGER)

    def _ignore(self, count: int) -> None:
        self._ignored += count
        if self._stage == _REFUSED and self._ignored > MAX_IGNORED_BYTES:
            self._close()

    def _close(self) -> None:
        self._stage = _CLOSED
        self._deadline.set(self._server.keep_alive)
        self._transport.close()

    # Time

    def _is_late(self) -> None:
        """Act on a deadline that has passed."""
        if self._stage in (_ANSWERING, _REFUSING):  # how long an answer takes is not for the connection to say
            self._deadline.set(self._server.keep_alive)
        elif self._stage == _HEAD:
            self._refuse(HttpRefused(408, "The headers of the request did not arrive in time."))
        elif self._stage == _BODY:
            self._refuse(HttpRefused(408, "The request body did not arrive in time."))
        else:
            self._part()

    def _part(self) -> None:
        """Close a connection whose time is over; one that still reads a long answer gets more."""
        unsent = self._transport.get_write_buffer_size()
        if 0 < unsent < self._unsent:
            self._unsent = unsent
            self._deadline.set(self._server.keep_alive)
        elif unsent or self._stage == _CLOSED:
            self._transport.abort()
        else:
            self._close()


def _refusal_of(error: Exception) -> HttpRefused:
    """Return what the parser's error says; what a callback of ours raises is the context of one."""
    cause = error.__context__
    if isinstance(cause, HttpRefused):
        return cause
    if cause is not None and not isinstance(cause, httptools.HttpParserError):
        logger.error("A request could not be read", exc_info=cause)
    return HttpRefused(400, "The request is not HTTP/1.1.")
