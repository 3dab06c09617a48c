"""Clients whose credentials or clocks are wrong, and what they are told."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import botocore.exceptions
import pytest

from support.http_wire import ask
from support.server import REGION, Server
from support.signing import Signer

if TYPE_CHECKING:
    from collections.abc import Iterator

MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key "
    "and signing method. Consult the service documentation for details."
)
INVALID_TOKEN = "The security token included in the request is invalid."


def told(client: Any) -> tuple[int, str, str]:
    """Return status, code and message of the refusal of a harmless call."""
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        client.list_secrets()
    response = caught.value.response
    return response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"], response["Error"]["Message"]


@pytest.fixture
def second_key(server: Server) -> Iterator[tuple[str, str]]:
    made = server.command("access-keys", "create", "--json")
    assert made.returncode == 0, made.stderr
    key = json.loads(made.stdout)
    yield key["AccessKeyId"], key["SecretAccessKey"]
    server.command("access-keys", "delete", key["AccessKeyId"])


def client_of(server: Server, key: tuple[str, str], **settings: Any) -> Any:
    return server.client(aws_access_key_id=key[0], aws_secret_access_key=key[1], **settings)


def test_a_wrong_secret_key_is_a_signature_that_does_not_match(server: Server):
    key_id, secret = server.credentials
    wrong = client_of(server, (key_id, secret[:-1] + ("A" if secret[-1] != "A" else "B")))
    assert told(wrong) == (400, "InvalidSignatureException", MISMATCH)


def test_an_unknown_key_is_an_invalid_token(server: Server):
    unknown = client_of(server, ("AKIAIOSFODNN7EXAMPLE", server.credentials[1]))
    assert told(unknown) == (400, "UnrecognizedClientException", INVALID_TOKEN)


def test_a_session_token_with_a_long_term_key_is_an_invalid_token(server: Server):
    with_token = client_of(server, server.credentials, aws_session_token="token")
    assert told(with_token) == (400, "UnrecognizedClientException", INVALID_TOKEN)


def test_a_second_key_works_until_it_is_disabled_and_again_when_enabled(server: Server, second_key: tuple[str, str]):
    client = client_of(server, second_key)
    assert client.list_secrets()["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert server.command("access-keys", "disable", second_key[0]).returncode == 0
    assert told(client) == (400, "UnrecognizedClientException", INVALID_TOKEN)
    assert server.command("access-keys", "enable", second_key[0]).returncode == 0
    assert client.list_secrets()["ResponseMetadata"]["HTTPStatusCode"] == 200


def test_a_deleted_key_is_an_invalid_token(server: Server, second_key: tuple[str, str]):
    client = client_of(server, second_key)
    client.list_secrets()
    assert server.command("access-keys", "delete", second_key[0]).returncode == 0
    assert told(client) == (400, "UnrecognizedClientException", INVALID_TOKEN)


@pytest.fixture
def signer(server: Server) -> Signer:
    return Signer(*server.credentials, host=f"127.0.0.1:{server.port}", region=REGION)


def refusal(server: Server, signer: Signer, **options: Any) -> tuple[str, str]:
    answer = ask(server.port, signer.message("ListSecrets", b"{}", **options)).require_aws_form()
    assert answer.status == 400
    fault = json.loads(answer.body)
    return fault["__type"], fault["message"]


@pytest.mark.parametrize(
    ("off", "words"), [(-6, "Signature expired: "), (6, "Signature not yet current: ")], ids=["slow", "fast"]
)
def test_a_clock_that_is_minutes_off_is_told_so(server: Server, signer: Signer, off: int, words: str):
    code, message = refusal(server, signer, now=datetime.now(UTC) + timedelta(minutes=off))
    assert (code, message.startswith(words)) == ("InvalidSignatureException", True)
    assert message.endswith(("- 5 min.)", "+ 5 min.)"))


@pytest.mark.parametrize("off", [-4, 4])
def test_a_clock_that_is_less_than_five_minutes_off_will_do(server: Server, signer: Signer, off: int):
    now = datetime.now(UTC) + timedelta(minutes=off)
    assert ask(server.port, signer.message("ListSecrets", b"{}", now=now)).status == 200


def test_a_request_signed_for_another_service_is_refused(server: Server, signer: Signer):
    code, message = refusal(server, replace(signer, service="s3"))
    assert (code, message) == (
        "InvalidSignatureException",
        "Credential should be scoped to correct service: 'secretsmanager'.",
    )


def test_a_request_signed_for_another_host_is_refused(server: Server, signer: Signer):
    message = signer.message("ListSecrets", b"{}")
    there = message.replace(f"Host: {signer.host}".encode(), b"Host: elsewhere.example", 1)
    assert there != message
    answer = ask(server.port, there)
    assert answer.code == "InvalidSignatureException"


def test_refusals_are_on_the_trail_with_the_key_they_claimed(server: Server):
    told(client_of(server, ("AKIAI44QH8DHBEXAMPLE", "x" * 40)))
    trail = (server.data_dir / "audit" / "trail-0.jsonl").read_text().splitlines()
    refused = [record for record in map(json.loads, trail) if "AKIAI44QH8DHBEXAMPLE" in json.dumps(record)]
    assert [(record["eventName"], record["errorCode"]) for record in refused] == [
        ("ListSecrets", "UnrecognizedClientException")
    ]
