"""Connections against a real server: bodies within limits, clients that leave or do not read, ends and beginnings."""

from __future__ import annotations

import json
import socket
import ssl
import threading
import time
from concurrent.futures import Future
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

import pytest

from strongroom.wire import http_protocol
from strongroom.wire.exchange import Answer, HttpRequest, Pending
from strongroom.wire.http_guard import MAX_BODY_BYTES
from support.certificates import make_certificate
from support.edge_server import (
    PATIENCE,
    UUID,
    Connection,
    Core,
    EdgeServer,
    assert_refused,
    connected,
    echo,
    edge_server,
    request,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

CHUNKED = b"transfer-encoding: chunked"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
ANSWERS: dict[bytes, Answer] = {
    b"/headers": Answer(418, [(b"x-amzn-RequestId", b"1"), (b"Content-Type", b"a/b"), (b"X-More", b"\t\xe9")], b"tea"),
    b"/value": Answer(200, [(b"X-A", b"b\r\nX-C: d")], b""),
    b"/name": Answer(200, [(b"X-A: b\r\nX-C", b"d")], b""),
    b"/status": Answer(999, [], b""),
    b"/large": Answer(200, [], b"x" * 1_000_000),
}


class Held:
    """Answers to `/held` wait until a test lets them go."""

    def __init__(self) -> None:
        self.futures: list[Future[None]] = []

    def __call__(self, got: HttpRequest) -> Answer | Pending:
        if got.raw_path == b"/held":
            self.futures.append(Future())
            return Pending(self.futures[-1], lambda _: Answer(200, [], b"held"))
        if got.raw_path == b"/fails":
            raise ValueError("hunter2")
        return ANSWERS.get(got.raw_path) or echo(got)

    def let_go(self) -> None:
        while self.futures:
            self.futures.pop().set_result(None)


@pytest.fixture(scope="module")
def held() -> Held:
    return Held()


@pytest.fixture(scope="module", params=["uvloop", "asyncio"])
def server(request: pytest.FixtureRequest, held: Held) -> Iterator[EdgeServer]:
    with edge_server(request.param, Core(held)) as one:
        yield one


@pytest.fixture
def port(server: EdgeServer) -> int:
    server.core.requests.clear()
    return server.port


def eventually(is_so: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.005)


# Requests as the core gets them


def test_a_request_is_handed_on_as_it_came(server: EdgeServer, port: int):
    with connected(port) as connection:
        connection.send(request(b"X-A: \xe9", b"x-a:b ", target=b"/a%20b?c=%64&&", method=b"PUT"))
        assert connection.receive().status == 200
    (got,) = server.core.requests
    assert (got.method, got.raw_path, got.query_string, got.body) == ("PUT", b"/a%20b", b"c=%64&&", b"{}")
    assert got.headers == [(b"host", b"a"), (b"x-a", b"\xe9"), (b"x-a", b"b "), (b"content-length", b"2")]
    assert (got.source_ip, got.http_version, got.tls_version) == ("127.0.0.1", "1.1", None)


@pytest.mark.parametrize("cut", [1, 10, 17, 18, 30])
def test_a_call_is_the_same_however_it_is_cut(server: EdgeServer, port: int, cut: int):
    with connected(port) as connection:
        for sent in (request(), request(b"x-a: b", body=b"[]")):
            connection.send(sent[:cut])
            time.sleep(0.02)
            connection.send(sent[cut:])
            assert connection.receive().status == 200
    first, second = server.core.requests
    for got in (first, second):
        assert (got.method, got.raw_path, got.query_string, got.http_version) == ("POST", b"/", b"", "1.1")
    assert (first.body, second.body, len(first.headers), len(second.headers)) == (b"{}", b"[]", 2, 3)


def test_nothing_of_a_request_is_left_for_the_next(server: EdgeServer, port: int):
    with connected(port) as connection:
        for sent in (
            request(b"x-a: b", target=b"/a?b"),
            request(length=False, body=b""),
            request(target=b"/c", body=b""),
            request(version=b"HTTP/1.0"),
        ):
            connection.send(sent)
            connection.receive()
    lines = [(got.raw_path, got.query_string, len(got.headers), got.body) for got in server.core.requests]
    assert lines == [(b"/a", b"b", 3, b"{}"), (b"/", b"", 1, b""), (b"/c", b"", 2, b""), (b"/", b"", 2, b"{}")]
    assert server.core.requests[-1].http_version == "1.0"


def test_the_address_may_be_of_version_6():
    core = Core()
    with (
        socket.create_server(("::1", 0), family=socket.AF_INET6) as listener,
        edge_server("uvloop", core, listener=listener) as server,
        socket.create_connection(("::1", server.port), timeout=PATIENCE) as client,
    ):
        client.sendall(request())
        client.recv(1)
    assert core.requests[0].source_ip == "::1"


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
def test_over_a_unix_socket_there_is_no_address(tmp_path_factory: pytest.TempPathFactory, loop: str):
    path, core = str(tmp_path_factory.mktemp("s") / "socket"), Core()
    with (
        socket.create_server(path, family=socket.AF_UNIX) as listener,
        edge_server(loop, core, listener=listener),
        socket.socket(socket.AF_UNIX) as client,
    ):
        client.settimeout(PATIENCE)
        client.connect(path)
        client.sendall(request())
        client.recv(1)
    assert core.requests[0].source_ip == ""


# Bodies


@pytest.mark.parametrize("is_chunked", [False, True])
def test_a_body_of_the_greatest_length_is_read(port: int, is_chunked: bool):  # noqa: FBT001
    body = b"x" * MAX_BODY_BYTES
    chunks = b"%x\r\n" % len(body) + body + b"\r\n0\r\n\r\n"
    with connected(port) as connection:
        connection.send(request(CHUNKED, length=False, body=chunks) if is_chunked else request(body=body))
        assert connection.receive().body == b"/ " + body


def test_a_body_in_many_small_chunks_is_put_together(port: int):
    with connected(port) as connection:
        connection.send(request(CHUNKED, length=False, body=b"1\r\na\r\n" * 100_000 + b"0\r\n\r\n"))
        assert connection.receive().body == b"/ " + b"a" * 100_000


@pytest.mark.parametrize("length", [b"1048577", b"0" * 40 + b"1048577", b"9" * 19])
def test_a_body_declared_too_long_is_refused_though_it_never_comes(server: EdgeServer, port: int, length: bytes):
    with connected(port) as connection:
        connection.send(request(b"content-length: " + length, length=False, body=b""))
        message = assert_refused(connection, 413, "RequestEntityTooLargeException")
        assert message == "The request body is longer than 1048576 bytes."
    assert server.core.requests == []


def test_a_length_beyond_all_numbers_is_refused(port: int):
    with connected(port) as connection:
        connection.send(request(b"content-length: " + b"9" * 30, length=False, body=b""))
        assert_refused(connection, 400, "BadRequestException")


def test_a_body_too_long_is_refused_and_its_rest_thrown_away(server: EdgeServer, port: int):
    with connected(port) as connection:
        connection.send(request(body=b"x" * 5_000_000))
        assert_refused(connection, 413, "RequestEntityTooLargeException")
    with connected(port) as connection:
        chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
        connection.send(request(CHUNKED, length=False, body=chunk * 60 + b"0\r\n\r\n"))
        assert_refused(connection, 413, "RequestEntityTooLargeException")
    assert server.core.requests == []


def test_of_a_body_without_end_only_so_much_is_thrown_away(port: int):
    with connected(port) as connection:
        connection.send(request(CHUNKED, length=False, body=b""))
        chunk, sent = b"100000\r\n" + b"x" * 0x100000 + b"\r\n", 0
        with pytest.raises((BrokenPipeError, ConnectionResetError)):  # noqa: PT012
            while sent < 100:
                connection.send(chunk)
                sent += 1
        assert sent < 40  # beyond what was read, the system's own buffers take some


def test_sizes_of_chunks_do_not_make_a_body_endless(monkeypatch: pytest.MonkeyPatch, port: int):
    monkeypatch.setattr(http_protocol, "MAX_IGNORED_BYTES", 500_000)
    with connected(port) as connection:
        connection.send(request(CHUNKED, length=False, body=b""))
        connection.send_what_is_taken((b"1;" + b"e" * 10_000 + b"\r\nx\r\n") * 200)
        assert connection.receive().status == 413


@pytest.mark.parametrize("sent", [b"", b"a"], ids=["never begins", "never ends"])
def test_a_body_that_takes_too_long_is_refused(monkeypatch: pytest.MonkeyPatch, port: int, sent: bytes):
    monkeypatch.setattr(http_protocol, "BODY_TIMEOUT", 0.1)
    with connected(port) as connection:
        connection.send(request(b"content-length: 3", length=False, body=sent))
        message = assert_refused(connection, 408, "RequestTimeoutException")
        assert message == "The request body did not arrive in time."


def test_a_body_that_trickles_does_not_win_time(monkeypatch: pytest.MonkeyPatch, port: int):
    monkeypatch.setattr(http_protocol, "BODY_TIMEOUT", 0.3)
    with connected(port) as connection:
        began = time.monotonic()
        connection.send(request(b"content-length: 1000", length=False, body=b""))
        while connection.is_silent(0.05) and time.monotonic() < began + PATIENCE:
            connection.send(b"x")
        assert 0.25 <= time.monotonic() - began < 2
        assert_refused(connection, 408, "RequestTimeoutException")


def test_a_client_that_asks_is_told_to_continue_and_only_once(port: int):
    with connected(port) as connection:
        for _ in range(2):
            connection.send(request(b"Expect: 100-Continue", b"content-length: 2", length=False, body=b""))
            assert connection.socket.recv(100) == CONTINUE
            connection.send(b"{")
            assert connection.is_silent(0.05)
            connection.send(b"}")
            assert connection.receive().body == b"/ {}"


@pytest.mark.parametrize(
    "sent",
    [
        request(b"expect: 100-continue"),
        request(b"expect: 100-continue", b"content-length: 0", length=False, body=b""),
    ],
    ids=["body sent", "no body"],
)
def test_a_client_that_did_not_wait_is_answered_without_further_ado(port: int, sent: bytes):
    with connected(port) as connection:
        connection.send(sent)
        assert connection.receive().status == 200


def test_a_client_of_http_1_0_is_not_told_to_continue(port: int):
    head = request(b"expect: 100-continue", b"content-length: 2", version=b"HTTP/1.0", length=False, body=b"")
    with connected(port) as connection:
        connection.send(head)
        assert connection.is_silent(0.1)
        connection.send(b"{}")
        assert connection.receive().status == 200


def test_a_client_that_asks_for_too_much_is_refused_at_once(port: int):
    with connected(port) as connection:
        connection.send(request(b"expect: 100-continue", b"content-length: 1048577", length=False, body=b""))
        assert_refused(connection, 413, "RequestEntityTooLargeException")


# Answers


def test_an_answer_on_the_wire_is_dated_and_its_headers_are_in_lower_case(port: int):
    with connected(port) as connection:
        connection.send(request(target=b"/headers"))
        head, _, body = connection.socket.recv(10_000).partition(b"\r\n\r\n")
    status_line, date, *lines = head.split(b"\r\n")
    assert status_line == b"HTTP/1.1 418 I'm a Teapot"
    assert abs(parsedate_to_datetime(date.removeprefix(b"date: ").decode()).timestamp() - time.time()) < 5
    assert lines == [b"x-amzn-requestid: 1", b"content-type: a/b", b"x-more: \t\xe9", b"content-length: 3"]
    assert body == b"tea"


@pytest.mark.parametrize("target", [b"/value", b"/name", b"/status"])
def test_an_answer_that_would_break_out_of_its_headers_is_an_internal_error(port: int, target: bytes, caplog):
    with connected(port) as connection:
        connection.send(request(target=target))
        answer = connection.receive()
        assert (answer.status, json.loads(answer.body)["__type"]) == (500, "InternalServiceError")
        assert "x-c" not in {name.lower() for name in answer.headers}
        assert connection.is_closed()


def test_a_failure_of_the_core_is_answered_in_aws_form_and_logged(port: int, caplog):
    with connected(port) as connection:
        connection.send(request(target=b"/fails"))
        answer = connection.receive()
        assert (answer.status, answer.headers["connection"]) == (500, "close")
        assert UUID.fullmatch(answer.headers["x-amzn-requestid"])
        assert b"hunter2" not in answer.body
        assert connection.is_closed()
    assert "hunter2" in caplog.text


def test_an_answer_to_head_tells_the_length_of_a_body_it_does_not_have(port: int):
    with connected(port) as connection:
        connection.send(request(method=b"HEAD", target=b"/abc", body=b""))
        assert connection.receive(has_body=False).headers["content-length"] == "5"
        connection.send(request())
        assert connection.receive().body == b"/ {}"


def test_a_refusal_after_head_has_its_body(port: int):
    with connected(port) as connection:
        connection.send(request(method=b"HEAD", body=b""))
        connection.receive(has_body=False)
        connection.send(b"?\r\n\r\n")
        assert_refused(connection, 400, "BadRequestException")


@pytest.mark.parametrize(
    "sent",
    [
        request(b"connection: close"),
        request(b"Connection: Keep-Alive, Close"),
        request(version=b"HTTP/1.0"),
        request(b"connection: keep-alive", version=b"HTTP/1.0"),
    ],
    ids=["close", "close in a list", "1.0", "1.0 that would stay"],
)
@pytest.mark.parametrize("target", [b"/", b"/slow"])
def test_the_answer_to_a_client_that_will_not_stay_says_close(port: int, sent: bytes, target: bytes):
    with connected(port) as connection:
        connection.send(sent.replace(b"POST /", b"POST " + target, 1))
        answer = connection.receive()
        assert (answer.status, answer.headers["connection"]) == (200, "close")
        assert connection.is_closed()


def test_a_client_of_http_1_1_stays(port: int):
    with connected(port) as connection:
        connection.send(request())
        assert "connection" not in connection.receive().headers


# Clients that leave, and clients that do not read


def test_a_client_that_leaves_before_its_answer_does_no_harm(server: EdgeServer, port: int, held: Held, caplog):
    with connected(port) as connection:
        connection.send(request(target=b"/held"))
        eventually(lambda: held.futures)
    held.let_go()
    eventually(lambda: not server.connections)
    with connected(port) as connection:
        connection.send(request())
        assert connection.receive().status == 200
    assert caplog.text == ""


def test_a_client_that_breaks_off_before_its_answer_does_no_harm(server: EdgeServer, port: int, held: Held):
    connection = Connection(port)
    connection.send(request(target=b"/held"))
    eventually(lambda: held.futures)
    connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # a reset
    connection.socket.close()
    eventually(lambda: not server.connections)
    held.let_go()


@pytest.mark.parametrize("target", [b"/", b"/slow"])
def test_a_client_that_says_it_has_sent_all_is_answered(server: EdgeServer, port: int, target: bytes):
    with connected(port) as connection:
        connection.send(request(target=target))
        connection.socket.shutdown(socket.SHUT_WR)
        assert connection.receive().body == target + b" {}"
        assert connection.is_closed()
    eventually(lambda: not server.connections)


@pytest.mark.parametrize("sent", [b"", b"POST", request()[:-1]], ids=["nothing", "head", "body"])
def test_a_client_that_ends_before_its_request_does_is_let_go(port: int, sent: bytes):
    with connected(port) as connection:
        connection.send(sent)
        connection.socket.shutdown(socket.SHUT_WR)
        assert connection.is_closed()


def test_a_client_that_never_reads_is_let_go(server: EdgeServer, port: int):
    with connected(port) as connection:
        for _ in range(20):
            connection.send(request(target=b"/large"))
            time.sleep(0.005)
        eventually(lambda: server.connections)
        eventually(lambda: not server.connections)


def test_an_idle_connection_holds_nothing_of_its_last_request(server: EdgeServer, port: int):
    with connected(port) as connection:
        for body in (b"a canary", b"a canary" * 50_000):
            connection.send(request(b"x-a: canary", target=b"/canary", body=body))
            connection.receive()
            (protocol,) = server.connections
            assert (protocol._headers, protocol._url, protocol._body) == ([], b"", b"")


# Servers of their own, that are patient and that stop


@pytest.fixture(params=["uvloop", "asyncio"])
def stopping(request: pytest.FixtureRequest, held: Held) -> Iterator[EdgeServer]:
    with edge_server(request.param, Core(held), keep_alive=60, grace=PATIENCE) as one:
        yield one


def test_requests_of_a_client_that_does_not_read_are_not_read(stopping: EdgeServer):
    def is_read(count: int) -> bool:
        deadline = time.monotonic() + 0.5
        while len(stopping.core.requests) < count and time.monotonic() < deadline:
            time.sleep(0.005)
        return len(stopping.core.requests) >= count

    with connected(stopping.port) as connection:
        sent = 0
        while sent < 100:
            connection.send(request(target=b"/large"))
            sent += 1
            if not is_read(sent):
                break
        assert 1 < sent < 50  # the system's own buffers take some
        for _ in range(sent):
            assert len(connection.receive().body) == 1_000_000
        connection.send(request())
        assert connection.receive().body == b"/ {}"


def test_idle_connections_are_closed_when_the_server_stops(stopping: EdgeServer):
    with connected(stopping.port) as fresh, connected(stopping.port) as idle, connected(stopping.port) as begun:
        idle.send(request())
        idle.receive()
        begun.send(b"POST / HT")
        eventually(lambda: len(stopping.connections) == 3)
        began = time.monotonic()
        stopping.stop()
        assert fresh.is_closed()
        assert idle.is_closed()
        assert begun.is_closed()
        assert time.monotonic() - began < 2


def test_a_connection_that_waits_for_its_answer_gets_it_when_the_server_stops(stopping: EdgeServer, held: Held):
    with connected(stopping.port) as waiting, connected(stopping.port) as sending:
        waiting.send(request(target=b"/held"))
        sending.send(request()[:-1])
        eventually(lambda: held.futures)
        stopping.stop()
        assert waiting.is_silent(0.3)
        held.let_go()
        sending.send(b"}")
        for connection, body in ((waiting, b"held"), (sending, b"/ {}")):
            answer = connection.receive()
            assert (answer.body, answer.headers["connection"]) == (body, "close")
            assert connection.is_closed()


def test_what_is_under_way_is_given_up_at_a_second_interrupt_and_not_at_the_first(stopping: EdgeServer, held: Held):
    with connected(stopping.port) as waiting:
        waiting.send(request(target=b"/held"))
        eventually(lambda: held.futures)
        stopping.interrupt()
        assert waiting.is_silent(0.3)
        stopping.interrupt()
        assert waiting.is_closed()
    held.let_go()


def test_what_takes_longer_than_the_time_of_grace_is_given_up_and_logged(held: Held, caplog: pytest.LogCaptureFixture):
    with edge_server("uvloop", Core(held), keep_alive=60, grace=0.1) as server, connected(server.port) as waiting:
        waiting.send(request(target=b"/held"))
        eventually(lambda: held.futures)
        server.stop()
        assert waiting.is_closed()
        eventually(lambda: "Gave up 1 connections" in caplog.text)
    held.let_go()


def test_a_refused_connection_does_not_hold_up_the_server(monkeypatch: pytest.MonkeyPatch, stopping: EdgeServer):
    monkeypatch.setattr(http_protocol, "LINGER", 60.0)
    with connected(stopping.port) as refused:
        refused.send(b"?\r\n\r\n")
        assert refused.receive().status == 400
        stopping.stop()
        eventually(lambda: not stopping.connections)


def test_the_server_stops_while_clients_come_and_go(stopping: EdgeServer):
    def visit() -> None:
        for _ in range(20):
            try:
                with connected(stopping.port) as connection:
                    connection.send(request(target=b"/slow"))
                    connection.receive()
            except (OSError, AssertionError):
                return

    visitors = [threading.Thread(target=visit) for _ in range(5)]
    for visitor in visitors:
        visitor.start()
    time.sleep(0.3)
    stopping.stop()
    for visitor in visitors:
        visitor.join()
    eventually(lambda: not stopping.connections)


# TLS


@pytest.fixture(params=["uvloop", "asyncio"])
def secure(request: pytest.FixtureRequest, held: Held, tmp_path: Path) -> Iterator[EdgeServer]:
    certificate, key = make_certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with edge_server(request.param, Core(held), keep_alive=60, grace=60, tls=context) as one:
        yield one


@contextmanager
def connected_securely(port: int) -> Iterator[Connection]:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    connection = Connection(port)
    connection.socket = context.wrap_socket(connection.socket)
    with connection.socket:
        yield connection


def test_requests_over_tls_are_answered_and_know_its_version(secure: EdgeServer):
    with connected_securely(secure.port) as connection:
        for target in (b"/", b"/slow", b"/large"):
            connection.send(request(target=target))
            assert connection.receive().status == 200
        connection.send(request(b"connection: close"))
        assert connection.receive().headers["connection"] == "close"
        assert connection.is_closed()
    assert {got.tls_version for got in secure.core.requests} == {"TLSv1.3"}
    assert {got.source_ip for got in secure.core.requests} == {"127.0.0.1"}


def test_refusals_over_tls_reach_the_client_though_it_sends_on(monkeypatch: pytest.MonkeyPatch, secure: EdgeServer):
    monkeypatch.setattr(http_protocol, "LINGER", 0.5)
    with connected_securely(secure.port) as connection:
        connection.send(b"?\r\n\r\n")
        assert_refused(connection, 400, "BadRequestException")
    with connected_securely(secure.port) as connection:
        connection.send(request(body=b"x" * 3_000_000))
        assert_refused(connection, 413, "RequestEntityTooLargeException")


def test_idle_connections_with_tls_do_not_hold_up_the_server(secure: EdgeServer):
    with connected_securely(secure.port) as idle, connected_securely(secure.port) as fresh:
        idle.send(request())
        idle.receive()
        eventually(lambda: len(secure.connections) == 2)
        began = time.monotonic()
        secure.stop()  # neither client reads, so neither would answer a farewell
        eventually(lambda: not secure.connections)
        assert time.monotonic() - began < 2
        assert not fresh.buffer
