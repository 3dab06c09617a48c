"""An edge on a real socket with a core of a test's own, and a client that says exactly what a test wants."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import select
import socket
import threading
import time
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import uvloop

from strongroom.wire import http_guard
from strongroom.wire.edge import Edge, Probes
from strongroom.wire.exchange import Answer, HttpRequest, Pending
from strongroom.wire.http_guard import HttpRefused
from strongroom.wire.http_server import HttpServer
from support.entropy import SeededEntropy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from strongroom.wire.http_protocol import HttpProtocol

PATIENCE = 5.0
LOOPS = {"uvloop": uvloop.new_event_loop, "asyncio": asyncio.new_event_loop}
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def echo(request: HttpRequest) -> Answer | Pending:
    """Answer with path and body; `/slow` takes its time."""
    try:
        http_guard.check(
            request.method,
            request.raw_path,
            request.query_string,
            request.headers,
            request.http_version,
        )
    except HttpRefused as refused:
        return Answer(refused.status, [], refused.reason.encode())
    answer = Answer(200, [], request.raw_path + b" " + request.body)
    if request.raw_path == b"/slow":
        future: Future[None] = Future()
        threading.Timer(0.2, future.set_result, [None]).start()
        return Pending(future, lambda _: answer)
    return answer


@dataclass
class Core:
    """Stands where the request core stands, and answers what a test wants."""

    outcome: Callable[[HttpRequest], Answer | Pending] = echo
    requests: list[HttpRequest] = field(default_factory=list)
    threads: set[str] = field(default_factory=set)

    def begin(self, request: HttpRequest) -> Answer | Pending:
        self.requests.append(request)
        self.threads.add(threading.current_thread().name)
        return self.outcome(request)

    respond = begin


@dataclass
class EdgeServer:
    """A running server: `state` is what it knows of its connections."""

    port: int
    core: Core
    server: HttpServer
    loop: asyncio.AbstractEventLoop | None = None

    @property
    def connections(self) -> set[HttpProtocol]:
        return self.server.connections

    def run(
        self, make_loop: Callable[[], asyncio.AbstractEventLoop], listener: socket.socket, on_ready: Callable[[], None]
    ) -> None:
        with asyncio.Runner(loop_factory=make_loop) as runner:
            self.loop = runner.get_loop()
            runner.run(self.server.serve(listener, on_ready))
            self.loop = None

    def stop(self) -> None:
        self._tell(self.server.stop)

    def interrupt(self) -> None:
        self._tell(self.server.interrupt)

    def _tell(self, what: Callable[[], None]) -> None:
        if self.loop is not None:
            self.loop.call_soon_threadsafe(what)


@contextmanager
def edge_server(
    loop: str, core: Core | None = None, *, listener: socket.socket | None = None, **options: Any
) -> Iterator[EdgeServer]:
    """Serve with a loop of its own on a thread of its own, until the block ends."""
    core = core or Core()
    edge = Edge(core, Probes(lambda: None), SeededEntropy())  # type: ignore[arg-type]
    server = HttpServer(edge, **{"keep_alive": 1.0, "grace": 1.0, **options})
    with listener or socket.create_server(("127.0.0.1", 0)) as listening:
        address = listening.getsockname()
        ready = threading.Event()
        running = EdgeServer(address[1] if isinstance(address, tuple) else 0, core, server)
        thread = threading.Thread(target=running.run, args=(LOOPS[loop], listening, ready.set))
        thread.start()
        assert ready.wait(PATIENCE)
        yield running
        running.stop()
        thread.join()


@dataclass(frozen=True)
class Received:
    status: int
    headers: dict[str, str]
    body: bytes


class Connection:
    """A client that sends bytes as they are and reads answers one by one."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        self.buffer = b""

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def send_what_is_taken(self, data: bytes) -> None:
        """Send; a server that has heard enough may close."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.socket.sendall(data)

    def receive(self, *, has_body: bool = True) -> Received:
        while b"\r\n\r\n" not in self.buffer:
            self._more()
        head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
        status_line, *lines = head.decode().split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines)
        assert len(headers) == len(lines)
        length = int(headers["content-length"]) if has_body else 0
        while len(self.buffer) < length:
            self._more()
        body, self.buffer = self.buffer[:length], self.buffer[length:]
        return Received(int(status_line.split()[1]), headers, body)

    def _more(self) -> None:
        data = self.socket.recv(65_536)
        assert data, f"closed after {self.buffer!r}"
        self.buffer += data

    def is_silent(self, seconds: float = 0) -> bool:
        """Say whether the server sends nothing for so long."""
        return not select.select([self.socket], [], [], seconds)[0]

    def is_closed(self) -> bool:
        return self.buffer == b"" and self.socket.recv(1) == b""


@contextmanager
def connected(port: int) -> Iterator[Connection]:
    connection = Connection(port)
    with connection.socket:
        yield connection


def request(
    *lines: bytes,
    body: bytes = b"{}",
    target: bytes = b"/",
    method: bytes = b"POST",
    version: bytes = b"HTTP/1.1",
    host: bytes = b"host: a",
    length: bool = True,
) -> bytes:
    headers = [line for line in (host, *lines) if line]
    if length:
        headers.append(b"content-length: %d" % len(body))
    return b"\r\n".join([b" ".join([method, target, version]), *headers, b"", body])


def assert_refused(connection: Connection, status: int, code: str) -> str:
    """Check that the next answer is an error of AWS's form and the last; return its message."""
    answer = connection.receive()
    assert answer.status == status
    assert answer.headers["connection"] == "close"
    assert answer.headers["content-type"] == "application/x-amz-json-1.1"
    assert UUID.fullmatch(answer.headers["x-amzn-requestid"])
    assert abs(parsedate_to_datetime(answer.headers["date"]).timestamp() - time.time()) < 60
    document = json.loads(answer.body)
    assert document.keys() == {"__type", "message"}
    assert document["__type"] == code
    assert connection.is_closed()
    return document["message"]
