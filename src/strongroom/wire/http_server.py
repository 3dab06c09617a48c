"""Connections accepted and let go: a listening socket, a protocol for each client, the Date header, the stop.

Rules:
- Every answer is dated (RFC 9110 section 6.6.1); the date is rendered once a second, not for each answer.
- To stop is to accept nobody any more and to tell every connection: an idle one closes, another after its answer.
- What is under way has the time of grace; then it is given up, and that is logged. A second interrupt ends the
  waiting (Ctrl-C twice; not SIGTERM twice, which a parent may add to the terminal's interrupt).
"""

from __future__ import annotations

import asyncio
import logging
from email.utils import format_datetime
from typing import TYPE_CHECKING, Final

from strongroom.clock import SystemClock
from strongroom.wire.http_protocol import HttpProtocol
from strongroom.wire.outbox import Outbox

if TYPE_CHECKING:
    import socket
    import ssl
    from collections.abc import Callable

    from strongroom.wire.edge import Edge

BACKLOG: Final = 2_048
"""Connections that wait to be accepted."""

KEEP_ALIVE_SECONDS: Final = 75.0
"""Idle time after which a connection is closed; longer than load balancers' usual 60."""

_DATED_EVERY_S: Final = 1.0
_LOOKED_AT_EVERY_S: Final = 0.02

logger = logging.getLogger(__name__)


class HttpServer:
    """What the connections of one process share. Only used on its loop."""

    def __init__(
        self,
        edge: Edge,
        *,
        grace: float,
        tls: ssl.SSLContext | None = None,
        keep_alive: float = KEEP_ALIVE_SECONDS,
    ) -> None:
        self.edge = edge
        self.keep_alive = keep_alive
        self.connections: set[HttpProtocol] = set()
        self.tasks: set[asyncio.Task[None]] = set()
        """Answers under way that are coroutines."""

        self.outbox = Outbox(lambda empty: asyncio.get_running_loop().call_soon(empty))
        self.lines = b""
        """The header lines that every answer has."""

        self._grace = grace
        self._tls = tls
        self._asked = asyncio.Event()
        self._is_hurried = False

    def stop(self) -> None:
        """Stop serving; what is under way has the time of grace."""
        self._asked.set()

    def interrupt(self) -> None:
        """Stop serving; who interrupts again does not want to wait for what is under way."""
        self._is_hurried = self._asked.is_set()
        self._asked.set()

    async def serve(self, listener: socket.socket, on_ready: Callable[[], None] = lambda: None) -> None:
        """Serve until told to stop, and then until every connection has ended."""
        loop = asyncio.get_running_loop()
        dating = loop.create_task(self._date())
        server = await loop.create_server(
            lambda: HttpProtocol(self, loop), sock=listener, ssl=self._tls, backlog=BACKLOG
        )
        on_ready()
        await self._asked.wait()
        server.close()
        await self._wait_for_ends()
        for task in [*self.tasks, dating]:
            task.cancel()

    async def _wait_for_ends(self) -> None:
        try:
            async with asyncio.timeout(self._grace):
                await self._all_ended()
        except TimeoutError:
            counts = len(self.connections), len(self.tasks)
            logger.warning("Gave up %d connections and %d answers that took longer than the time of grace", *counts)
        for connection in list(self.connections):
            connection.abandon()
        await asyncio.sleep(0)  # the loop tells them that they are lost

    async def _all_ended(self) -> None:
        told: set[HttpProtocol] = set()
        while (self.connections or self.tasks) and not self._is_hurried:
            for connection in self.connections - told:  # one may have been accepted just before
                connection.shutdown()
                told.add(connection)
            await asyncio.sleep(_LOOKED_AT_EVERY_S)

    async def _date(self) -> None:
        clock = SystemClock()
        while True:
            self.lines = b"date: %b\r\n" % format_datetime(clock.now(), usegmt=True).encode()
            await asyncio.sleep(_DATED_EVERY_S)
