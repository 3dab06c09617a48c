"""Raw bytes against a real server: what is answered, in what form, and whether the connection goes on."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from strongroom.wire import http_protocol
from support.edge_server import PATIENCE, assert_refused, connected, edge_server, request

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module", params=["uvloop", "asyncio"])
def port(request: pytest.FixtureRequest) -> Iterator[int]:
    with edge_server(request.param) as server:
        yield server.port


CHUNKED = b"transfer-encoding: chunked"

GUARDED = {
    "repeated Authorization": request(b"authorization: a", b"authorization: b"),
    "repeated Host": request(b"host: b"),
    "repeated target": request(b"x-amz-target: a", b"X-Amz-Target: b"),
    "underscore for hyphen": request(b"X-Amz-Target: a", b"X_Amz_Target: b"),
    "no Host": request(host=b""),
    "bytes beyond ASCII": request(b"authorization: \xe9"),
    "repeated Content-Type": request(b"content-type: a", b"content-type: b"),
    "101 headers": request(*(b"x-%d: 1" % number for number in range(99))),
}

REFUSED = {
    "Transfer-Encoding and Content-Length": request(CHUNKED, body=b"2\r\n{}\r\n0\r\n\r\n"),
    "two Content-Lengths": request(b"content-length: 5"),
    "Content-Length with a sign": request(b"content-length: +2", length=False),
    "folded header": request(b"x-amz-target: a\r\n b"),
    "absolute form": request(target=b"http://evil/p"),
    "absolute form, encrypted": request(target=b"https://evil:443/"),
    "asterisk form": request(target=b"*", method=b"OPTIONS"),
    "authority form": request(target=b"evil:443", method=b"CONNECT"),
    "target with fragment": request(target=b"/#fragment"),
    "target beyond ASCII": request(target=b"/\xe9"),
    "space in target": request(target=b"/a b"),
    "space before colon": request(b"x-amz-target : a"),
    "space in name": request(b"x amz: a"),
    "bare line feed": request().replace(b"\r\n", b"\n"),
    "null in value": request(b"x-amz-target: a\x00b"),
    "no name": request(b": a"),
    "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "TLS greeting": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 32,
    "unknown method": request(method=b"TAKE"),
    "unknown version": request(version=b"HTTP/3.7"),
    "WebSocket": request(b"connection: upgrade", b"upgrade: websocket", method=b"GET"),
    "h2c": request(b"connection: Upgrade, HTTP2-Settings", b"upgrade: h2c", b"http2-settings: AAMAAABk"),
    "trailers": request(CHUNKED, length=False, body=b"2\r\n{}\r\n0\r\nx-amz-target: late\r\n\r\n"),
    "wrong chunk size, awaited": request(CHUNKED, b"expect: 100-continue", length=False, body=b"zz\r\n{}\r\n0\r\n\r\n"),
    "wrong chunk size": request(CHUNKED, length=False, body=b"zz\r\n{}\r\n0\r\n\r\n"),
}


def test_plain_requests_are_answered_on_one_connection(port):
    with connected(port) as connection:
        for body in (b"{}", b"", b"x" * 200_000):
            connection.send(request(body=body))
            answer = connection.receive()
            assert (answer.status, answer.body) == (200, b"/ " + body)


def test_request_in_pieces_is_answered(port):
    with connected(port) as connection:
        for byte in request():
            connection.send(bytes([byte]))
        assert connection.receive().body == b"/ {}"


def test_chunked_body_is_answered(port):
    with connected(port) as connection:
        connection.send(request(CHUNKED, length=False, body=b"1\r\n{\r\n1\r\n}\r\n0\r\n\r\n"))
        assert connection.receive().body == b"/ {}"


def test_empty_line_between_requests_is_ignored(port):
    with connected(port) as connection:
        connection.send(request() + b"\r\n")
        assert connection.receive().status == 200
        connection.send(b"\r\n" + request())
        assert connection.receive().status == 200


@pytest.mark.parametrize("sent", GUARDED.values(), ids=GUARDED)
def test_guard_sees_what_the_parser_lets_through(port, sent):
    with connected(port) as connection:
        connection.send(sent)
        assert connection.receive().status in {400, 431}


@pytest.mark.parametrize("sent", REFUSED.values(), ids=REFUSED)
def test_malformed_request_is_answered_in_aws_form_and_the_connection_closed(port, sent):
    with connected(port) as connection:
        connection.send(sent)
        message = assert_refused(connection, 400, "BadRequestException")
        assert message.endswith(".")


def test_refusal_does_not_echo_what_was_sent(port):
    with connected(port) as connection:
        connection.send(request(b"canary : a", target=b"http://canary/"))
        assert "canary" not in assert_refused(connection, 400, "BadRequestException")


def test_each_refusal_has_its_own_request_id(port):
    seen = set()
    for _ in range(2):
        with connected(port) as connection:
            connection.send(b"?\r\n\r\n")
            seen.add(connection.receive().headers["x-amzn-requestid"])
    assert len(seen) == 2


@pytest.mark.parametrize(
    "sent",
    [
        request(b"x: " + b"v" * 65_536),
        request(*(b"x-%d: %s" % (number, b"v" * 1000) for number in range(70))),
        request(target=b"/" + b"p" * 65_536),
        request(body=b"")[:-2] + b"x: " + b"v" * 100_000,
        b"\r\n" * 40_000,
    ],
    ids=["one header", "many headers", "target", "unfinished", "empty lines"],
)
def test_head_beyond_64_kib_is_refused(port, sent):
    with connected(port) as connection:
        connection.send(sent)
        assert_refused(connection, 431, "RequestHeaderFieldsTooLargeException")


def test_head_just_below_64_kib_is_answered_however_large_the_body(port):
    with connected(port) as connection:
        connection.send(request(b"x: " + b"v" * 65_400, body=b"b" * 100_000))
        assert connection.receive().body == b"/ " + b"b" * 100_000


@pytest.fixture
def hurry(monkeypatch):
    monkeypatch.setattr(http_protocol, "HEADER_TIMEOUT", 0.2)


@pytest.mark.parametrize("sent", [b"", b"\r\n", b"POST", request()[:-5]], ids=["nothing", "line", "method", "headers"])
def test_slow_headers_are_refused(port, hurry, sent):
    with connected(port) as connection:
        connection.send(sent)
        assert_refused(connection, 408, "RequestTimeoutException")


@pytest.mark.parametrize("sent", [b"\r\n", b"POST / HT"], ids=["line", "method"])
def test_slow_headers_of_a_later_request_are_refused(port, hurry, sent):
    with connected(port) as connection:
        connection.send(request())
        assert connection.receive().status == 200
        connection.send(sent)
        assert_refused(connection, 408, "RequestTimeoutException")


def test_drip_does_not_win_time(port, hurry):
    with connected(port) as connection:
        began = time.monotonic()
        connection.send(b"POST / HTTP/1.1\r\nhost: a\r\n")
        while connection.is_silent() and time.monotonic() < began + PATIENCE:
            connection.send(b"x: 1\r\n")
            time.sleep(0.05)
        assert 0.2 <= time.monotonic() - began < 1
        assert_refused(connection, 408, "RequestTimeoutException")


def test_complete_headers_stop_the_clock(port, hurry):
    with connected(port) as connection:
        connection.send(request()[:-1])
        time.sleep(0.5)
        connection.send(b"}")
        assert connection.receive().status == 200
        time.sleep(0.5)
        connection.send(request())
        assert connection.receive().status == 200


def test_idle_connection_is_closed_by_the_keep_alive_timeout_without_a_word(port):
    with connected(port) as connection:
        connection.send(request())
        assert connection.receive().status == 200
        assert connection.is_closed()


def test_pipelined_request_is_refused_after_the_answer_that_is_due(port):
    with connected(port) as connection:
        connection.send(request(target=b"/slow") + request(target=b"/second"))
        assert connection.receive().body == b"/slow {}"
        message = assert_refused(connection, 400, "BadRequestException")
        assert message == "A request must wait for the answer to the one before it."


def test_refusal_does_not_overtake_the_answer_that_is_due(port):
    with connected(port) as connection:
        connection.send(request(target=b"/slow"))
        time.sleep(0.05)
        connection.send(b"garbage\x00\r\n\r\n")
        assert connection.receive().body == b"/slow {}"
        assert_refused(connection, 400, "BadRequestException")


def test_nothing_follows_the_answer_to_a_request_that_closes(port):
    with connected(port) as connection:
        connection.send(request(b"connection: close", target=b"/slow") + request())
        assert connection.receive().body == b"/slow {}"
        assert connection.is_closed()


def test_client_that_leaves_early_does_no_harm(port):
    for sent in (b"", b"POST", request(target=b"/slow"), b"garbage\r\n\r\n"):
        with connected(port) as connection:
            connection.send(sent)
    with connected(port) as connection:
        connection.send(request())
        assert connection.receive().status == 200
