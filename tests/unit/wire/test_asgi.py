"""The ASGI edge: bodies within limits of size and time, callers that hang up, waiting without blocking, probes."""

from __future__ import annotations

import asyncio
import gc
import json
import re
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from strongroom import __version__
from strongroom.errors import ResourceNotFoundException, ServiceUnavailableException
from strongroom.metrics import Metrics
from strongroom.wire import asgi
from strongroom.wire.asgi import MAX_BODY_BYTES, Edge, Probes
from strongroom.wire.core import Answer, Elsewhere, HttpRequest, Pending
from support.entropy import SeededEntropy

if TYPE_CHECKING:
    from collections.abc import Callable

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
PATIENCE = 5.0


@dataclass
class Core:
    """Stands where the request core stands, and answers what a test wants."""

    outcome: Callable[[HttpRequest], Answer | Pending | Elsewhere] = lambda request: Answer(200, [], request.body)
    requests: list[HttpRequest] = field(default_factory=list)
    threads: set[str] = field(default_factory=set)

    def begin(self, request: HttpRequest) -> Answer | Pending | Elsewhere:
        self.requests.append(request)
        self.threads.add(threading.current_thread().name)
        return self.outcome(request)

    respond = begin


@dataclass
class Exchange:
    """One request to an edge: the messages it will receive, and what it sent."""

    messages: list[dict[str, Any]]
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    sent: int = 0
    received: int = 0

    async def receive(self) -> dict[str, Any]:
        if self.received == len(self.messages):
            await asyncio.sleep(3_600)
        self.received += 1
        message = dict(self.messages[self.received - 1])
        await asyncio.sleep(message.pop("after", 0))
        return message

    async def send(self, message: dict[str, Any]) -> None:
        self.sent += 1
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode().lower(): value.decode() for name, value in message["headers"]}
            assert len(self.headers) == len(message["headers"])
        else:
            self.body += message["body"]

    @property
    def fault(self) -> tuple[int, str]:
        return self.status, json.loads(self.body)["__type"]


def part(body: bytes, *, more: bool = False, after: float = 0) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more, "after": after}


def scope(method: str = "POST", path: str = "/", headers: tuple[tuple[bytes, bytes], ...] = ()) -> dict[str, Any]:
    return {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(b"host", b"localhost"), *headers],
        "http_version": "1.1",
        "client": ("192.0.2.9", 1234),
    }


def make_edge(core: Core, **options: Any) -> Edge:
    probes = options.pop("probes", Probes(lambda: None))
    return Edge(core, probes, SeededEntropy(), **options)  # type: ignore[arg-type]


def exchange(edge: Edge, *messages: dict[str, Any], **request: Any) -> Exchange:
    """Run one request to its end; what the loop would have logged is a failure."""
    one = Exchange(list(messages))
    complaints: list[dict[str, Any]] = []

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
        async with asyncio.timeout(PATIENCE):
            await edge(scope(**request), one.receive, one.send)
        await asyncio.sleep(0.01)  # other threads let go of what they hold
        gc.collect()

    asyncio.run(main())
    assert complaints == []
    return one


# Bodies


def test_a_request_is_handed_on_as_it_came():
    core = Core()
    exchange(make_edge(core), part(b"{}"), path="/a%20b", headers=((b"x-a", b"\xe9"),))
    (request,) = core.requests
    assert (request.method, request.raw_path, request.body) == ("POST", b"/a%20b", b"{}")
    assert request.headers == [(b"host", b"localhost"), (b"x-a", b"\xe9")]
    assert (request.source_ip, request.http_version, request.tls_version) == ("192.0.2.9", "1.1", None)


def test_a_body_in_parts_is_put_together():
    assert exchange(make_edge(Core()), part(b"ab", more=True), part(b"", more=True), part(b"c")).body == b"abc"


def test_a_request_without_a_body_has_an_empty_one():
    answered = exchange(make_edge(Core()), part(b""))
    assert (answered.status, answered.body, answered.headers["content-length"]) == (200, b"", "0")


def test_a_body_of_the_greatest_length_is_read():
    half = b"x" * (MAX_BODY_BYTES // 2)
    declared = (b"content-length", str(MAX_BODY_BYTES).encode())
    assert (
        len(exchange(make_edge(Core()), part(half, more=True), part(half), headers=(declared,)).body) == MAX_BODY_BYTES
    )


@pytest.mark.parametrize("length", [str(MAX_BODY_BYTES + 1), "9" * 30, "0" * 40 + str(MAX_BODY_BYTES + 1)])
def test_a_body_declared_too_long_is_refused(length: str):
    core = Core()
    refused = exchange(
        make_edge(core), part(b"x" * (MAX_BODY_BYTES + 1)), headers=((b"content-length", length.encode()),)
    )
    assert refused.fault == (413, "RequestEntityTooLargeException")
    assert core.requests == []


def test_a_body_declared_too_long_is_refused_though_it_never_comes(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(asgi, "DRAIN_TIMEOUT_S", 0.01)
    refused = exchange(make_edge(Core()), headers=((b"content-length", b"99999999999"),))
    assert (refused.status, refused.received) == (413, 0)


def test_a_body_that_grows_too_long_is_refused_and_its_rest_thrown_away():
    big = part(b"x" * (MAX_BODY_BYTES // 2), more=True)
    refused = exchange(make_edge(core := Core()), big, big, part(b"x", more=True), part(b"never read"))
    assert refused.fault == (413, "RequestEntityTooLargeException")
    assert (refused.received, core.requests) == (4, [])


def test_of_a_body_without_end_only_so_much_is_thrown_away():
    endless = [part(b"x" * MAX_BODY_BYTES, more=True)] * 100
    refused = exchange(make_edge(core := Core()), *endless)
    assert refused.fault == (413, "RequestEntityTooLargeException")
    assert refused.received < 25
    assert core.requests == []


def test_a_refusal_at_the_edge_is_an_aws_error_with_a_request_id_and_the_last_on_its_connection():
    refused = exchange(make_edge(Core()), headers=((b"content-length", b"99999999"),))
    assert json.loads(refused.body) == {
        "__type": "RequestEntityTooLargeException",
        "message": f"The request body is longer than {MAX_BODY_BYTES} bytes.",
    }
    assert UUID.fullmatch(refused.headers.pop("x-amzn-requestid"))
    assert refused.headers == {
        "content-type": "application/x-amz-json-1.1",
        "connection": "close",
        "content-length": str(len(refused.body)),
    }


@pytest.mark.parametrize(
    "messages",
    [
        [],
        [part(b"a", more=True)],
        [part(b"a", more=True, after=0.03), part(b"b", more=True, after=0.03), part(b"c", after=0.03)],
    ],
    ids=["never begins", "never ends", "trickles"],
)
def test_a_body_that_takes_too_long_is_refused(monkeypatch: pytest.MonkeyPatch, messages: list[dict[str, Any]]):
    monkeypatch.setattr(asgi, "BODY_TIMEOUT_S", 0.05)
    refused = exchange(make_edge(core := Core()), *messages)
    assert refused.fault == (408, "RequestTimeoutException")
    assert core.requests == []


@pytest.mark.parametrize("messages", [[], [part(b"a", more=True)]], ids=["at once", "half way"])
def test_a_client_that_hangs_up_is_not_answered_and_its_request_is_not_run(messages: list[dict[str, Any]]):
    gone = exchange(make_edge(core := Core()), *messages, {"type": "http.disconnect"})
    assert (gone.sent, core.requests) == (0, [])


# Outcomes


def failing(error: Exception) -> Callable[[HttpRequest], Answer]:
    def outcome(_: HttpRequest) -> Answer:
        raise error

    return outcome


def test_an_answer_is_sent_with_its_length():
    core = Core(lambda _: Answer(418, [(b"X-A", b"b")], b"tea"))
    answered = exchange(make_edge(core), part(b""))
    assert (answered.status, answered.headers, answered.body) == (418, {"x-a": "b", "content-length": "3"}, b"tea")


def test_an_unexpected_failure_is_an_internal_error_without_its_text(caplog: Any):
    failed = exchange(make_edge(Core(failing(ValueError("hunter2")))), part(b""))
    assert failed.fault == (500, "InternalServiceError")
    assert b"hunter2" not in failed.body
    assert "hunter2" in caplog.text


def test_the_loop_goes_on_while_an_answer_is_pending():
    future: Future[None] = Future()

    def outcome(request: HttpRequest) -> Answer | Pending:
        if request.raw_path == b"/slow":
            return Pending(future, lambda done: Answer(200, [], f"slow {done.done()}".encode()))
        return Answer(200, [], b"quick")

    edge = make_edge(Core(outcome))
    slow, quick = Exchange([part(b"")]), Exchange([part(b"")])

    async def main() -> None:
        waiting = asyncio.create_task(edge(scope(path="/slow"), slow.receive, slow.send))
        await edge(scope(path="/quick"), quick.receive, quick.send)
        assert (quick.body, slow.sent) == (b"quick", 0)
        threading.Thread(target=future.set_result, args=(None,)).start()
        async with asyncio.timeout(PATIENCE):
            await waiting

    asyncio.run(main())
    assert slow.body == b"slow True"


def test_a_pending_call_that_fails_is_answered_and_complains_to_nobody():
    def outcome(_: HttpRequest) -> Pending:
        future: Future[None] = Future()
        threading.Timer(0.01, future.set_exception, [ResourceNotFoundException("not here")]).start()
        return Pending(future, lambda done: Answer(400, [], str(done.exception()).encode()))

    assert exchange(make_edge(Core(outcome)), part(b"")).body == b"not here"


def test_with_threads_the_core_runs_beside_the_loop():
    core = Core()
    with ThreadPoolExecutor(1, thread_name_prefix="requests") as threads:
        assert exchange(make_edge(core, threads=threads), part(b"a")).body == b"a"
    assert core.threads == {"requests_0"}


class Forwarder:
    def __init__(self) -> None:
        self.requests: list[HttpRequest] = []

    async def forward(self, request: HttpRequest) -> Answer:
        self.requests.append(request)
        if request.body == b"gone":
            raise ServiceUnavailableException("The writer is gone.")
        return Answer(200, [], b"from elsewhere")


def test_a_request_that_must_be_answered_elsewhere_is_forwarded_whole():
    forwarder, core = Forwarder(), Core(lambda _: Elsewhere())
    assert exchange(make_edge(core, forwarder=forwarder), part(b"a")).body == b"from elsewhere"
    assert forwarder.requests == core.requests


def test_a_writer_that_is_gone_is_service_unavailable():
    refused = exchange(make_edge(Core(lambda _: Elsewhere()), forwarder=Forwarder()), part(b"gone"))
    assert refused.fault == (503, "ServiceUnavailableException")


def test_a_worker_without_a_writer_to_forward_to_is_an_internal_error(caplog: Any):
    assert exchange(make_edge(Core(lambda _: Elsewhere())), part(b"")).fault == (500, "InternalServiceError")
    assert "nobody to forward to" in caplog.text


def test_what_is_not_http_is_left_alone():
    async def never(*_: object) -> None:
        raise AssertionError

    for kind in ("lifespan", "websocket"):
        asyncio.run(make_edge(Core())({"type": kind}, never, never))  # type: ignore[arg-type]


# Probes


def probe(path: str, probes: Probes | None = None, method: str = "GET") -> Exchange:
    return exchange(make_edge(Core(), probes=probes or Probes(lambda: None)), part(b"core"), path=path, method=method)


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("/healthz", {"status": "alive"}),
        ("/readyz", {"status": "ready"}),
        ("/version", {"name": "strongroom", "version": __version__}),
    ],
)
def test_probes_answer_in_json_without_the_core(path: str, content: dict[str, str]):
    answered = probe(path)
    assert (answered.status, json.loads(answered.body)) == (200, content)
    assert answered.headers["content-type"] == "application/json"
    assert answered.received == 0


def test_a_server_that_cannot_serve_is_alive_but_not_ready():
    sick = Probes(lambda: "the disk is gone")
    assert probe("/healthz", sick).status == 200
    answered = probe("/readyz", sick)
    assert (answered.status, json.loads(answered.body)) == (
        503,
        {"status": "not ready", "reason": "the disk is gone"},
    )


def test_readiness_is_asked_beside_the_loop():
    asked: list[threading.Thread] = []
    assert probe("/readyz", Probes(lambda: asked.append(threading.current_thread()))).status == 200
    assert asked != [threading.main_thread()]


def test_a_readiness_check_that_fails_unexpectedly_is_answered(caplog: Any):
    def unready() -> str | None:
        raise ValueError("hunter2")

    failed = probe("/readyz", Probes(unready))
    assert failed.fault == (500, "InternalServiceError")
    assert b"hunter2" not in failed.body


def test_metrics_are_shown_only_when_switched_on():
    assert probe("/metrics").body == b"core"
    metrics = Metrics()
    metrics.increment("audit_failures_total")
    answered = probe("/metrics", Probes(lambda: None, metrics))
    assert (answered.status, answered.headers["content-type"]) == (200, "text/plain; version=0.0.4")
    assert b"\nstrongroom_audit_failures_total 1\n" in answered.body


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/healthz"), ("HEAD", "/readyz"), ("GET", "/healthz/"), ("GET", "/Healthz"), ("GET", "/")],
)
def test_other_methods_and_paths_are_the_cores(method: str, path: str):
    assert probe(path, method=method).body == b"core"
