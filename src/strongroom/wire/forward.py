"""Between the worker processes of one server: requests that write and dates of reads, over a private Unix socket.

Frames (`frames`) are a MessagePack of (number, request or dates) one way and (number, answer) the other; any number may
be under way. The writer verifies a request again: what comes over the socket is the request as the client sent it, not
somebody's word about it. That a worker has answered a read is its word.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Final, TypeAlias

import msgspec

from strongroom.domain.access import Access
from strongroom.errors import ServiceUnavailableException
from strongroom.wire.edge import Client, Told
from strongroom.wire.exchange import Answer, HttpRequest
from strongroom.wire.frames import Frames

PATIENCE_SECONDS: Final = 5.0
"""How long a request waits for a writer that is not there; starting one takes about a second."""

RETRY_SECONDS: Final = 0.1

Begin: TypeAlias = Callable[[HttpRequest, Client], Answer | None]
"""Answers at once, or returns None and answers the client later."""

Record: TypeAlias = Callable[[Sequence[Access]], Future[None] | None]
"""Has dates of reads written down; None if they are already, or cannot be now."""

_RECORDED: Final = Answer(204, [], b"")

_requests: Final = msgspec.msgpack.Decoder(tuple[int, HttpRequest | list[Access]])
_answers: Final = msgspec.msgpack.Decoder(tuple[int, Answer])
_encode: Final = msgspec.msgpack.Encoder().encode

logger = logging.getLogger(__name__)


class Writer:
    """The side that answers."""

    def __init__(self, path: Path, begin: Begin, record: Record) -> None:
        self._path = path
        self._begin = begin
        self._record = record
        self._server: asyncio.Server | None = None
        self._workers: set[_Worker] = set()
        self._asked: set[_Asked] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()

    async def start(self) -> None:
        self._path.unlink(missing_ok=True)
        self._server = await asyncio.get_running_loop().create_unix_server(self._accept, self._path)
        self._path.chmod(0o600)

    async def stop(self) -> None:
        """Finish what is under way, and close."""
        if self._server is not None:
            self._server.close()
        await self._until_none(self._asked)
        if self._tasks:
            await asyncio.wait(self._tasks)
        for worker in list(self._workers):
            worker.frames.close()
        await self._until_none(self._workers)
        self._path.unlink(missing_ok=True)

    async def _until_none(self, some: set[_Asked] | set[_Worker]) -> None:
        while some:
            self._changed.clear()
            await self._changed.wait()

    def _accept(self) -> Frames:
        worker = _Worker(self.ask, self._let_go)
        self._workers.add(worker)
        return worker.frames

    def _let_go(self, worker: _Worker) -> None:
        self._workers.discard(worker)
        self._changed.set()

    def ask(self, frames: Frames, number: int, request: HttpRequest | list[Access]) -> None:
        """Begin what a worker asks for."""
        asked = _Asked(frames, number, self._tasks, self._answered)
        self._asked.add(asked)
        try:
            answer = self._write_down(request, asked) if isinstance(request, list) else self._begin(request, asked)
        except Exception:
            # Its worker must not wait for ever, and learns from this that there is no answer.
            logger.exception("A forwarded request could not be answered; its connection is closed")
            frames.close()
            self._answered(asked)
            return
        if answer is not None:
            asked.respond(answer)

    def _write_down(self, accesses: list[Access], asked: _Asked) -> Answer | None:
        """Have dates written; a worker learns when that was tried, not what came of it: it is over here."""
        done, loop = self._record(accesses), asyncio.get_running_loop()
        if done is None:
            return _RECORDED
        done.add_done_callback(lambda _: loop.call_soon_threadsafe(asked.respond, _RECORDED))
        return None

    def _answered(self, asked: _Asked) -> None:
        self._asked.discard(asked)
        self._changed.set()


_Ask: TypeAlias = Callable[[Frames, int, HttpRequest | list[Access]], None]


class _Worker:
    """The connection of a worker that asks."""

    def __init__(self, ask: _Ask, let_go: Callable[[_Worker], None]) -> None:
        self.frames = Frames(self._take, lambda: let_go(self))
        self._ask = ask

    def _take(self, frame: bytes) -> None:
        try:
            number, request = _requests.decode(frame)
        except msgspec.MsgspecError:
            logger.exception("What a worker sent is not a request; its connection is closed")
            self.frames.close()
            return
        self._ask(self.frames, number, request)


class _Asked:
    """A request of a worker, which takes the answer."""

    __slots__ = ("_answered", "_frames", "_number", "tasks")

    def __init__(
        self, frames: Frames, number: int, tasks: set[asyncio.Task[None]], answered: Callable[[_Asked], None]
    ) -> None:
        self._frames = frames
        self._number = number
        self._answered = answered
        self.tasks = tasks

    def respond(self, answer: Answer) -> None:
        with contextlib.suppress(ConnectionError):  # the worker may be gone by now
            self._frames.send(_encode((self._number, answer)))
        self._answered(self)


class Link:
    """The side that asks; connects when first needed and again after the writer was restarted."""

    def __init__(self, path: Path, *, patience: float = PATIENCE_SECONDS) -> None:
        self._path = path
        self._patience = patience
        self._number = 0
        self._waiting: dict[int, Told] = {}
        self._frames: Frames | None = None
        self._connecting = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()

    def record(self, accesses: Sequence[Access]) -> Future[None]:
        """Have the writer write dates of reads down; the future fails when there is no writer."""
        recorded: Future[None] = Future()

        def told(outcome: Answer | ServiceUnavailableException) -> None:
            if isinstance(outcome, Answer):
                recorded.set_result(None)
            else:
                recorded.set_exception(outcome)

        self.forward(list(accesses), told)
        return recorded

    def forward(self, request: HttpRequest | list[Access], told: Told) -> None:
        """Have the writer answer a request. `told` is called once, also when there is no writer."""
        if self._frames is not None:
            self._ask(request, told)
            return
        task = asyncio.get_running_loop().create_task(self._connect_and_ask(request, told))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def unready(self) -> str | None:
        """Tell why no writer can be reached, or None: a worker that could only read is not ready to serve."""
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(0)
            try:
                probe.connect(str(self._path))
            except OSError:
                return "the writing process is not reachable"
        return None

    def _ask(self, request: HttpRequest | list[Access], told: Told) -> None:
        try:
            if self._frames is None:
                raise ConnectionError
            self._frames.send(_encode((self._number + 1, request)))
        except ConnectionError:
            told(ServiceUnavailableException("The writing process of this server went away."))
            return
        self._number += 1
        self._waiting[self._number] = told

    async def _connect_and_ask(self, request: HttpRequest | list[Access], told: Told) -> None:
        # From now on, not from its turn: those that wait behind one another would wait for ever longer, a drain too.
        deadline = asyncio.get_running_loop().time() + self._patience
        try:
            async with self._connecting:
                if self._frames is None:
                    self._frames = await self._connected(deadline)
        except OSError:
            told(ServiceUnavailableException("The writing process of this server is not reachable."))
            return
        self._ask(request, told)

    async def _connected(self, deadline: float) -> Frames:
        """Connect, waiting a little for a writer that is being started again: nothing was sent yet."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                _, frames = await loop.create_unix_connection(lambda: Frames(self._take, self._lost), str(self._path))
                if frames.is_closing:
                    raise ConnectionResetError
            except OSError:
                if loop.time() >= deadline:
                    raise
            else:
                return frames
            await asyncio.sleep(RETRY_SECONDS)

    def _take(self, frame: bytes) -> None:
        try:
            number, answer = _answers.decode(frame)
        except msgspec.MsgspecError:
            logger.exception("What the writing process sent is not an answer; the connection is closed")
            if self._frames is not None:
                self._frames.close()
            return
        told = self._waiting.pop(number, None)
        if told is not None:
            told(answer)

    def _lost(self) -> None:
        self._frames = None
        waiting, self._waiting = self._waiting, {}
        for told in waiting.values():
            told(ServiceUnavailableException("The writing process of this server was restarted."))
