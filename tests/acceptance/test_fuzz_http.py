"""What is not quite HTTP, sent to a running server: every time an answer in AWS's form, soon, and nothing else.

The requests are signed where that is possible at all, so that nothing is refused for want of a signature.
"""

from __future__ import annotations

import contextlib
import json
import random
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from support.http_wire import Answer, Connection, ConnectionEnded, ask
from support.server import REGION, Server, running
from support.signing import Signer, render

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Headers = list[tuple[str, str]]

BODY = b'{"Name": "fuzz/http"}'
SLOWEST_HEADERS = 20.0
SLOWEST_BODY = 30.0
GRACE = 10.0


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    # Whoever fails as often as here would have to wait.
    with running(tmp_path_factory.mktemp("server"), STRONGROOM_AUTHN_FAILURES="0") as one:
        yield one


@pytest.fixture(scope="module")
def signer(server: Server) -> Signer:
    return Signer(*server.credentials, host=f"127.0.0.1:{server.port}", region=REGION)


class Slow:
    """A client that begins a request and then takes its time; it waits beside the other tests."""

    def __init__(self, port: int, content: bytes, trickle: bytes = b"") -> None:
        self._port, self._content, self._trickle = port, content, trickle
        self.answer: Answer | None = None
        self.seconds = 0.0
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        began = time.monotonic()
        # Where no test waits for the outcome, the server may be gone before it is reached.
        with (
            contextlib.suppress(ConnectionEnded, OSError),
            Connection(self._port, patience=SLOWEST_BODY + GRACE) as connection,
        ):
            connection.send(self._content)
            trickling = threading.Event()
            feeder = threading.Thread(target=self._feed, args=(connection, trickling), daemon=True)
            feeder.start()
            self.answer = connection.receive().require_aws_form()
            self.seconds = time.monotonic() - began
            trickling.set()
            feeder.join()

    def _feed(self, connection: Connection, done: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while self._trickle and not done.wait(0.5):
                connection.send(self._trickle)

    def outcome(self) -> tuple[Answer, float]:
        self._thread.join(SLOWEST_BODY + GRACE)
        assert self.answer is not None, "never answered"
        return self.answer, self.seconds


@pytest.fixture(scope="module", autouse=True)
def slow(server: Server, signer: Signer) -> dict[str, Slow]:
    whole = signer.message("CreateSecret", BODY)
    head, _, _ = whole.partition(b"\r\n\r\n")
    return {
        "half a request line": Slow(server.port, b"POST"),
        "half the headers": Slow(server.port, head),
        "headers that trickle": Slow(server.port, head, b"\r\nX-More: a"),
        "no body": Slow(server.port, head + b"\r\n\r\n"),
        "half a body": Slow(server.port, whole[:-5]),
        "a body that trickles": Slow(
            server.port,
            head.replace(b"Content-Length: 21", b"Content-Length: 1000") + b"\r\n\r\n",
            b" ",
        ),
    }


def secrets_of(server: Server) -> list[str]:
    return [secret["Name"] for secret in server.client().list_secrets()["SecretList"]]


def replaced(headers: Headers, name: str, *values: str) -> Headers:
    """Return the headers with one replaced by any number of it, at the same place."""
    kept: Headers = []
    for present, value in headers:
        kept += [(present, value)] if present.lower() != name.lower() else [(present, one) for one in values]
    return kept


def doubled(name: str) -> Callable[[Headers], bytes]:
    def build(headers: Headers) -> bytes:
        value = dict(headers)[name]
        return render("POST / HTTP/1.1", replaced(headers, name, value, value), BODY)

    return build


def with_line(line: str) -> Callable[[Headers], bytes]:
    return lambda headers: render(line, headers, BODY)


def with_header(name: str, value: str) -> Callable[[Headers], bytes]:
    return lambda headers: render("POST / HTTP/1.1", [*headers, (name, value)], BODY)


def whole(headers: Headers) -> bytes:
    return render("POST / HTTP/1.1", headers, BODY)


CASES: dict[str, tuple[Callable[[Headers], bytes], set[int]]] = {
    # request lines
    "no method": (with_line("/ HTTP/1.1"), {400}),
    "a method of its own": (with_line("PSOT / HTTP/1.1"), {400, 404}),
    "a method in lower case": (with_line("post / HTTP/1.1"), {400}),
    "no version": (with_line("POST /"), {400}),
    "a version to come": (with_line("POST / HTTP/3.0"), {400}),
    "another protocol": (with_line("POST / SIP/2.0"), {400}),
    "a blank at the end": (with_line("POST / HTTP/1.1 "), {400}),
    "a tab for a blank": (with_line("POST\t/ HTTP/1.1"), {400}),
    "a control byte in the target": (with_line("POST /\x01 HTTP/1.1"), {400}),
    "a byte beyond ASCII in the target": (with_line("POST /\xe9 HTTP/1.1"), {400}),
    "absolute form": (with_line("POST http://127.0.0.1/ HTTP/1.1"), {400}),
    "absolute form of another host": (with_line("POST http://elsewhere.example/ HTTP/1.1"), {400}),
    "authority form": (with_line("CONNECT 127.0.0.1:80 HTTP/1.1"), {400}),
    "asterisk form": (with_line("OPTIONS * HTTP/1.1"), {400}),
    "a fragment": (with_line("POST /#a HTTP/1.1"), {400}),
    "another path": (with_line("POST /secrets HTTP/1.1"), {404}),
    "a path that climbs": (with_line("POST /../ HTTP/1.1"), {404}),
    "a query that was not signed": (with_line("POST /?a=b HTTP/1.1"), {400}),
    "a long target": (with_line(f"POST /{'a' * 70_000} HTTP/1.1"), {400, 431}),
    "GET": (with_line("GET / HTTP/1.1"), {404}),
    "HTTP/2 preface": (lambda _: b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {400}),
    "TLS hello": (lambda _: b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200), {400}),
    "zeros": (lambda _: bytes(1_000), {400}),
    "empty lines only": (lambda _: b"\r\n" * 40_000, {400, 431}),
    # lengths
    "both lengths": (with_header("Transfer-Encoding", "chunked"), {400}),
    "two lengths": (lambda h: render("POST / HTTP/1.1", replaced(h, "Content-Length", "21", "22"), BODY), {400}),
    "the same length twice": (doubled("Content-Length"), {400}),
    "a length in hexadecimal": (
        lambda h: render("POST / HTTP/1.1", replaced(h, "Content-Length", "0x15"), BODY),
        {400},
    ),
    "a length with a sign": (lambda h: render("POST / HTTP/1.1", replaced(h, "Content-Length", "+21"), BODY), {400}),
    "a negative length": (lambda h: render("POST / HTTP/1.1", replaced(h, "Content-Length", "-1"), BODY), {400}),
    "a length list": (lambda h: render("POST / HTTP/1.1", replaced(h, "Content-Length", "21, 21"), BODY), {400}),
    "a length beyond all numbers": (
        lambda h: render("POST / HTTP/1.1", replaced(h, "Content-Length", "9" * 30), BODY),
        {400, 413},
    ),
    "a length beyond the limit": (
        lambda h: render("POST / HTTP/1.1", replaced(h, "Content-Length", "1048577"), BODY),
        {413},
    ),
    "another coding": (
        lambda h: render("POST / HTTP/1.1", [*replaced(h, "Content-Length"), ("Transfer-Encoding", "gzip")], BODY),
        {400},
    ),
    "a coding before chunked": (
        lambda h: render(
            "POST / HTTP/1.1", [*replaced(h, "Content-Length"), ("Transfer-Encoding", "gzip, chunked")], b"0\r\n\r\n"
        ),
        {400},
    ),
    "chunks of nonsense": (
        lambda h: render(
            "POST / HTTP/1.1", [*replaced(h, "Content-Length"), ("Transfer-Encoding", "chunked")], b"xyz\r\n"
        ),
        {400},
    ),
    "a chunk that is too long to be": (
        lambda h: render(
            "POST / HTTP/1.1",
            [*replaced(h, "Content-Length"), ("Transfer-Encoding", "chunked")],
            b"fffffffffffffffffff\r\n",
        ),
        {400},
    ),
    "trailers": (
        lambda h: render(
            "POST / HTTP/1.1",
            [*replaced(h, "Content-Length"), ("Transfer-Encoding", "chunked")],
            b"15\r\n" + BODY + b"\r\n0\r\nX-Amz-Target: secretsmanager.ListSecrets\r\n\r\n",
        ),
        {400},
    ),
    # headers
    "no host": (lambda h: render("POST / HTTP/1.1", replaced(h, "Host"), BODY), {400}),
    "two hosts": (doubled("Host"), {400}),
    "two signatures": (doubled("Authorization"), {400}),
    "two targets": (doubled("X-Amz-Target"), {400}),
    "two dates": (doubled("X-Amz-Date"), {400}),
    "two content types": (doubled("Content-Type"), {400}),
    "an underscore for a hyphen": (with_header("X_Amz_Target", "secretsmanager.DeleteSecret"), {400}),
    "a header with no name": (with_header("", "a"), {400}),
    "a blank in a name": (with_header("X Y", "a"), {400}),
    "a blank before the colon": (with_header("X-Y ", "a"), {400}),
    "a name beyond ASCII": (with_header("X-\xe9", "a"), {400}),
    "NUL in a value": (with_header("X-Y", "a\0b"), {400}),
    "a folded header": (with_header("X-Y", "a\r\n b"), {400}),
    "a bare line feed": (with_header("X-Y", "a\nX-Z: b"), {400}),
    "a bare carriage return": (with_header("X-Y", "a\rb"), {400}),
    "line feeds only": (lambda h: whole(h).replace(b"\r\n", b"\n"), {400}),
    "a line without a colon": (lambda h: whole(h).replace(b"\r\n\r\n", b"\r\nnonsense\r\n\r\n", 1), {400}),
    "a huge header": (with_header("X-Y", "a" * 100_000), {431}),
    "a thousand headers": (
        lambda h: render("POST / HTTP/1.1", [*h, *((f"X-{number}", "a") for number in range(1_000))], BODY),
        {431},
    ),
    "bytes beyond ASCII in the target header": (
        lambda h: render("POST / HTTP/1.1", replaced(h, "X-Amz-Target", "secretsmanager.Create\xe9"), BODY),
        {400},
    ),
    "a signed header that is gone": (lambda h: render("POST / HTTP/1.1", replaced(h, "X-Amz-Date"), BODY), {400}),
    "a header of AWS that was not signed": (with_header("X-Amz-Something", "a"), {400}),
    "another media type": (
        lambda h: render("POST / HTTP/1.1", replaced(h, "Content-Type", "text/html"), BODY),
        {404},
    ),
    # other protocols on this connection
    "an upgrade to WebSocket": (
        lambda h: render("POST / HTTP/1.1", [*h, ("Connection", "Upgrade"), ("Upgrade", "websocket")], BODY),
        {400},
    ),
    "an upgrade to HTTP/2": (
        lambda h: render(
            "POST / HTTP/1.1",
            [*h, ("Connection", "Upgrade, HTTP2-Settings"), ("Upgrade", "h2c"), ("HTTP2-Settings", "")],
            BODY,
        ),
        {400},
    ),
    # the body
    "a body that was not signed": (lambda h: render("POST / HTTP/1.1", h, BODY.replace(b"http", b"HTTP")), {400}),
}


def signed_headers(signer: Signer) -> Headers:
    return [*signer.headers("CreateSecret", BODY), ("Content-Length", str(len(BODY)))]


@pytest.mark.parametrize("case", CASES)
def test_a_malformed_request_is_refused_in_aws_form_and_does_nothing(server: Server, signer: Signer, case: str):
    build, statuses = CASES[case]
    answer = ask(server.port, build(signed_headers(signer))).require_aws_form()
    created = secrets_of(server)
    if created:
        server.client().delete_secret(SecretId="fuzz/http", ForceDeleteWithoutRecovery=True)
    assert answer.status in statuses, answer
    assert created == []


def test_a_refusal_of_the_message_itself_ends_the_connection(server: Server, signer: Signer):
    for case in ("both lengths", "a folded header", "an upgrade to WebSocket", "a length beyond the limit"):
        with Connection(server.port) as connection:
            connection.send(CASES[case][0](signed_headers(signer)) + signer.message("ListSecrets", b"{}"))
            assert connection.receive().headers["connection"] == "close", case
            assert connection.is_closed(), case


def test_a_body_beyond_the_limit_is_refused_though_it_is_sent_whole(server: Server, signer: Signer):
    body = b'{"SecretString": "' + b"x" * 3_000_000 + b'"}'
    answer = ask(server.port, signer.message("CreateSecret", body)).require_aws_form()
    assert answer.code == "RequestEntityTooLargeException"
    head = render(
        "POST / HTTP/1.1",
        [*replaced(signed_headers(signer), "Content-Length"), ("Transfer-Encoding", "chunked")],
    )
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    answer = ask(server.port, head + chunk * 40 + b"0\r\n\r\n").require_aws_form()
    assert answer.code == "RequestEntityTooLargeException"


def test_a_body_in_chunks_is_read_as_any_other(server: Server, signer: Signer):
    signed = signer.headers("ListSecrets", b"{}")
    chunks = b"1\r\n{\r\n1;extension=a\r\n}\r\n0\r\n\r\n"
    assert (
        ask(server.port, render("POST / HTTP/1.1", [*signed, ("Transfer-Encoding", "chunked")], chunks)).status == 200
    )


def test_a_client_that_asks_before_it_sends_is_told_to_continue(server: Server, signer: Signer):
    body = b"{}"
    head = render(
        "POST / HTTP/1.1", [*signer.headers("ListSecrets", body), ("Content-Length", "2"), ("Expect", "100-continue")]
    )
    with Connection(server.port) as connection:
        connection.send(head)
        time.sleep(0.1)
        connection.send(body)
        assert connection.receive().status == 200


def test_requests_sent_ahead_are_refused_behind_the_first_answer(server: Server, signer: Signer):
    message = signer.message("ListSecrets", b"{}")
    with Connection(server.port) as connection:
        connection.send(message * 3)
        assert connection.receive().require_aws_form().status == 200
        assert connection.receive().require_aws_form().code == "BadRequestException"
        assert connection.is_closed()


def test_clients_that_hang_up_at_any_byte_leave_nothing_behind(server: Server, signer: Signer):
    message = signer.message("CreateSecret", BODY)
    for length in range(1, len(message) - 1, 17):
        with socket.create_connection(("127.0.0.1", server.port)) as client:
            client.sendall(message[:length])
    assert secrets_of(server) == []


@pytest.mark.parametrize("seed", range(4))
def test_mutated_requests_get_an_answer_of_aws_or_none(server: Server, signer: Signer, seed: int):
    """Bytes changed, cut out or put in anywhere in the head: whatever comes back is in form, and no failure."""
    chance = random.Random(seed)
    for _ in range(100):
        message = bytearray(signer.message("CreateSecret", BODY))
        end = message.index(b"\r\n\r\n")
        for _ in range(chance.randint(1, 3)):
            at, kind = chance.randrange(end), chance.randrange(3)
            if kind == 0:
                message[at] = chance.randrange(256)
            elif kind == 1:
                del message[at : at + chance.randint(1, 20)]
            else:
                message[at:at] = chance.choice(
                    [b"\r\n", b"\n", b"\0", b":", b" ", b"\xff", b",", b"/", b"=", b"a" * 500]
                )
        answer = answer_or_none(server.port, bytes(message))
        assert answer is None or answer.require_aws_form().status < 500, bytes(message)
        if answer is not None and answer.status == 200:
            server.client().delete_secret(SecretId="fuzz/http", ForceDeleteWithoutRecovery=True)


def answer_or_none(port: int, message: bytes) -> Answer | None:
    """Return the answer to a message that may be the beginning of a longer one."""
    with Connection(port) as connection:
        connection.send(message)
        connection.end()
        try:
            return connection.receive()
        except ConnectionEnded:
            return None


MUTATIONS = ["", " ", "x", "=", "/", ",", "é", "AWS4-HMAC-SHA256", "Credential=", "\t", '"', "%00", "\x7f", "a" * 5_000]


@pytest.mark.parametrize("seed", range(2))
def test_mutated_authorization_headers_are_refused_as_the_clients_fault(server: Server, signer: Signer, seed: int):
    chance = random.Random(seed)
    with_signature = dict(signer.headers("CreateSecret", BODY))["Authorization"]
    for _ in range(100):
        at = chance.randrange(len(with_signature))
        mutated = with_signature[:at] + chance.choice(MUTATIONS) + with_signature[at + chance.randint(1, 30) :]
        headers = replaced(signed_headers(signer), "Authorization", mutated)
        answer = ask(server.port, render("POST / HTTP/1.1", headers, BODY)).require_aws_form()
        assert answer.status == 400, mutated
    assert secrets_of(server) == []


SIGNED_HEADERS = {
    "X-Amz-Target": ["", "x", "secretsmanager", "secretsmanager.", "secretsmanager.\t", "a" * 4_000, "../..", "%s"],
    "Content-Type": ["", ";", "application/json;;;", "application/x-amz-json-1.1; charset=utf-7", "a" * 4_000],
    "X-Amz-Content-SHA256": ["UNSIGNED-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "", "0" * 64],
    "X-Amz-Date": ["", "now", "20261301T000000Z", "99991231T235959Z", "00010101T000000Z", "20260101T000000+0100"],
    "X-Amz-Security-Token": ["", "a", "a" * 4_000],
    "User-Agent": ["", "\xe9", "${jndi:ldap://a}", "a" * 4_000],
    "Accept-Encoding": ["gzip", "*;q=0"],
    "X-Forwarded-For": ["203.0.113.9"],
    "X-HTTP-Method-Override": ["DELETE"],
}


@pytest.mark.parametrize("name", SIGNED_HEADERS)
def test_strange_headers_that_are_signed_are_answered_in_form(server: Server, signer: Signer, name: str):
    for value in SIGNED_HEADERS[name]:
        message = signer.message("ListSecrets", b"{}", more={name: value})
        assert ask(server.port, message).require_aws_form().status in (200, 400, 404), value


def test_a_forwarded_address_is_not_believed(server: Server, signer: Signer):
    ask(server.port, signer.message("ListSecrets", b"{}", more={"X-Forwarded-For": "203.0.113.77"}))
    assert "203.0.113.77" not in (server.data_dir / "audit" / "trail-0.jsonl").read_text()


def test_clients_that_take_their_time_are_told_that_it_is_over(server: Server, slow: dict[str, Slow]):
    for case in ("half a request line", "half the headers", "headers that trickle"):
        answer, seconds = slow[case].outcome()
        assert (answer.status, answer.code) == (408, "RequestTimeoutException"), case
        assert SLOWEST_HEADERS - 1 < seconds < SLOWEST_HEADERS + GRACE, case
    for case in ("no body", "half a body", "a body that trickles"):
        answer, seconds = slow[case].outcome()
        assert (answer.status, answer.code) == (408, "RequestTimeoutException"), case
        assert SLOWEST_BODY - 1 < seconds < SLOWEST_BODY + GRACE, case


def test_the_server_still_serves_and_its_log_tells_of_no_failure(server: Server):
    """Runs last."""
    assert secrets_of(server) == []
    log = server.log.read_text()
    for word in ("Traceback", "Exception", "ERROR", "never retrieved", "never awaited"):
        assert word not in log, log[-4_000:]
    records: list[dict[str, Any]] = [
        json.loads(line) for line in (server.data_dir / "audit" / "trail-0.jsonl").read_text().splitlines()
    ]
    assert "InternalServiceError" not in {record.get("errorCode") for record in records}
