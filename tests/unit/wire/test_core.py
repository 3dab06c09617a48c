"""The request core: which check comes first, what an answer looks like, and that nothing goes unrecorded."""

from __future__ import annotations

import dataclasses
import json
import logging
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from strongroom.audit.trail import TrailError
from strongroom.domain.timestamps import to_micros
from strongroom.operations import OPERATIONS
from strongroom.operations.base import Operation
from strongroom.storage.base import StorageError
from strongroom.wire import core
from strongroom.wire.core import RequestCore
from strongroom.wire.exchange import Answer, HttpRequest, Pending
from support.deployment import Deployment, config_for, deployed, token
from support.signing import CONTENT_TYPE, Signer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KEY = ("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
HOST = "127.0.0.1:8200"
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Deployment]:
    config = config_for("sqlite", tmp_path, root_access_key_id=KEY[0], root_secret_access_key=KEY[1])
    with deployed(config) as deployment:
        yield deployment


@pytest.fixture
def client(here: Deployment) -> Client:
    return Client(here, here.node.edge._core)


class Client:
    """Hands the core requests that are right but for what a test changes."""

    def __init__(self, deployment: Deployment, core: RequestCore) -> None:
        self.deployment = deployment
        self.core = core
        self.signer = Signer(*KEY, host=HOST, region=deployment.region)

    def request(self, operation: str | None, body: bytes | dict[str, Any] = b"{}", **signed: str) -> HttpRequest:
        """Return a signed request; `signed` are headers, `_` for `-`."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        more = {name.replace("_", "-"): value for name, value in signed.items()}
        headers = self.signer.headers(operation, content, now=self.deployment.clock.now(), more=more)
        lower = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers]
        return HttpRequest("POST", b"/", b"", lower, content, "192.0.2.9")

    def send(self, operation: str | None, body: bytes | dict[str, Any] = b"{}", **signed: str) -> Answer:
        return self.answer(self.request(operation, body, **signed))

    def answer(self, request: HttpRequest) -> Answer:
        answer = self.core.respond(request)
        assert isinstance(answer, Answer)
        return answer


def unsigned(request: HttpRequest, *, but: bytes = b"authorization") -> HttpRequest:
    return replace(request, headers=[(name, value) for name, value in request.headers if name != but])


def forged(request: HttpRequest) -> HttpRequest:
    """Return the request with another signature."""
    return replace(
        request,
        headers=[
            (name, value[:-4] + b"0000" if name == b"authorization" else value) for name, value in request.headers
        ],
    )


def fault(answer: Answer) -> tuple[int, str]:
    return answer.status, json.loads(answer.body)["__type"]


def header(answer: Answer, name: bytes) -> bytes:
    (value,) = (value for present, value in answer.headers if present.lower() == name)
    return value


# Order


def test_the_first_violated_check_decides(client: Client):
    """One request breaks everything; mended check by check, it shows the next complaint."""
    broken = b'{"SecretId": '
    everything = replace(forged(client.request("Nonsense", broken)), method="PUT")
    assert client.answer(everything).status == 404
    assert fault(client.answer(replace(everything, method="POST"))) == (400, "UnknownOperationException")
    assert fault(client.answer(forged(client.request("GetSecretValue", broken)))) == (400, "InvalidSignatureException")
    assert fault(client.send("GetSecretValue", broken)) == (400, "SerializationException")
    assert fault(client.send("GetSecretValue", {"SecretId": ""})) == (400, "ValidationException")
    assert fault(client.send("GetSecretValue", {"SecretId": "db"})) == (400, "ResourceNotFoundException")
    client.deployment.create("db")
    assert client.send("GetSecretValue", {"SecretId": "db"}).status == 200


def test_limits_come_before_what_the_operation_checks(client: Client):
    body = {"SecretId": "db", "SecretString": "a", "SecretBinary": "YQ==", "ClientRequestToken": "short"}
    assert fault(client.send("PutSecretValue", body)) == (400, "ValidationException")
    assert fault(client.send("PutSecretValue", body | {"ClientRequestToken": token(1)})) == (
        400,
        "InvalidParameterException",
    )


def test_a_wrong_type_comes_before_a_missing_member(client: Client):
    assert fault(client.send("GetSecretValue", {"VersionId": 1})) == (400, "SerializationException")
    assert fault(client.send("GetSecretValue", {"VersionId": "1"})) == (400, "ValidationException")


def test_an_unsigned_request_learns_nothing_about_its_body(client: Client):
    for body in (b"{", b'{"SecretId": ""}', b'{"SecretId": "db"}'):
        answer = client.answer(unsigned(client.request("GetSecretValue", body)))
        assert fault(answer) == (400, "MissingAuthenticationTokenException")


@pytest.mark.parametrize("operation", OPERATIONS)
def test_no_operation_answers_a_forged_signature(client: Client, operation: str):
    assert fault(client.answer(forged(client.request(operation)))) == (400, "InvalidSignatureException")
    assert fault(client.answer(unsigned(client.request(operation)))) == (400, "MissingAuthenticationTokenException")


@pytest.mark.parametrize(
    "changed",
    [
        {"method": "GET"},
        {"method": "HEAD"},
        {"method": "DELETE"},
        {"raw_path": b"/x"},
        {"raw_path": b"//"},
        {"raw_path": b"/%2f"},
        {"raw_path": b"/."},
    ],
)
def test_another_path_or_method_is_not_found_in_xml(client: Client, changed: dict[str, Any]):
    answer = client.answer(replace(client.request("ListSecrets"), **changed))
    assert (answer.status, answer.body) == (404, b"<UnknownOperationException/>\n")
    assert header(answer, b"content-type") == b"application/xml"


def test_another_content_type_is_not_found(client: Client):
    assert client.send("ListSecrets", content_type="application/x-www-form-urlencoded").status == 404
    assert client.send("ListSecrets", content_type="application/json").status == 200
    assert client.send("ListSecrets", content_type=f"{CONTENT_TYPE}; charset=utf-8").status == 200


def test_a_signed_request_without_a_target_is_an_unknown_operation(client: Client):
    answer = client.send(None)
    assert (answer.status, json.loads(answer.body)) == (400, {"__type": "UnknownOperationException"})


def test_an_ambiguous_request_is_refused_before_anything_else(client: Client):
    request = unsigned(client.request("ListSecrets"))
    answer = client.answer(replace(request, headers=[*request.headers, (b"host", b"elsewhere")]))
    assert (answer.status, json.loads(answer.body)) == (
        400,
        {"__type": "BadRequestException", "message": "The Host header must not be repeated."},
    )


def test_a_request_for_another_service_is_refused(client: Client):
    client.signer = dataclasses.replace(client.signer, service="s3")
    assert fault(client.send("ListSecrets")) == (400, "InvalidSignatureException")


def test_a_change_of_body_or_target_after_signing_is_refused(client: Client):
    request = client.request("DescribeSecret", {"SecretId": "db"})
    assert fault(client.answer(replace(request, body=b'{"SecretId":"dc"}'))) == (400, "InvalidSignatureException")
    retargeted = [
        (name, b"secretsmanager.DeleteSecret" if name == b"x-amz-target" else value) for name, value in request.headers
    ]
    assert fault(client.answer(replace(request, headers=retargeted))) == (400, "InvalidSignatureException")


# Answers


def test_an_answer_names_its_type_and_a_request_id_of_its_own(client: Client):
    answers = [client.send("ListSecrets"), client.send("Nonsense"), client.send("GetSecretValue", b"[]")]
    for answer in answers:
        assert header(answer, b"content-type") == CONTENT_TYPE.encode()
        assert UUID.fullmatch(header(answer, b"x-amzn-requestid").decode())
    assert len({header(answer, b"x-amzn-requestid") for answer in answers}) == 3


def test_modelled_errors_say_message_with_a_capital_and_others_without(client: Client):
    not_found = client.send("DescribeSecret", {"SecretId": "db"})
    assert json.loads(not_found.body) == {
        "__type": "ResourceNotFoundException",
        "Message": "Secrets Manager can't find the specified secret.",
    }
    invalid = json.loads(client.send("DescribeSecret").body)
    assert invalid.keys() == {"__type", "message"}


def test_what_was_read_of_a_body_is_kept_for_short_reads_of_one_secret_alone(client: Client):
    kept = core._typed_read
    kept.cache_clear()
    client.send("CreateSecret", {"Name": "db", "SecretString": "correct horse"})
    client.send("PutSecretValue", {"SecretId": "db", "SecretString": "battery staple"})
    client.send("GetSecretValue", {"SecretId": "db", "Unknown": "x" * core.MAX_BODY_KEPT})
    assert kept.cache_info().currsize == 0
    for _ in range(2):
        client.send("GetSecretValue", {"SecretId": "db"})
    assert (kept.cache_info().currsize, kept.cache_info().hits) == (1, 1)


def test_the_same_bytes_are_another_request_of_another_operation(client: Client):
    client.deployment.create("db")
    for operation, member in (("GetSecretValue", "SecretString"), ("DescribeSecret", "VersionIdsToStages")) * 2:
        assert member in json.loads(client.send(operation, {"SecretId": "db"}).body)


def test_a_body_that_breaks_a_limit_is_refused_each_time(client: Client):
    for _ in range(2):
        assert fault(client.send("GetSecretValue", {"SecretId": ""})) == (400, "ValidationException")


@pytest.mark.parametrize(
    "operation", [one for one in OPERATIONS.values() if one.reads_version is not None and not one.mutates]
)
def test_no_call_changes_the_request_that_is_kept(client: Client, operation: Operation[Any]):
    client.deployment.create("db")
    body = b'{"SecretId": "db"}'
    for _ in range(2):
        assert client.send(operation.name, body).status == 200
    assert core._typed(body, operation) is core._typed(body, operation)
    assert core._typed(body, operation) == core._typed_anew(body, operation.request)


def test_an_operation_without_output_answers_nothing_at_all(client: Client):
    client.deployment.create("db")
    answer = client.send("TagResource", {"SecretId": "db", "Tags": [{"Key": "a", "Value": "b"}]})
    assert (answer.status, answer.body) == (200, b"")


def test_a_reading_call_is_answered_at_once_and_a_changing_one_is_waited_for(client: Client):
    assert isinstance(client.core.begin(client.request("ListSecrets")), Answer)
    pending = client.core.begin(client.request("CreateSecret", {"Name": "db"}))
    assert isinstance(pending, Pending)
    assert pending.finish(pending.future).status == 200


def test_the_region_of_the_signature_is_the_region_of_the_call(client: Client):
    client.deployment.create("db")
    client.signer = dataclasses.replace(client.signer, region="us-gov-west-1")
    assert fault(client.send("DescribeSecret", {"SecretId": "db"})) == (400, "ResourceNotFoundException")
    arn = json.loads(client.send("CreateSecret", {"Name": "db"}).body)["ARN"]
    assert arn.startswith("arn:aws-us-gov:secretsmanager:us-gov-west-1:")


# Failures


def break_operation(monkeypatch: pytest.MonkeyPatch, name: str, error: Exception) -> None:
    def handler(*_: object) -> None:
        raise error

    monkeypatch.setitem(OPERATIONS, name, dataclasses.replace(OPERATIONS[name], handler=handler, secret_state=NO_STATE))


NO_STATE = OPERATIONS["ListSecrets"].secret_state


@pytest.mark.parametrize(
    ("operation", "body"),
    [("DescribeSecret", {"SecretId": "db"}), ("CreateSecret", {"Name": "db"}), ("ListSecrets", {})],
)
@pytest.mark.parametrize("error", [ValueError("hunter2"), StorageError("hunter2"), RecursionError("hunter2")])
def test_an_unexpected_failure_tells_the_client_nothing_but_a_request_id(
    client: Client, monkeypatch: pytest.MonkeyPatch, caplog: Any, operation: str, body: dict[str, Any], error: Exception
):
    break_operation(monkeypatch, operation, error)
    answer = client.send(operation, body)
    assert (answer.status, json.loads(answer.body)) == (
        500,
        {"__type": "InternalServiceError", "Message": "An error occurred on the server side."},
    )
    assert UUID.fullmatch(header(answer, b"x-amzn-requestid").decode())
    assert "hunter2" not in str(answer)
    assert "hunter2" in caplog.text
    last = client.deployment.trail()[-1]
    assert (last["eventName"], last["errorCode"]) == (operation, "InternalServiceError")
    assert last["requestID"] == header(answer, b"x-amzn-requestid").decode()
    assert "hunter2" not in json.dumps(last)


def test_a_failure_while_the_key_is_looked_up_is_internal(here: Deployment, caplog: Any):
    def find_caller(_key_id: str, _token: str | None, given: Any = None) -> None:
        raise StorageError("hunter2")

    core = here.node.edge._core
    client = Client(here, RequestCore(here.node.service, core._prover, find_caller, origins=core._origins))
    with caplog.at_level(logging.CRITICAL):
        answer = client.send("ListSecrets")
    assert fault(answer) == (500, "InternalServiceError")
    assert b"hunter2" not in answer.body


def test_a_failed_change_leaves_nothing_behind(client: Client, monkeypatch: pytest.MonkeyPatch):
    real = OPERATIONS["CreateSecret"]

    def handler(call: Any, request: Any) -> None:
        real.handler(call, request)
        raise ValueError("after the change")

    monkeypatch.setitem(OPERATIONS, "CreateSecret", dataclasses.replace(real, handler=handler))
    assert client.send("CreateSecret", {"Name": "db"}).status == 500
    assert json.loads(client.send("ListSecrets").body) == {"SecretList": []}


# The trail


@pytest.mark.parametrize(
    ("operation", "body", "error"),
    [
        ("Nonsense", b"{}", "UnknownOperationException"),
        ("GetSecretValue", b"{", "SerializationException"),
        ("GetSecretValue", b"{}", "ValidationException"),
        ("GetSecretValue", b'{"SecretId": "db"}', "ResourceNotFoundException"),
        ("CreateSecret", b'{"Name": "\xc3\xa9"}', "ValidationException"),
    ],
)
def test_a_refused_call_is_on_the_trail_under_the_name_it_gave(client: Client, operation: str, body: bytes, error: str):
    answer = client.send(operation, body, user_agent="tests/1")
    (record,) = client.deployment.trail()
    assert (record["eventName"], record["errorCode"]) == (operation, error)
    assert record["requestID"] == header(answer, b"x-amzn-requestid").decode()
    assert (record["sourceIPAddress"], record["userAgent"]) == ("192.0.2.9", "tests/1")


def test_a_refusal_before_the_signature_names_the_claimed_key_only(client: Client):
    client.answer(forged(client.request("DeleteSecret", {"SecretId": "db"})))
    (record,) = client.deployment.trail()
    assert record["userIdentity"] == {"type": "Unknown", "accessKeyId": KEY[0]}
    assert record["recipientAccountId"] is None
    assert record["errorCode"] == "InvalidSignatureException"
    assert record["requestParameters"] is None


def test_a_refusal_after_the_signature_names_the_caller(client: Client):
    client.send("DeleteSecret", b"{")
    (record,) = client.deployment.trail()
    assert record["userIdentity"]["arn"] == f"arn:aws:iam::{client.deployment.account_id}:root"
    assert record["awsRegion"] == client.deployment.region


@pytest.mark.parametrize("target", ["../../etc", "a b", "x" * 65, '"}', ""])
def test_a_name_that_is_none_is_recorded_as_unknown(client: Client, target: str):
    assert fault(client.send(target)) == (400, "UnknownOperationException")
    (record,) = client.deployment.trail()
    assert record["eventName"] == "Unknown"


def test_a_value_sent_to_a_refused_call_is_not_on_the_trail(client: Client):
    body = {"SecretId": "db", "SecretString": "hunter2" * 10_000, "RotationToken": "hunter2"}
    assert fault(client.send("PutSecretValue", body)) == (400, "ValidationException")
    assert fault(client.send("PutSecretValue", {"SecretId": 1, "SecretString": "hunter2"})) == (
        400,
        "SerializationException",
    )
    assert "hunter2" not in (client.deployment.config.audit_dir / "trail-0.jsonl").read_text()


def refuse_entries(*_: object) -> None:
    raise TrailError("hunter2")


def test_a_refusal_that_cannot_be_recorded_is_an_internal_error(here: Deployment, caplog: Any):
    around = dataclasses.replace(here.node.service.around, trail=refuse_entries)
    service, core = dataclasses.replace(here.node.service, around=around), here.node.edge._core
    client = Client(here, RequestCore(service, core._prover, core._find_caller, origins=core._origins))
    with caplog.at_level(logging.CRITICAL):
        for request in (client.request("Nonsense"), forged(client.request("ListSecrets"))):
            answer = client.answer(request)
            assert fault(answer) == (500, "InternalServiceError")
            assert b"hunter2" not in answer.body
    assert here.node.service.metrics.value("audit_failures_total") == 2


@pytest.mark.parametrize(("operation", "body"), [("ListSecrets", {}), ("CreateSecret", {"Name": "db"})])
def test_a_call_that_cannot_be_recorded_has_no_answer_and_no_effect(
    client: Client, caplog: Any, operation: str, body: dict[str, Any]
):
    storage = client.deployment.node.storage
    with caplog.at_level(logging.CRITICAL):
        storage.attach_journal(refuse_entries)
        answer = client.send(operation, body)
        storage.attach_journal(client.deployment.node.trail.append)
    assert fault(answer) == (500, "InternalServiceError")
    assert b"hunter2" not in answer.body
    assert json.loads(client.send("ListSecrets").body) == {"SecretList": []}


# Time


def test_a_request_is_judged_by_the_clock_of_the_server(client: Client):
    request = client.request("ListSecrets")
    client.deployment.clock.advance(timedelta(minutes=5))
    assert client.answer(request).status == 200
    client.deployment.clock.advance(timedelta(seconds=1))
    answer = client.answer(request)
    assert fault(answer) == (400, "InvalidSignatureException")
    assert "Signature expired" in json.loads(answer.body)["message"]


def test_a_disabled_key_is_unknown_at_once(client: Client):
    assert client.send("ListSecrets").status == 200
    row = client.deployment.node.storage.read(lambda tx: tx.find_access_key(KEY[0]))
    changed = dataclasses.replace(row, active=False, revision=to_micros(client.deployment.clock.now()))
    client.deployment.node.storage.write(lambda tx: tx.put_access_key(changed))
    assert fault(client.send("ListSecrets")) == (400, "UnrecognizedClientException")
    client.deployment.node.storage.write(lambda tx: tx.put_access_key(row))
    assert client.send("ListSecrets").status == 200


# Metrics


def test_answers_are_counted_by_operation_and_code(client: Client):
    client.send("ListSecrets")
    client.send("DescribeSecret", {"SecretId": "db"})
    client.send("Nonsense")
    value = client.deployment.node.service.metrics.value
    assert value("requests_total", 'operation="ListSecrets",code="Success"') == 1
    assert value("requests_total", 'operation="DescribeSecret",code="ResourceNotFoundException"') == 1
    assert value("requests_total", 'operation="Unknown",code="UnknownOperationException"') == 1
