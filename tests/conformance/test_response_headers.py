"""Answers as they stand on the wire, headers and all."""

from __future__ import annotations

import json
import time
import uuid
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

import pytest

from support.http_wire import AWS_JSON, UUID, Answer, Connection, ask
from support.server import REGION, Server
from support.signing import Signer

if TYPE_CHECKING:
    from collections.abc import Callable

    Call = Callable[..., Answer]


@pytest.fixture(scope="module")
def signer(server: Server) -> Signer:
    return Signer(*server.credentials, host=f"127.0.0.1:{server.port}", region=REGION)


@pytest.fixture(scope="module")
def call(server: Server, signer: Signer) -> Call:
    def call(operation: str, **members: object) -> Answer:
        return ask(server.port, signer.message(operation, json.dumps(members).encode()))

    return call


@pytest.fixture
def secret(call: Call) -> str:
    name = f"headers/{uuid.uuid4()}"
    assert call("CreateSecret", Name=name).status == 200
    return name


def test_a_success_has_exactly_the_headers_of_the_real_service(call: Call):
    answer = call("ListSecrets")
    assert answer.status == 200
    assert answer.headers.keys() == {"x-amzn-requestid", "content-type", "content-length", "date"}
    assert UUID.fullmatch(answer.headers["x-amzn-requestid"])
    assert answer.headers["content-type"] == AWS_JSON
    assert answer.headers["content-length"] == str(len(answer.body))


def test_an_error_has_the_same_headers(call: Call):
    answer = call("DescribeSecret", SecretId="nothing")
    assert (answer.status, json.loads(answer.body)) == (
        400,
        {"__type": "ResourceNotFoundException", "Message": "Secrets Manager can't find the specified secret."},
    )
    assert answer.headers.keys() == {"x-amzn-requestid", "content-type", "content-length", "date"}
    assert answer.headers["content-type"] == AWS_JSON


def test_tagging_answers_nothing_of_length_0(call: Call, secret: str):
    for answer in (
        call("TagResource", SecretId=secret, Tags=[{"Key": "a", "Value": "b"}]),
        call("UntagResource", SecretId=secret, TagKeys=["a"]),
    ):
        assert (answer.status, answer.body, answer.headers["content-length"]) == (200, b"", "0")
        assert answer.headers["content-type"] == AWS_JSON


def test_the_date_is_the_time_of_each_answer(call: Call):
    for _ in range(2):
        before = int(time.time())
        date = call("ListSecrets").headers["date"]
        assert before - 1 <= parsedate_to_datetime(date).timestamp() <= time.time() + 1
        assert date.endswith(" GMT")
        time.sleep(1.1)


def test_request_ids_differ(call: Call):
    assert len({call("ListSecrets").headers["x-amzn-requestid"] for _ in range(5)}) == 5


def test_a_connection_is_used_again_after_successes_and_errors(server: Server, signer: Signer):
    with Connection(server.port) as connection:
        for operation, body, status in (
            ("ListSecrets", b"{}", 200),
            ("DescribeSecret", b'{"SecretId":"nothing"}', 400),
            ("DescribeSecret", b"{", 400),
            ("Nonsense", b"{}", 400),
            ("ListSecrets", b"", 200),
        ):
            connection.send(signer.message(operation, body))
            answer = connection.receive().require_aws_form()
            assert answer.status == status
            assert "connection" not in answer.headers


def test_text_beyond_ascii_is_utf_8_in_answers(call: Call, secret: str):
    call("UpdateSecret", SecretId=secret, Description="größe 🔑")
    body = call("DescribeSecret", SecretId=secret).body
    assert "größe 🔑".encode() in body


def test_a_probe_needs_no_signature_and_says_nothing_of_the_service(server: Server):
    answer = ask(server.port, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    assert "x-amzn-requestid" not in answer.headers
    assert "server" not in answer.headers
