"""Requests that write, from a worker to the one that may: whole, in any order, over restarts of either side."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import stat
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
import uvloop

from strongroom.errors import ServiceUnavailableException
from strongroom.wire.exchange import Answer, HttpRequest
from strongroom.wire.forward import Link, Writer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine
    from pathlib import Path

    from strongroom.wire.edge import Client
    from strongroom.wire.forward import Begin

PATIENCE = 10.0


LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
chosen: dict[str, Any] = {}


@pytest.fixture(params=LOOPS, autouse=True)
def _loop(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(chosen, "loop", LOOPS[request.param])


@pytest.fixture
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short one: the address of a Unix socket holds hardly more than a hundred bytes."""
    return tmp_path_factory.mktemp("w") / "writer.sock"


def request(body: bytes = b"{}", **changes: Any) -> HttpRequest:
    headers = [(b"host", b"localhost"), (b"x-a", b"\xff\x00")]
    members: dict[str, Any] = {"source_ip": "192.0.2.9", **changes}
    return HttpRequest("POST", b"/", b"a=b", headers, body, **members)


def touch(path: Path) -> None:
    path.write_bytes(b"left over")


def mode_of(path: Path) -> int:
    return path.stat().st_mode


async def echo(got: HttpRequest) -> Answer:
    return Answer(200, [(b"X-A", b"\xff")], got.body)


def run(main: Coroutine[Any, Any, None]) -> None:
    """Run to the end; what the loop would have logged is a failure."""
    complaints: list[dict[str, Any]] = []

    async def watched() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
        async with asyncio.timeout(PATIENCE):
            await main
            await asyncio.sleep(0.01)  # connections that were closed are let go of
        gc.collect()

    with asyncio.Runner(loop_factory=chosen["loop"]) as runner:
        runner.run(watched())
    gc.collect()
    assert complaints == []


@contextlib.asynccontextmanager
async def linked(path: Path):
    """Yield a link, and end it as the end of its process would."""
    link = Link(path, patience=0)
    yield link
    if link._frames is not None:
        link._frames.close()
        await asyncio.sleep(0.01)
    assert link._frames is None


async def forward(link: Link, sent: HttpRequest) -> Answer:
    """Return the answer, or raise what says that there is none."""
    future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

    def told(outcome: Answer | ServiceUnavailableException) -> None:
        if future.done():  # whoever asked has given up
            return
        if isinstance(outcome, Answer):
            future.set_result(outcome)
        else:
            future.set_exception(outcome)

    link.forward(sent, told)
    return await future


def beginning(answer: Callable[[HttpRequest], Awaitable[Answer]]) -> Begin:
    """Return what answers a client later, as the edge does."""

    async def respond(got: HttpRequest, client: Client) -> None:
        client.respond(await answer(got))

    def begin(got: HttpRequest, client: Client) -> None:
        task = asyncio.create_task(respond(got, client))
        client.tasks.add(task)
        task.add_done_callback(client.tasks.discard)

    return begin


def echo_at_once(got: HttpRequest, _client: Client) -> Answer:
    if got.body == b"bad":
        raise ValueError("hunter2")
    return Answer(200, [(b"X-A", b"\xff")], got.body)


@contextlib.asynccontextmanager
async def serving(path: Path, answer: Callable[[HttpRequest], Awaitable[Answer]] = echo):
    writer = Writer(path, beginning(answer))
    await writer.start()
    try:
        yield writer
    finally:
        await writer.stop()


def test_a_request_arrives_as_it_was_and_its_answer_comes_back(path: Path):
    arrived = []

    async def answer(got: HttpRequest) -> Answer:
        arrived.append(got)
        return Answer(400, [(b"X-A", b"\xff"), (b"X-A", b"")], b"\x00\xff")

    async def main() -> None:
        sent = request(b"\x00\xff", http_version="1.0", tls_version="TLSv1.3")
        async with serving(path, answer), linked(path) as link:
            assert await forward(link, sent) == Answer(400, [(b"X-A", b"\xff"), (b"X-A", b"")], b"\x00\xff")
        assert arrived == [sent]

    run(main())


def test_requests_under_way_at_once_get_their_own_answers_in_any_order(path: Path):
    async def slowest_first(got: HttpRequest) -> Answer:
        await asyncio.sleep(0.05 if int(got.body) % 2 else 0)
        return await echo(got)

    async def main() -> None:
        async with serving(path, slowest_first), linked(path) as link:
            bodies = [str(number).encode() for number in range(200)]
            answers = await asyncio.gather(*(forward(link, request(body)) for body in bodies))
            assert [answer.body for answer in answers] == bodies

    run(main())


def test_several_workers_share_a_writer(path: Path):
    async def main() -> None:
        async with serving(path), contextlib.AsyncExitStack() as stack:
            links = [await stack.enter_async_context(linked(path)) for _ in range(8)]
            answers = await asyncio.gather(
                *(forward(link, request(bytes([number]))) for number, link in enumerate(links))
            )
        assert [answer.body for answer in answers] == [bytes([number]) for number in range(8)]

    run(main())


def test_the_longest_request_and_an_answer_as_long_pass(path: Path):
    async def main() -> None:
        async with serving(path), linked(path) as link:
            body = bytes(range(256)) * 4_096
            answers = await asyncio.gather(*(forward(link, request(body)) for _ in range(4)))
            assert all(answer.body == body for answer in answers)

    run(main())


def frame(content: object) -> bytes:
    packed = msgspec.msgpack.encode(content)
    return len(packed).to_bytes(4, "big") + packed


async def read_frame(reader: asyncio.StreamReader) -> Any:
    length = int.from_bytes(await reader.readexactly(4), "big")
    return msgspec.msgpack.decode(await reader.readexactly(length))


def test_the_writer_puts_frames_together_that_arrive_in_pieces(path: Path):
    async def main() -> None:
        async with serving(path):
            reader, writer = await asyncio.open_unix_connection(path)
            for byte in frame((7, request(b"a"))) + frame((8, request(b"b"))):
                writer.write(bytes([byte]))
                await writer.drain()
            assert [(await read_frame(reader))[0] for _ in range(2)] == [7, 8]
            writer.close()

    run(main())


def test_a_worker_puts_frames_together_that_arrive_in_pieces(path: Path):
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number, _ = await read_frame(reader)
        for byte in frame((number, Answer(200, [], b"pieces"))):
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0)
        writer.close()

    async def main() -> None:
        async with await asyncio.start_unix_server(serve, path), linked(path) as link:
            assert (await forward(link, request())).body == b"pieces"

    run(main())


class Counting(asyncio.Protocol):
    """Answers what it is asked, and counts how often something arrived."""

    def __init__(self, arrivals: list[int]) -> None:
        self.arrivals = arrivals

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.arrivals.append(len(data))
        while data:
            end = 4 + int.from_bytes(data[:4], "big")
            number, _ = msgspec.msgpack.decode(data[4:end])
            self.transport.write(frame((number, Answer(200, [], b"counted"))))
            data = data[end:]


def test_requests_of_one_turn_leave_together(path: Path):
    arrivals: list[int] = []

    async def main() -> None:
        server = await asyncio.get_running_loop().create_unix_server(lambda: Counting(arrivals), str(path))
        async with linked(path) as link:
            await forward(link, request(b"first"))
            assert len(arrivals) == 1
            asked = [asyncio.create_task(forward(link, request(b"%d" % number))) for number in range(20)]
            assert {answer.body for answer in await asyncio.gather(*asked)} == {b"counted"}
            assert len(arrivals) == 2
        server.close()

    run(main())


def test_answers_of_one_turn_leave_together(path: Path):
    async def main() -> None:
        writer = Writer(path, echo_at_once)
        await writer.start()
        reader, asking = await asyncio.open_unix_connection(path)
        asking.write(b"".join(frame((number, request())) for number in range(20)))
        together = await reader.read(1 << 16)
        one = frame((0, echo_at_once(request(), asking)))  # type: ignore[arg-type]
        assert len(together) == 20 * len(one)
        asking.close()
        await writer.stop()

    run(main())


def test_a_writer_that_stops_while_a_worker_is_connected_ends_the_connection(path: Path):
    async def main() -> None:
        async with linked(path) as link:
            async with serving(path):
                await forward(link, request(b"a"))
            with pytest.raises(ServiceUnavailableException):
                await forward(link, request(b"b"))

    run(main())


def test_without_a_writer_the_service_is_unavailable(path: Path):
    async def main() -> None:
        with pytest.raises(ServiceUnavailableException):
            await forward(Link(path, patience=0), request())
        touch(path)
        with pytest.raises(ServiceUnavailableException):
            await forward(Link(path, patience=0), request())

    run(main())


def test_a_worker_is_not_ready_while_there_is_no_writer(path: Path):
    async def main() -> None:
        link = Link(path, patience=0)
        assert link.unready() == "the writing process is not reachable"
        async with serving(path):
            assert link.unready() is None
        touch(path)
        assert link.unready() == "the writing process is not reachable"

    run(main())


def test_a_writer_that_comes_later_is_found(path: Path):
    async def main() -> None:
        async with linked(path) as link:
            with pytest.raises(ServiceUnavailableException):
                await forward(link, request())
            async with serving(path):
                assert (await forward(link, request(b"a"))).body == b"a"

    run(main())


async def dying(path: Path) -> tuple[asyncio.Server, asyncio.Event]:
    """Start a writer that takes one request and then goes away without an answer."""
    gone = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_frame(reader)
        writer.close()
        gone.set()

    return await asyncio.start_unix_server(serve, path), gone


def test_requests_under_way_when_the_writer_goes_are_answered_unavailable(path: Path):
    async def main() -> None:
        server, _ = await dying(path)
        async with linked(path) as link:
            outcomes = await asyncio.gather(*(forward(link, request()) for _ in range(20)), return_exceptions=True)
        assert {type(outcome) for outcome in outcomes} == {ServiceUnavailableException}
        server.close()

    run(main())


def test_a_restarted_writer_is_found_again(path: Path):
    async def main() -> None:
        async with linked(path) as link:
            for body in (b"a", b"b", b"c"):
                server, gone = await dying(path)
                with pytest.raises(ServiceUnavailableException):
                    await forward(link, request())
                await gone.wait()
                server.close()
                async with serving(path):
                    assert (await forward(link, request(body))).body == body
                    assert (await forward(link, request(body))).body == body
                await asyncio.sleep(0.01)  # as long as it takes to be restarted

    run(main())


def test_requests_that_wait_for_a_writer_that_is_gone_wait_together_and_not_one_after_the_other(path: Path):
    async def main() -> None:
        link, began = Link(path, patience=0.3), asyncio.get_running_loop().time()
        outcomes = await asyncio.gather(*(forward(link, request()) for _ in range(10)), return_exceptions=True)
        assert {type(outcome) for outcome in outcomes} == {ServiceUnavailableException}
        assert asyncio.get_running_loop().time() - began < 1.5

    run(main())


def test_a_writer_that_stops_finishes_what_is_under_way(path: Path):
    started = asyncio.Event()

    async def slow(got: HttpRequest) -> Answer:
        started.set()
        await asyncio.sleep(0.05)
        return await echo(got)

    async def main() -> None:
        writer = Writer(path, beginning(slow))
        await writer.start()
        async with linked(path) as link:
            asking = asyncio.create_task(forward(link, request(b"a")))
            await started.wait()
            await writer.stop()
            assert (await asking).body == b"a"

    run(main())
    assert not path.exists()


def test_a_request_the_writer_fails_on_is_answered_unavailable(path: Path, caplog: Any):
    async def main() -> None:
        writer = Writer(path, echo_at_once)
        await writer.start()
        async with linked(path) as link:
            with pytest.raises(ServiceUnavailableException):
                await forward(link, request(b"bad"))
            assert (await forward(link, request(b"good"))).body == b"good"
        await writer.stop()

    run(main())
    assert "hunter2" in caplog.text


def test_a_worker_that_is_killed_before_its_answer_comes_is_no_failure_of_the_writer(path: Path):
    started, gone = asyncio.Event(), asyncio.Event()

    async def slow(got: HttpRequest) -> Answer:
        started.set()
        await gone.wait()
        await asyncio.sleep(0.05)
        return await echo(got)

    async def main() -> None:
        async with serving(path, slow), linked(path) as link:
            asking = [asyncio.create_task(forward(link, request())) for _ in range(3)]
            await started.wait()
            link._frames._transport.abort()
            gone.set()
            outcomes = await asyncio.gather(*asking, return_exceptions=True)
            assert {type(outcome) for outcome in outcomes} == {ServiceUnavailableException}
            assert (await forward(link, request(b"again"))).body == b"again"

    run(main())


def test_a_caller_that_gives_up_takes_nobody_elses_answer(path: Path):
    async def slow(got: HttpRequest) -> Answer:
        await asyncio.sleep(0.05)
        return await echo(got)

    async def main() -> None:
        async with serving(path, slow), linked(path) as link:
            impatient = asyncio.create_task(forward(link, request(b"a")))
            patient = asyncio.create_task(forward(link, request(b"b")))
            await asyncio.sleep(0.01)
            impatient.cancel()
            assert (await patient).body == b"b"
            assert (await forward(link, request(b"c"))).body == b"c"

    run(main())


def test_the_socket_is_for_its_owner_only_and_a_left_over_one_is_replaced(path: Path):
    modes = []

    async def look(got: HttpRequest) -> Answer:
        modes.append(mode_of(path))
        return await echo(got)

    async def main() -> None:
        async with serving(path, look), linked(path) as link:
            await forward(link, request())

    touch(path)
    run(main())
    assert [(stat.S_ISSOCK(mode), stat.S_IMODE(mode)) for mode in modes] == [(True, 0o600)]
    assert not path.exists()


def test_nonsense_on_the_socket_ends_that_connection_alone(path: Path, caplog: Any):
    async def main() -> None:
        async with serving(path), linked(path) as link:
            assert (await forward(link, request(b"a"))).body == b"a"
            reader, writer = await asyncio.open_unix_connection(path)
            writer.write(b"\x00\x00\x00\x01\xc1")
            assert await reader.read() == b""
            writer.close()
            assert (await forward(link, request(b"b"))).body == b"b"

    run(main())
    assert "not a request" in caplog.text


def test_nonsense_from_the_writer_is_answered_unavailable(path: Path, caplog: Any):
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_frame(reader)
        writer.write(b"\x00\x00\x00\x01\xc1")
        await reader.read()
        writer.close()

    async def main() -> None:
        async with await asyncio.start_unix_server(serve, path), linked(path) as link:
            with pytest.raises(ServiceUnavailableException):
                await forward(link, request())

    run(main())
    assert "not an answer" in caplog.text
