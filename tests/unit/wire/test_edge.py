"""The edge: answers at once, answers waited for without blocking, answers from elsewhere, probes."""

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
from strongroom.errors import RequestEntityTooLargeException, ResourceNotFoundException
from strongroom.metrics import Metrics
from strongroom.wire.edge import Edge, Probes
from strongroom.wire.exchange import Answer, HttpRequest, Pending
from support.edge_server import Core
from support.entropy import SeededEntropy

if TYPE_CHECKING:
    from collections.abc import Callable

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
PATIENCE = 5.0


def echoing() -> Core:
    return Core(lambda request: Answer(200, [], request.body))


@dataclass
class Waiting:
    """A client that has handed a request in."""

    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    answers: list[Answer] = field(default_factory=list)
    threads: list[str] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    def respond(self, answer: Answer) -> None:
        self.answers.append(answer)
        self.threads.append(threading.current_thread().name)
        self.arrived.set()

    async def answer(self) -> Answer:
        async with asyncio.timeout(PATIENCE):
            await self.arrived.wait()
        (answer,) = self.answers
        return answer


@dataclass
class Told:
    """An answer as a client sees it, and whether it came at once."""

    answer: Answer
    at_once: bool

    @property
    def status(self) -> int:
        return self.answer.status

    @property
    def body(self) -> bytes:
        return self.answer.body

    @property
    def headers(self) -> dict[str, str]:
        headers = {name.decode().lower(): value.decode() for name, value in self.answer.headers}
        assert len(headers) == len(self.answer.headers)
        return headers

    @property
    def fault(self) -> tuple[int, str]:
        return self.status, json.loads(self.body)["__type"]


def make_edge(core: Core, **options: Any) -> Edge:
    probes = options.pop("probes", Probes(lambda: None))
    return Edge(core, probes, SeededEntropy(), **options)  # type: ignore[arg-type]


def read(body: bytes = b"", method: str = "POST", path: str = "/") -> HttpRequest:
    return HttpRequest(method, path.encode(), b"", [(b"host", b"localhost")], body, "192.0.2.9")


def exchange(edge: Edge, request: HttpRequest) -> Told:
    """Run one request to its end; what the loop would have logged is a failure."""
    complaints: list[dict[str, Any]] = []

    async def main() -> Told:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
        waiting = Waiting()
        answer = edge.begin(request, waiting)
        told = Told(await waiting.answer() if answer is None else answer, answer is not None)
        assert set(waiting.threads) <= {threading.main_thread().name}
        await asyncio.sleep(0.01)  # other threads let go of what they hold
        gc.collect()
        assert waiting.tasks == set()
        return told

    told = asyncio.run(main())
    assert complaints == []
    return told


# Outcomes


def failing(error: Exception) -> Callable[[HttpRequest], Answer]:
    def outcome(_: HttpRequest) -> Answer:
        raise error

    return outcome


def test_an_answer_that_is_there_is_given_at_once_and_as_it_is():
    answer = Answer(418, [(b"X-A", b"b")], b"tea")
    told = exchange(make_edge(Core(lambda _: answer)), read())
    assert told.at_once
    assert told.answer is answer


def test_an_unexpected_failure_is_an_internal_error_without_its_text(caplog: Any):
    failed = exchange(make_edge(Core(failing(ValueError("hunter2")))), read())
    assert failed.fault == (500, "InternalServiceError")
    assert b"hunter2" not in failed.body
    assert "hunter2" in caplog.text


def test_a_refusal_is_an_aws_error_with_a_request_id_and_the_last_on_its_connection():
    answer = make_edge(Core()).refused(RequestEntityTooLargeException("Too long."))
    refused = Told(answer, at_once=True)
    assert json.loads(refused.body) == {"__type": "RequestEntityTooLargeException", "message": "Too long."}
    headers = refused.headers
    assert refused.status == 413
    assert UUID.fullmatch(headers.pop("x-amzn-requestid"))
    assert headers == {"content-type": "application/x-amz-json-1.1", "connection": "close"}


def test_the_loop_goes_on_while_an_answer_is_pending():
    future: Future[None] = Future()

    def outcome(request: HttpRequest) -> Answer | Pending:
        if request.raw_path == b"/slow":
            return Pending(future, lambda done: Answer(200, [], f"slow {done.done()}".encode()))
        return Answer(200, [], b"quick")

    edge = make_edge(Core(outcome))

    async def main() -> Answer:
        slow = Waiting()
        assert edge.begin(read(path="/slow"), slow) is None
        quick = edge.begin(read(path="/quick"), Waiting())
        assert quick is not None
        assert (quick.body, slow.answers) == (b"quick", [])
        threading.Thread(target=future.set_result, args=(None,)).start()
        return await slow.answer()

    assert asyncio.run(main()).body == b"slow True"


def test_a_pending_call_that_fails_is_answered_and_complains_to_nobody():
    def outcome(_: HttpRequest) -> Pending:
        future: Future[None] = Future()
        threading.Timer(0.01, future.set_exception, [ResourceNotFoundException("not here")]).start()
        return Pending(future, lambda done: Answer(400, [], str(done.exception()).encode()))

    assert exchange(make_edge(Core(outcome)), read()).body == b"not here"


def test_a_pending_call_whose_answer_cannot_be_made_is_an_internal_error(caplog: Any):
    def outcome(_: HttpRequest) -> Pending:
        future: Future[None] = Future()
        future.set_result(None)
        return Pending(future, lambda _: failing(ValueError("hunter2"))(read()))

    assert exchange(make_edge(Core(outcome)), read()).fault == (500, "InternalServiceError")
    assert "hunter2" in caplog.text


def test_calls_that_complete_together_wake_the_loop_once(monkeypatch: pytest.MonkeyPatch):
    futures: list[Future[None]] = []

    def outcome(request: HttpRequest) -> Pending:
        futures.append(Future())
        return Pending(futures[-1], lambda _: Answer(200, [], request.body))

    async def main() -> tuple[int, list[bytes]]:
        edge, clients, wakes = make_edge(Core(outcome)), [Waiting() for _ in range(50)], []
        loop = asyncio.get_running_loop()
        wake = loop.call_soon_threadsafe
        monkeypatch.setattr(loop, "call_soon_threadsafe", lambda *given: (wakes.append(given), wake(*given)))
        for number, client in enumerate(clients):
            edge.begin(read(str(number).encode()), client)
        # The loop stands still while the commit is told to its callers, as it may when it is busy.
        writer = threading.Thread(target=lambda: [future.set_result(None) for future in futures])
        writer.start()
        writer.join()
        return len(wakes), [(await client.answer()).body for client in clients]

    wakes, bodies = asyncio.run(main())
    assert wakes == 1
    assert bodies == [str(number).encode() for number in range(50)]


def test_calls_that_complete_from_many_threads_are_all_answered():
    with ThreadPoolExecutor(8) as writers:

        def outcome(request: HttpRequest) -> Pending:
            return Pending(writers.submit(lambda: None), lambda _: Answer(200, [], request.body))

        async def main() -> list[bytes]:
            edge, clients = make_edge(Core(outcome)), [Waiting() for _ in range(500)]
            for number, client in enumerate(clients):
                edge.begin(read(str(number).encode()), client)
                if number % 10 == 0:
                    await asyncio.sleep(0)
            return [(await client.answer()).body for client in clients]

        assert asyncio.run(main()) == [str(number).encode() for number in range(500)]


def test_a_client_that_fails_to_take_its_answer_costs_nobody_theirs(caplog: Any):
    class Failing(Waiting):
        def respond(self, answer: Answer) -> None:
            raise RuntimeError("gone")

    future: Future[None] = Future()

    async def main() -> None:
        edge, last = make_edge(Core(lambda _: Pending(future, lambda _: Answer(200, [], b"")))), Waiting()
        for client in (Failing(), last):
            edge.begin(read(), client)
        future.set_result(None)
        await last.answer()

    asyncio.run(main())
    assert "did not reach its client" in caplog.text


def test_a_call_that_completes_after_the_loop_was_closed_disturbs_nobody(caplog: Any):
    future: Future[None] = Future()
    edge, client = make_edge(Core(lambda _: Pending(future, lambda _: Answer(200, [], b"")))), Waiting()

    async def main() -> None:
        edge.begin(read(), client)

    asyncio.run(main())
    future.set_result(None)
    assert (client.answers, caplog.text) == ([], "")


def test_an_answer_may_take_more_than_one_wait():
    first, second = Future[None](), Future[None]()
    core = Core(lambda _: Pending(first, lambda _: Pending(second, lambda _: Answer(200, [], b"at last"))))
    first.set_result(None)
    second.set_result(None)
    told = exchange(make_edge(core), read())
    assert (told.body, told.at_once) == (b"at last", False)


def test_a_failure_after_a_wait_is_an_internal_error(caplog: Any):
    future = Future[None]()
    future.set_result(None)
    core = Core(lambda _: Pending(future, failing(ValueError("hunter2"))))
    assert exchange(make_edge(core), read()).status == 500
    assert "hunter2" in caplog.text


# Probes


def probe(path: str, probes: Probes | None = None, method: str = "GET") -> Told:
    core = Core(lambda _: Answer(200, [], b"core"))
    return exchange(make_edge(core, probes=probes or Probes(lambda: None)), read(method=method, path=path))


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
