"""What the bench asks of every server: to be set up, started, spoken to, and ended."""

from __future__ import annotations

import http.client
import json
import os
import socket
import ssl
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final, Self
from urllib.parse import urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from bench.generator import RunFailed
from bench.processes import Process
from bench.workloads import Call, Workload, contents, size_of
from strongroom.errors import OperatorError

START_SECONDS: Final = 90
POLL_SECONDS: Final = 0.01
ANSWER_SECONDS: Final = 60
PEERS_ENVIRONMENT: Final = Path(__file__).parents[1] / ".venv"

_OK: Final = range(200, 300)


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer."""

    status: int
    body: bytes

    def json(self) -> dict[str, Any]:
        parsed: dict[str, Any] = json.loads(self.body or b"{}")
        return parsed


class Server(ABC):
    """One server under measurement: one process or several, with everything they need around them."""

    name: str
    title: str
    """How it runs."""
    guarantees: str
    """What a request costs it beyond the answer: who is checked, what is recorded, what is on disk."""
    most_secrets: ClassVar[int] = 100_000
    """How many secrets of one kind it is filled with at most; filling goes through the API of all but our own."""
    filling_threads: ClassVar[int] = 8

    def __init__(self, home: Path) -> None:
        home.mkdir(mode=0o700, parents=True)
        self.home = home
        self.processes: list[Process] = []
        self.startup_seconds = 0.0

    @property
    def roots(self) -> list[int]:
        """The processes whose trees are this server."""
        return [process.pid for process in self.processes]

    @abstractmethod
    def set_up(self, kinds: Sequence[str]) -> None:
        """Start it, holding these contents. Sets `startup_seconds`: from the last start to the first answer."""

    @abstractmethod
    def urls(self, workload: Workload) -> list[str]:
        """Return the address of each node that answers such requests."""

    @abstractmethod
    def encode(self, call: Call, url: str) -> bytes | None:
        """Return the call as bytes for the wire, signed now; None if this server has nothing like it."""

    def runs(self, workload: Workload) -> bool:
        """Tell whether the workload can be asked of this server."""
        if workload.own_only or size_of(workload.contents) > self.most_secrets:
            return False
        if not (urls := self.urls(workload)):
            return False
        return self.encode(next(workload.calls(0)), urls[0]) is not None

    def stop(self) -> None:
        for process in self.processes:
            process.stop()
        self.processes.clear()

    def launch(self, *command: str | Path, environment: dict[str, str]) -> Process:
        process = Process(command, self.home / "log", environment=environment, directory=self.home)
        self.processes.append(process)
        return process

    def await_answer(self, attempt: Callable[[], bool], since: float) -> None:
        """Wait until an attempt succeeds, and note how long after `since` (monotonic) that was."""
        while True:
            try:
                if attempt():
                    self.startup_seconds = time.monotonic() - since
                    return
            except (OSError, http.client.HTTPException):
                pass
            for process in self.processes:
                process.require_alive()
            if time.monotonic() - since > START_SECONDS:
                raise OperatorError(
                    f"{self.name} did not answer within {START_SECONDS} seconds.",
                    why="it runs, but a first right request was not answered with success",
                    next_step=f"see its log {self.home / 'log'}, or leave it out with --servers",
                )
            time.sleep(POLL_SECONDS)

    def fill_through_api(self, kinds: Sequence[str], url: str) -> None:
        """Create the contents call by call, several at a time. Raises RunFailed at the first refusal."""
        for kind in kinds:
            calls = [stored.call() for stored in contents(kind)]
            shares = [calls[start :: self.filling_threads] for start in range(self.filling_threads)]
            with ThreadPoolExecutor(self.filling_threads) as pool:
                list(pool.map(lambda share: self._create(url, share), shares))

    def _create(self, url: str, calls: list[Call]) -> None:
        with Line(url) as line:
            for call in calls:
                require_success(line.ask(self.encode(call, url) or b""), call)


class Line:
    """A connection that sends prepared bytes and reads the answer; opened again when the server closed it."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._address = (parts.hostname or "", parts.port or 0)
        self._tls = parts.scheme == "https"
        self._socket: socket.socket | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def ask(self, request: bytes) -> Answer:
        connection = self._socket = self._socket or self._connect()
        connection.sendall(request)
        response = http.client.HTTPResponse(connection)
        response.begin()
        answer = Answer(response.status, response.read())
        if response.will_close:
            self.close()
        return answer

    def _connect(self) -> socket.socket:
        plain = socket.create_connection(self._address, timeout=ANSWER_SECONDS)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if not self._tls:
            return plain
        context = ssl.create_default_context()
        context.check_hostname = False  # the bench's own certificate, on loopback
        context.verify_mode = ssl.CERT_NONE
        return context.wrap_socket(plain)

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def ask(url: str, request: bytes) -> Answer:
    """Return the answer to one request, over a connection of its own."""
    with Line(url) as line:
        return line.ask(request)


def require_success(answer: Answer, call: Call) -> Answer:
    """Return an answer that is 2xx. Raises RunFailed for another one, with its text."""
    if answer.status not in _OK:
        text = answer.body[:400].decode(errors="replace")
        raise RunFailed(f"{call.operation} was answered with {answer.status}: {text}")
    return answer


def http_bytes(method: str, path: str, headers: dict[str, str], body: bytes = b"") -> bytes:
    """Return an HTTP/1.1 request."""
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def signed(call: Call, url: str, credentials: Credentials) -> bytes:
    """Return a call of the Secrets Manager API, signed by botocore for now: it is valid for five minutes."""
    host = urlsplit(url).netloc
    headers = {
        "Host": host,
        "Content-Type": "application/x-amz-json-1.1",
        "X-Amz-Target": f"secretsmanager.{call.operation}",
    }
    body = json.dumps(call.members, separators=(",", ":")).encode()
    request = AWSRequest("POST", f"{url}/", headers=headers, data=body)
    SigV4Auth(credentials, "secretsmanager", call.region).add_auth(request)
    return http_bytes("POST", "/", dict(request.headers.items()), body)


def peer_command(name: str) -> Path:
    """Return a command of the peers' environment. Raises OperatorError where it was not made."""
    command = PEERS_ENVIRONMENT / "bin" / name
    if not os.access(command, os.X_OK):
        raise OperatorError(
            f"The peer's command {command} is not there.",
            why="the peers live in an environment of their own, made from bench/requirements.txt",
            next_step="run `make bench`, which makes it",
        )
    return command
