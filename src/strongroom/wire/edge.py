"""The edge: what becomes of a request once it has been read whole, whoever read it.

Rules:
- The core runs on the loop's own thread and answers at once where it can; what it waits for, it says.
- Probes have paths of their own and need no signature: /healthz, /readyz, /version, and /metrics when
  that is switched on, for anyone or for who sends its token. They are not on the audit trail.
- Whatever goes wrong, the client is answered in AWS's form, and its connection is closed.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Protocol

import msgspec

from strongroom import __version__, ids
from strongroom.entropy import Entropy
from strongroom.errors import ServiceError
from strongroom.metrics import Metrics
from strongroom.promises import Awaited
from strongroom.service import internal_failure
from strongroom.wire import faults
from strongroom.wire.core import CONTENT_TYPE, RequestCore
from strongroom.wire.exchange import Answer, Headers, HttpRequest, Outcome, Pending, Ready

CLOSE: Final = (b"Connection", b"close")
"""The header of an answer that is the last on its connection."""

READINESS: Final = "/readyz"
METRICS: Final = "/metrics"

logger = logging.getLogger(__name__)


class Client(Protocol):
    """Whoever waits for an answer that could not be given at once."""

    @property
    def tasks(self) -> set[asyncio.Task[None]]:
        """Where tasks are kept until they are done; the server does not stop before."""
        ...

    def respond(self, answer: Ready) -> None:
        """Take the answer, and see to its record if it has one with it; called once, on the loop.

        One who has left takes it silently.
        """
        ...


@dataclass(frozen=True, slots=True)
class Probes:
    """What the probe paths tell; `unready` returns why the server cannot serve, or None.

    With a token, numbers are for who sends it as a bearer.
    """

    unready: Callable[[], str | None]
    metrics: Metrics | None = None
    metrics_token: bytes | None = None

    def takes_time(self, path: str) -> bool:
        """Tell whether an answer is not for the loop: it asks the database, or adds up all processes' numbers."""
        return path == READINESS or (path == METRICS and self.metrics is not None)

    def answer(self, path: str, headers: Sequence[tuple[bytes, bytes]] = ()) -> Answer | None:
        match path:
            case "/healthz":
                return _json(200, {"status": "alive"})
            case "/readyz":
                reason = self.unready()
                if reason is None:
                    return _json(200, {"status": "ready"})
                return _json(503, {"status": "not ready", "reason": reason})
            case "/version":
                return _json(200, {"name": "strongroom", "version": __version__})
        return self.measured(headers) if path == METRICS else None

    def measured(self, headers: Sequence[tuple[bytes, bytes]]) -> Answer | None:
        """Return the numbers, for who may see them."""
        if self.metrics is None:
            return None
        if self.metrics_token is not None:
            sent = next((value for name, value in headers if name == b"authorization"), b"")
            if not hmac.compare_digest(sent, b"Bearer " + self.metrics_token):
                return Answer(401, [(b"WWW-Authenticate", b'Bearer realm="metrics"')], b"")
        return Answer(200, [(b"Content-Type", b"text/plain; version=0.0.4")], self.metrics.render().encode())


class Edge:
    """Answers requests on the loop."""

    def __init__(
        self,
        core: RequestCore,
        probes: Probes,
        entropy: Entropy,
    ) -> None:
        self._core = core
        self._probes = probes
        self._entropy = entropy
        self._arrivals: _Arrivals | None = None

    def begin(self, request: HttpRequest, client: Client) -> Ready | None:
        """Answer a request at once, or return None and let the client have its answer later. Raises nothing."""
        try:
            if request.method == "GET":
                path = request.raw_path.decode("latin-1")
                if self._probes.takes_time(path):
                    self._deliver(asyncio.to_thread(self._probes.answer, path, request.headers), client)
                    return None
                if (told := self._probes.answer(path, request.headers)) is not None:
                    return told
            return self._settle(self._core.begin(request), client)
        except Exception as error:  # noqa: BLE001 - a caller is owed an answer
            return self.refused(error)

    def refused(self, error: Exception) -> Answer:
        """Return the answer to a request that no operation has answered, the last one on its connection."""
        told = error if isinstance(error, ServiceError) else internal_failure(error)
        headers: Headers = [
            (b"x-amzn-RequestId", ids.random_uuid(self._entropy).encode()),
            (b"Content-Type", CONTENT_TYPE),
            CLOSE,
        ]
        return Answer(told.status, headers, faults.body_of(told))

    def _settle(self, outcome: Outcome, client: Client) -> Ready | None:
        """Return the answer, or see to it that the client gets one."""
        if not isinstance(outcome, Pending):
            return outcome
        self._wait(outcome, client)
        return None

    def _wait(self, outcome: Pending, client: Client) -> None:
        finish = outcome.finish
        loop = asyncio.get_running_loop()
        arrivals = self._arrivals
        if arrivals is None or arrivals.loop is not loop:
            arrivals = self._arrivals = _Arrivals(loop, self.refused)
        settle = lambda future: self._settle(finish(future), client)  # noqa: E731
        outcome.future.add_done_callback(partial(arrivals.add, settle, client))

    def _deliver(self, answer: Awaitable[Answer | None], client: Client) -> None:
        task = asyncio.get_running_loop().create_task(self._bring(answer, client))
        client.tasks.add(task)
        task.add_done_callback(client.tasks.discard)

    async def _bring(self, awaited: Awaitable[Answer | None], client: Client) -> None:
        try:
            answer = await awaited
        except Exception as error:  # noqa: BLE001 - a caller is owed an answer
            answer = self.refused(error)
        if answer is not None:
            client.respond(answer)


_Finish = Callable[[Any], Ready | None]


class _Arrivals:
    """Answers on their way from other threads to the loop.

    Calls of one commit complete together, many in a moment: the loop is woken for the first of them and
    finds the others when it comes.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, refused: Callable[[Exception], Answer]) -> None:
        self.loop = loop
        self._refused = refused
        self._arrived: deque[tuple[_Finish, Client, Awaited[Any]]] = deque()
        self._is_loop_coming = False

    def add(self, finish: _Finish, client: Client, future: Awaited[Any]) -> None:
        """Take what is done. Called on any thread."""
        self._arrived.append((finish, client, future))
        if not self._is_loop_coming:
            self._is_loop_coming = True
            try:
                self.loop.call_soon_threadsafe(self._hand_over)
            except RuntimeError:  # the loop was closed: the server's patience ended, its clients are gone
                self._arrived.clear()

    def _hand_over(self) -> None:
        # Before the first is taken: whoever arrives from here on is either seen below or calls again.
        self._is_loop_coming = False
        while self._arrived:
            finish, client, future = self._arrived.popleft()
            try:
                answer = finish(future)
            except Exception as error:  # noqa: BLE001 - the others are owed theirs
                answer = self._refused(error)
            try:
                if answer is not None:
                    client.respond(answer)
            except Exception:
                logger.exception("An answer did not reach its client")


def _json(status: int, content: dict[str, str]) -> Answer:
    return Answer(status, [(b"Content-Type", b"application/json")], msgspec.json.encode(content))
