"""/metrics on an address of its own, for a network that clients of the server do not reach.

One answer per connection, in plain HTTP; what is no GET of /metrics gets a 404. A request has five seconds and
eight kibibytes to arrive.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Final

from strongroom.errors import OperatorError
from strongroom.wire.edge import METRICS, Probes
from strongroom.wire.exchange import Answer

REQUEST_SECONDS: Final = 5.0
MAX_HEAD: Final = 8_192

_REASONS: Final = {200: "OK", 401: "Unauthorized", 404: "Not Found"}


class MetricsListener:
    """Answers on the loop; the numbers are put together beside it."""

    def __init__(self, address: tuple[str, int], probes: Probes) -> None:
        self._address = address
        self._probes = probes
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen. Raises OperatorError if the address cannot be had."""
        host, port = self._address
        try:
            self._server = await asyncio.start_server(self._answer, host, port, limit=MAX_HEAD)
        except OSError as error:
            raise OperatorError(
                f"Cannot listen for /metrics on {host}, port {port}.",
                why=str(error),
                next_step="stop what uses the port, or give metrics_listen another one",
            ) from error

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            async with asyncio.timeout(REQUEST_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
                writer.write(_as_bytes(await asyncio.to_thread(self._told, head)))
                await writer.drain()
        writer.close()

    def _told(self, head: bytes) -> Answer:
        request_line, *lines = head.split(b"\r\n")
        method, _, rest = request_line.partition(b" ")
        path = rest.partition(b" ")[0].decode("latin-1")
        headers = [(name.strip().lower(), value.strip()) for name, _, value in (line.partition(b":") for line in lines)]
        told = self._probes.measured(headers) if (method, path) == (b"GET", METRICS) else None
        return told or Answer(404, [], b"")


def _as_bytes(answer: Answer) -> bytes:
    headers = [*answer.headers, (b"Content-Length", b"%d" % len(answer.body)), (b"Connection", b"close")]
    lines = [b"HTTP/1.1 %d %s" % (answer.status, _REASONS[answer.status].encode())]
    return b"\r\n".join([*lines, *(name + b": " + value for name, value in headers)]) + b"\r\n\r\n" + answer.body
