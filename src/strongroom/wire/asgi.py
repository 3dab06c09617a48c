"""The ASGI edge: bytes from the web server to the request core and back. The only asynchronous code.

Rules:
- A body is read up to a limit and within a time limit; more is refused before it is read.
- Where the database answers reads inline, the core runs on the loop's own thread and only changes are
  waited for. Elsewhere each request runs on a thread.
- A worker that must not write hands such requests, whole, to the one that may.
- Probes have paths of their own and need no signature: /healthz, /readyz, /version, and /metrics when
  that is switched on. They are not on the audit trail.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, Final, Protocol

import msgspec

from strongroom import __version__, ids
from strongroom.entropy import Entropy
from strongroom.errors import RequestEntityTooLargeException, RequestTimeoutException, ServiceError
from strongroom.metrics import Metrics
from strongroom.service import internal_failure
from strongroom.wire import faults
from strongroom.wire.core import CONTENT_TYPE, Answer, Elsewhere, Headers, HttpRequest, Pending, RequestCore
from strongroom.wire.strict_protocol import TLS_EXTENSION

MAX_BODY_BYTES: Final = 1_048_576
"""A value of 65,536 characters, each escaped in six bytes, fits more than twice."""

BODY_TIMEOUT_S: Final = 30.0

MAX_DRAINED_BYTES: Final = 16 * MAX_BODY_BYTES
DRAIN_TIMEOUT_S: Final = 2.0

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

logger = logging.getLogger(__name__)


class Forwarder(Protocol):
    """Hands a request to the process that may write, and brings its answer."""

    async def forward(self, request: HttpRequest) -> Answer: ...
    def unready(self) -> str | None:
        """Return why there is nobody to hand a request to now, or None."""
        ...


@dataclass(frozen=True, slots=True)
class Probes:
    """What the probe paths tell; `unready` returns why the server cannot serve, or None."""

    unready: Callable[[], str | None]
    metrics: Metrics | None = None

    def answer(self, path: str) -> Answer | None:
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
            case "/metrics" if self.metrics is not None:
                headers: Headers = [(b"Content-Type", b"text/plain; version=0.0.4")]
                return Answer(200, headers, self.metrics.render().encode())
        return None


class Edge:
    """The ASGI application. `threads` is None where the core may run on the loop."""

    def __init__(
        self,
        core: RequestCore,
        probes: Probes,
        entropy: Entropy,
        *,
        threads: Executor | None = None,
        forwarder: Forwarder | None = None,
    ) -> None:
        self._core = core
        self._probes = probes
        self._entropy = entropy
        self._threads = threads
        self._forwarder = forwarder

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        try:
            answer = await self._probed(scope)
            if answer is None:
                answer = await self.answer(_request(scope, await _body(scope["headers"], receive)))
        except ServiceError as error:
            await _drain(receive)
            answer = self._refused(error)
        except _ClientGoneError:
            return
        except Exception as error:  # noqa: BLE001 - a caller is owed an answer
            answer = self._refused(internal_failure(error))
        headers = [*answer.headers, (b"Content-Length", str(len(answer.body)).encode())]
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})

    async def answer(self, request: HttpRequest) -> Answer:
        """Answer a request that has been read whole."""
        outcome: Answer | Pending | Elsewhere
        if self._threads is not None:
            loop = asyncio.get_running_loop()
            outcome = await loop.run_in_executor(self._threads, self._core.respond, request)
        else:
            outcome = self._core.begin(request)
        if isinstance(outcome, Pending):
            with contextlib.suppress(Exception):  # `finish` looks at the outcome
                await asyncio.wrap_future(outcome.future)
            return outcome.finish(outcome.future)
        if isinstance(outcome, Elsewhere):
            if self._forwarder is None:
                raise RuntimeError("a worker that may not write has nobody to forward to")
            return await self._forwarder.forward(request)
        return outcome

    async def _probed(self, scope: Scope) -> Answer | None:
        if scope["method"] != "GET":
            return None
        path = scope["path"]
        if path == "/readyz":  # it asks the database, which may take its time
            return await asyncio.to_thread(self._probes.answer, path)
        return self._probes.answer(path)

    def _refused(self, error: ServiceError) -> Answer:
        headers: Headers = [
            (b"x-amzn-RequestId", ids.random_uuid(self._entropy).encode()),
            (b"Content-Type", CONTENT_TYPE),
            (b"Connection", b"close"),
        ]
        return Answer(error.status, headers, faults.body_of(error))


class _ClientGoneError(Exception):
    """The client hung up before its request was complete; there is nobody to answer."""


def _request(scope: Scope, body: bytes) -> HttpRequest:
    client = scope.get("client")
    return HttpRequest(
        method=scope["method"],
        raw_path=scope.get("raw_path") or scope["path"].encode(),
        query_string=scope["query_string"],
        headers=scope["headers"],
        body=body,
        source_ip=client[0] if client else "",
        http_version=scope["http_version"],
        tls_version=scope.get("extensions", {}).get(TLS_EXTENSION, {}).get("version"),
    )


async def _body(headers: Headers, receive: Receive) -> bytes:
    for name, value in headers:
        if name == b"content-length" and value.isdigit() and int(value[:20]) > MAX_BODY_BYTES:
            raise _too_large()
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            return await _whole(receive)
    except TimeoutError:
        raise RequestTimeoutException("The request body did not arrive in time.") from None


async def _whole(receive: Receive) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _ClientGoneError
        body += message.get("body", b"")
        if len(body) > MAX_BODY_BYTES:
            raise _too_large()
        if not message.get("more_body"):
            return bytes(body)


async def _drain(receive: Receive) -> None:
    """Read what a refused client still sends, within bounds.

    Closed with bytes unread, the connection would be reset, and the answer lost on its way.
    """
    left = MAX_DRAINED_BYTES
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(DRAIN_TIMEOUT_S):
            while left > 0:
                message = await receive()
                if message["type"] == "http.disconnect" or not message.get("more_body"):
                    return
                left -= len(message.get("body", b""))


def _too_large() -> ServiceError:
    return RequestEntityTooLargeException(f"The request body is longer than {MAX_BODY_BYTES} bytes.")


def _json(status: int, content: dict[str, str]) -> Answer:
    return Answer(status, [(b"Content-Type", b"application/json")], msgspec.json.encode(content))
