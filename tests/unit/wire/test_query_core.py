"""Requests to STS and IAM as bytes: which service is meant, which check comes first, nothing unrecorded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlencode
from xml.etree import ElementTree as ET

import pytest
from msgspec.structs import replace

from strongroom.wire.exchange import Answer, HttpRequest
from support.deployment import Deployment, config_for, deployed
from support.signing import Signer

KEY = ("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
FORM = "application/x-www-form-urlencoded; charset=utf-8"
STS, IAM = "2011-06-15", "2010-05-08"
IDENTITY = {"Action": "GetCallerIdentity", "Version": STS}
BURST = 5


@dataclass
class Client:
    """Sends forms that are right but for what a test changes."""

    here: Deployment

    def request(self, parameters: dict[str, str], service: str = "sts", **more: str) -> HttpRequest:
        body = urlencode(parameters).encode()
        signer = Signer(*KEY, host="127.0.0.1:8200", region=self.here.region, service=service)
        given = {"Content-Type": FORM, **{name.replace("_", "-"): value for name, value in more.items()}}
        headers = signer.headers(None, body, now=self.here.clock.now(), more=given)
        lower = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers]
        return HttpRequest("POST", b"/", b"", lower, body, "192.0.2.9")

    def send(self, parameters: dict[str, str], service: str = "sts", **more: str) -> Answer:
        return self.answer(self.request(parameters, service, **more))

    def answer(self, request: HttpRequest) -> Answer:
        answer = self.here.node.edge._core.respond(request)
        assert isinstance(answer, Answer)
        return answer


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    keys = {"root_access_key_id": KEY[0], "root_secret_access_key": KEY[1]}
    with deployed(config_for("sqlite", tmp_path, authn_failures=BURST, **keys)) as here:
        yield Client(here)


def fault(answer: Answer) -> tuple[int, str]:
    root = ET.fromstring(answer.body.decode())
    assert root.tag.endswith("}ErrorResponse")
    return answer.status, str(next(each.text for each in root.iter() if each.tag.endswith("}Code")))


def forged(request: HttpRequest) -> HttpRequest:
    headers = [(name, value[:-4] + b"0000" if name == b"authorization" else value) for name, value in request.headers]
    return replace(request, headers=headers)


def unsigned(request: HttpRequest) -> HttpRequest:
    return replace(request, headers=[each for each in request.headers if each[0] != b"authorization"])


def test_a_caller_learns_who_it_is(client):
    answer = client.send(IDENTITY)
    assert answer.status == 200
    assert b"<Arn>arn:aws:iam::123456789012:root</Arn>" in answer.body
    assert (b"Content-Type", b"text/xml") in answer.headers


def test_a_signature_for_one_service_is_none_for_another(client):
    assert fault(client.send(IDENTITY, "iam")) == (403, "SignatureDoesNotMatch")
    assert fault(client.send(IDENTITY, "secretsmanager")) == (403, "SignatureDoesNotMatch")
    assert fault(client.send({"Action": "ListUsers", "Version": IAM}, "sts")) == (403, "SignatureDoesNotMatch")
    assert client.send({"Action": "ListUsers", "Version": IAM}, "iam").status == 200


def test_the_version_says_which_service_is_meant(client):
    assert fault(client.send({"Action": "GetCallerIdentity", "Version": IAM})) == (400, "InvalidAction")
    assert fault(client.send({"Action": "GetCallerIdentity"})) == (400, "InvalidAction")
    assert fault(client.send({"Version": STS})) == (400, "MissingAction")


def test_the_first_violated_check_decides(client):
    too_long = {"Action": "GetUser", "Version": IAM, "UserName": "a" * 200}
    nonsense = client.request({"Action": "Nonsense", "Version": STS})
    assert fault(client.answer(forged(nonsense))) == (400, "InvalidAction")
    assert fault(client.answer(unsigned(client.request(too_long, "iam")))) == (403, "MissingAuthenticationToken")
    assert fault(client.answer(forged(client.request(too_long, "iam")))) == (403, "SignatureDoesNotMatch")
    assert fault(client.send(too_long, "iam")) == (400, "ValidationError")
    assert fault(client.send(too_long | {"UserName": "nobody"}, "iam")) == (404, "NoSuchEntity")


def test_what_names_a_target_is_no_form(client):
    assert client.send(IDENTITY, x_amz_target="secretsmanager.ListSecrets").status == 404


@pytest.mark.parametrize("raw_path", [b"/x", b"//", b"/?"])
def test_there_is_only_one_path(client, raw_path):
    assert client.answer(replace(client.request(IDENTITY), raw_path=raw_path)).status == 404


def test_nothing_but_the_callers_identity_is_fetched(client):
    request = client.request(IDENTITY)
    query = urlencode({"Action": "ListUsers", "Version": IAM}).encode()
    fetched = replace(request, method="GET", query_string=query, body=b"")
    assert fault(client.answer(fetched)) == (400, "InvalidAction")
    bare = [each for each in request.headers if each[0] in (b"host", b"user-agent")]
    fetched = replace(fetched, query_string=urlencode(IDENTITY).encode(), headers=bare)
    assert fault(client.answer(fetched)) == (403, "MissingAuthenticationToken")


@pytest.mark.parametrize(
    "body",
    [
        b"Action=GetCallerIdentity&Action=ListUsers",
        b"=x",
        b"Action=%zz",
        b"Action=\xff",
        b"a&" * 2000,
    ],
)
def test_a_form_that_could_be_read_differently_is_refused(client, body):
    assert fault(client.answer(replace(client.request(IDENTITY), body=body)))[0] == 400


def test_every_refusal_is_recorded_for_its_service(client):
    client.answer(unsigned(client.request({"Action": "ListUsers", "Version": IAM}, "iam")))
    last = client.here.trail()[-1]
    assert (last["eventName"], last["eventSource"]) == ("ListUsers", "iam.amazonaws.com")
    assert (last["errorCode"], last["userIdentity"]["type"]) == ("MissingAuthenticationTokenException", "Unknown")
    client.send({"Action": "\n<b>", "Version": STS})
    assert client.here.trail()[-1]["eventName"] == "Unknown"


def test_what_a_caller_sent_is_escaped_in_the_answer(client):
    answer = client.send({"Action": "<script>", "Version": "&"})
    assert b"<script>" not in answer.body
    assert fault(answer) == (400, "InvalidAction")


def test_whoever_fails_again_and_again_waits_at_every_service(client):
    for _ in range(BURST):
        assert fault(client.answer(forged(client.request(IDENTITY)))) == (403, "SignatureDoesNotMatch")
    assert fault(client.answer(forged(client.request(IDENTITY)))) == (400, "Throttling")
    assert fault(client.send({"Action": "ListUsers", "Version": IAM}, "iam")) == (400, "Throttling")
    assert client.here.trail()[-1]["errorCode"] == "ThrottlingException"
    client.here.clock.advance(timedelta(seconds=1))
    assert client.send(IDENTITY).status == 200


def test_an_unknown_key_id_is_told_from_a_wrong_secret_by_its_code_alone(client):
    request = client.request(IDENTITY)
    stranger = [(name, value.replace(KEY[0].encode(), b"AKIANOBODYNOBODY0000")) for name, value in request.headers]
    assert fault(client.answer(replace(request, headers=stranger))) == (403, "InvalidClientTokenId")
    assert fault(client.answer(forged(request))) == (403, "SignatureDoesNotMatch")


def test_whoever_comes_with_worthless_tokens_again_and_again_waits(client):
    asked = {
        "Action": "AssumeRoleWithWebIdentity",
        "Version": STS,
        "RoleArn": "arn:aws:iam::123456789012:role/app",
        "RoleSessionName": "s1",
        "WebIdentityToken": "nonsense",
    }
    request = unsigned(client.request(asked))
    for _ in range(BURST):
        assert fault(client.answer(request)) == (400, "InvalidIdentityToken")
    assert fault(client.answer(request)) == (400, "Throttling")
    assert client.here.trail()[-1]["errorCode"] == "ThrottlingException"
    assert client.send(IDENTITY).status == 200


def test_iam_takes_no_session_of_a_user_or_root(client):
    answer = client.send({"Action": "GetSessionToken", "Version": STS})
    values = {each.tag.split("}")[1]: each.text or "" for each in ET.fromstring(answer.body.decode()).iter()}
    signer = Signer(
        values["AccessKeyId"],
        values["SecretAccessKey"],
        host="127.0.0.1:8200",
        region=client.here.region,
        service="iam",
        session_token=values["SessionToken"],
    )
    body = urlencode({"Action": "ListUsers", "Version": IAM}).encode()
    headers = signer.headers(None, body, now=client.here.clock.now(), more={"Content-Type": FORM})
    lower = [(name.lower().encode(), value.encode()) for name, value in headers]
    request = HttpRequest("POST", b"/", b"", lower, body, "192.0.2.9")
    assert fault(client.answer(request)) == (403, "InvalidClientTokenId")
