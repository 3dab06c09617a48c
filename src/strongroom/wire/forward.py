"""Between the worker processes of one server: requests that write, over a private Unix socket.

Frames are a length of four bytes and a MessagePack of (number, request) one way and (number, answer) the
other; any number may be under way. The writer verifies a request again: what comes over the socket is the
request as the client sent it, not somebody's word about it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import msgspec

from strongroom.errors import ServiceUnavailableException
from strongroom.wire.exchange import Answer, HttpRequest

PATIENCE_SECONDS: Final = 5.0
"""How long a request waits for a writer that is not there; starting one takes about a second."""

RETRY_SECONDS: Final = 0.1

_LENGTH_BYTES: Final = 4

_requests: Final = msgspec.msgpack.Decoder(tuple[int, HttpRequest])
_answers: Final = msgspec.msgpack.Decoder(tuple[int, Answer])
_encode: Final = msgspec.msgpack.Encoder().encode

logger = logging.getLogger(__name__)


class Writer:
    """The side that answers."""

    def __init__(self, path: Path, answer: Callable[[HttpRequest], Awaitable[Answer]]) -> None:
        self._path = path
        self._answer = answer
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        self._path.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self._serve, self._path)
        self._path.chmod(0o600)

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        if self._tasks:
            await asyncio.wait(self._tasks)
        for connection in list(self._connections):
            connection.close()
            with contextlib.suppress(ConnectionError):
                await connection.wait_closed()
        self._path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections.add(writer)
        try:
            while True:
                number, request = _requests.decode(await _read_frame(reader))
                task = asyncio.create_task(self._answer_one(number, request, writer))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        except msgspec.MsgspecError:
            logger.exception("What a worker sent is not a request; its connection is closed")
        finally:
            self._connections.discard(writer)
            writer.close()

    async def _answer_one(self, number: int, request: HttpRequest, writer: asyncio.StreamWriter) -> None:
        try:
            answer = await self._answer(request)
        except Exception:
            # Its worker must not wait for ever, and learns from this that there is no answer.
            logger.exception("A forwarded request could not be answered; its connection is closed")
            writer.close()
            return
        # The worker may be gone by now; uvloop's word for a closed connection is RuntimeError.
        with contextlib.suppress(OSError, RuntimeError):
            _write_frame(writer, _encode((number, answer)))
            await writer.drain()


class Link:
    """The side that asks; connects when first needed and again after the writer was restarted."""

    def __init__(self, path: Path, *, patience: float = PATIENCE_SECONDS) -> None:
        self._path = path
        self._patience = patience
        self._number = 0
        self._waiting: dict[int, asyncio.Future[Answer]] = {}
        self._writer: asyncio.StreamWriter | None = None
        self._listener: asyncio.Task[None] | None = None
        self._connecting = asyncio.Lock()

    async def forward(self, request: HttpRequest) -> Answer:
        """Return the writer's answer.

        Raises:
            ServiceUnavailableException: there is no writer now, or it went away; whether the change was
                made is unknown, and the client's retry with the same token finds out.
        """
        try:
            writer = await self._connected()
        except OSError as error:
            raise ServiceUnavailableException("The writing process of this server is not reachable.") from error
        self._number += 1
        number = self._number
        try:
            # Not drained: should the connection be lost after this, the listener tells whoever waits.
            _write_frame(writer, _encode((number, request)))
        except (OSError, RuntimeError) as error:  # uvloop's word for a closed connection is RuntimeError
            raise ServiceUnavailableException("The writing process of this server went away.") from error
        waiting = self._waiting[number] = asyncio.get_running_loop().create_future()
        answer: Answer = await waiting
        return answer

    def unready(self) -> str | None:
        """Tell why no writer can be reached, or None: a worker that could only read is not ready to serve."""
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(0)
            try:
                probe.connect(str(self._path))
            except OSError:
                return "the writing process is not reachable"
        return None

    async def _connect(self, deadline: float) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect, waiting a little for a writer that is being started again: nothing was sent yet."""
        while True:
            try:
                return await asyncio.open_unix_connection(self._path)
            except OSError:
                if asyncio.get_running_loop().time() >= deadline:
                    raise
            await asyncio.sleep(RETRY_SECONDS)

    async def _connected(self) -> asyncio.StreamWriter:
        # From now on, not from its turn: those that wait behind one another would wait for ever longer, a drain too.
        deadline = asyncio.get_running_loop().time() + self._patience
        async with self._connecting:
            writer = self._writer
            if writer is None:
                reader, writer = await self._connect(deadline)
                self._writer = writer
                self._listener = asyncio.create_task(self._listen(reader))
            return writer

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        try:
            while True:
                number, answer = _answers.decode(await _read_frame(reader))
                waiting = self._waiting.pop(number, None)
                if waiting is not None and not waiting.done():
                    waiting.set_result(answer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        except msgspec.MsgspecError:
            logger.exception("What the writing process sent is not an answer; the connection is closed")
        finally:
            self._let_go()

    def _let_go(self) -> None:
        if self._writer is not None:
            self._writer.close()
        self._writer = None
        for waiting in [one for one in self._waiting.values() if not one.done()]:
            waiting.set_exception(ServiceUnavailableException("The writing process of this server was restarted."))
        self._waiting.clear()


async def _read_frame(reader: asyncio.StreamReader) -> bytes:
    length = int.from_bytes(await reader.readexactly(_LENGTH_BYTES), "big")
    return await reader.readexactly(length)


def _write_frame(writer: asyncio.StreamWriter, content: bytes) -> None:
    writer.write(len(content).to_bytes(_LENGTH_BYTES, "big") + content)
