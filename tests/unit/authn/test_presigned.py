"""Requests that carry their signature in the query string: who may, for how long, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import boto3
import pytest
from botocore.config import Config

from strongroom.authn.credentials import AccessKey, SecretAccessKey
from strongroom.authn.presigned import MAX_AGE
from strongroom.authn.sigv4 import Verifier
from strongroom.errors import (
    ExpiredTokenException,
    IncompleteSignatureException,
    InvalidSignatureException,
    MissingAuthenticationTokenException,
    UnrecognizedClientException,
)
from support import sigv4_requests
from support.sigv4_requests import (
    INVALID_TOKEN,
    KEY,
    MISMATCH,
    NOW,
    PRESIGNED_HEADERS,
    SESSION,
    SignedRequest,
    finding,
    presigned,
)

SKEW = timedelta(minutes=15)


def sts(**arguments: Any):
    return Verifier(service="sts", skew=SKEW, **({"presigned_age": MAX_AGE} | arguments))


def verify(request, **arguments: Any):
    return sigv4_requests.verify(request, **({"verifier": sts()} | arguments))


def refused(error, message, request, **arguments: Any):
    sigv4_requests.refused(error, message, request, **({"verifier": sts()} | arguments))


def at(seconds, microseconds=0):
    return NOW + timedelta(seconds=seconds, microseconds=microseconds)


# What clients send


@pytest.mark.parametrize("key", [KEY, SESSION])
def test_a_presigned_request_says_who_and_for_which_region(key):
    verified = verify(presigned(key=key))
    assert (verified.access_key, verified.region) == (key, "eu-west-1")


@pytest.mark.parametrize(
    ("key", "secret"), [(KEY, "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"), (SESSION, "session-secret")]
)
def test_a_presigned_url_of_boto3_is_accepted(key, secret):
    client = boto3.client(
        "sts",
        region_name="eu-west-1",
        endpoint_url="http://127.0.0.1:8200",
        aws_access_key_id=key.access_key_id,
        aws_secret_access_key=secret,
        aws_session_token=key.session_token,
        config=Config(signature_version="v4"),
    )
    with patch("botocore.auth.get_current_datetime", return_value=NOW):
        url = client.generate_presigned_url("get_caller_identity", ExpiresIn=60, HttpMethod="GET")
    query = url.partition("?")[2].encode()
    request = SignedRequest("GET", b"/", query, [(b"host", b"127.0.0.1:8200")], b"")
    assert verify(request).access_key is key
    refused(InvalidSignatureException, MISMATCH, replace(request, query_string=query.replace(b"Get", b"Put")))


def test_a_signed_header_of_a_proof_is_accepted():
    headers = [*PRESIGNED_HEADERS, (b"x-k8s-aws-id", b"my-cluster")]
    request = presigned(headers=headers, signed="host;x-k8s-aws-id")
    assert verify(request).access_key is KEY
    forged = replace(request, headers=[*PRESIGNED_HEADERS, (b"x-k8s-aws-id", b"another-cluster")])
    refused(InvalidSignatureException, MISMATCH, forged)
    absent = replace(request, headers=PRESIGNED_HEADERS)
    refused(InvalidSignatureException, "'X-K8S-Aws-Id' is a 'SignedHeader' but not part of the request.", absent)


@pytest.mark.parametrize("name", ["x-k8s-aws-id", "x-amz-anything", "content-type"])
def test_an_unsigned_header_that_matters_is_refused(name):
    headers = [*PRESIGNED_HEADERS, (name.encode(), b"x")]
    message = f"'{name.title()}' must be a 'SignedHeader' in the AWS Authorization."
    refused(InvalidSignatureException, message, presigned(headers=headers))


def test_an_unsigned_date_header_is_not_read():
    assert verify(presigned(headers=[*PRESIGNED_HEADERS, (b"date", b"whenever")])).access_key is KEY


# One form, never both, and only where it is wanted


def test_a_service_that_takes_no_presigned_requests_misses_the_token():
    request = presigned()
    for verifier in (Verifier(service="sts"), Verifier(service="secretsmanager")):
        refused(MissingAuthenticationTokenException, "Missing Authentication Token", request, verifier=verifier)


def test_both_forms_together_are_refused_though_each_is_right():
    request = presigned()
    both = replace(request, headers=[*request.headers, (b"authorization", b"AWS4-HMAC-SHA256 Credential=a")])
    text = "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header."
    refused(InvalidSignatureException, text, both)


@pytest.mark.parametrize("name", ["Date", "Security-Token", "Signature", "Expires"])
def test_a_parameter_that_comes_as_a_header_too_is_refused(name):
    header = f"x-amz-{name.lower()}"
    headers = [*PRESIGNED_HEADERS, (header.encode(), b"20261120T120000Z")]
    message = f"Found 'X-Amz-{name}' as HTTP header of a presigned request."
    refused(InvalidSignatureException, message, presigned(headers=headers, signed=f"host;{header}"))


@pytest.mark.parametrize("arguments", [{"method": "POST"}, {"method": "HEAD"}, {"body": b"Action=AssumeRole"}])
def test_anything_but_a_bare_get_is_refused(arguments):
    message = "A presigned request must be a GET without a body."
    refused(InvalidSignatureException, message, presigned(**arguments))


# Parameters

REQUIRED = ["Algorithm", "Credential", "Signature", "SignedHeaders", "Date"]


@pytest.mark.parametrize("absent", [None, ""])
@pytest.mark.parametrize("name", REQUIRED[1:])
def test_a_missing_parameter_is_named(name, absent):
    request = presigned(**{name: absent})
    if (name, absent) == ("Signature", ""):
        request = replace(
            presigned(Signature=None), query_string=presigned(Signature=None).query_string + b"&X-Amz-Signature="
        )
    message = f"AWS query-string parameters must include 'X-Amz-{name}'. Re-examine the query-string parameters."
    refused(IncompleteSignatureException, message, request)


def test_all_missing_parameters_are_named_together():
    message = " ".join(
        [
            *(f"AWS query-string parameters must include 'X-Amz-{name}'." for name in REQUIRED),
            "Re-examine the query-string parameters.",
        ]
    )
    refused(
        IncompleteSignatureException, message, SignedRequest("GET", b"/", b"X-Amz-Algorithm", PRESIGNED_HEADERS, b"")
    )


@pytest.mark.parametrize("name", [*REQUIRED, "Expires", "Security-Token"])
def test_a_repeated_parameter_is_refused(name):
    request = presigned(key=SESSION)
    for spelt in (f"X-Amz-{name}", f"X%2DAmz-{name}"):
        repeated = replace(request, query_string=request.query_string + f"&{spelt}=1".encode())
        message = f"The query-string parameter 'X-Amz-{name}' must not be repeated."
        refused(IncompleteSignatureException, message, repeated)


@pytest.mark.parametrize("name", ["Credential", "SignedHeaders", "Date", "Expires", "Security-Token"])
def test_a_parameter_beyond_ascii_is_refused(name):
    message = f"The query-string parameter 'X-Amz-{name}' must be ASCII."
    refused(IncompleteSignatureException, message, presigned(**{name: "é"}))


@pytest.mark.parametrize("value", ["0", "-1", "+1", "604801", "1000000", "1.5", "1e3", " 60", "60s", "", "٦٠"])
def test_expires_out_of_range_is_refused(value):
    message = "'X-Amz-Expires' must be a number of seconds from 1 to 604800."
    if not value.isascii():
        message = "The query-string parameter 'X-Amz-Expires' must be ASCII."
    refused(IncompleteSignatureException, message, presigned(Expires=value))


@pytest.mark.parametrize("value", ["1", "60", "604800", None])
def test_expires_may_be_a_second_to_a_week_or_absent(value):
    assert verify(presigned(Expires=value)).access_key is KEY


def test_the_date_must_be_in_the_basic_format():
    value = "Fri, 20 Nov 2026 12:00:00 GMT"
    message = f"Date must be in ISO-8601 'basic format'. Got '{value}'. See http://en.wikipedia.org/wiki/ISO_8601"
    refused(IncompleteSignatureException, message, presigned(Date=value))


def test_the_rules_of_scope_and_algorithm_are_those_of_the_header():
    wrong = presigned(Credential=f"{KEY.access_key_id}/20261120/eu-west-1/secretsmanager/aws4_request")
    refused(InvalidSignatureException, "Credential should be scoped to correct service: 'sts'.", wrong)
    message = "Unsupported AWS 'algorithm': 'AWS4-X' (only AWS4-HMAC-SHA256 for now). "
    refused(IncompleteSignatureException, message, presigned(Algorithm="AWS4-X"))
    message = "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."
    refused(InvalidSignatureException, message, presigned(signed="user-agent"))


# Time


@pytest.mark.parametrize("seconds", [-900, -1, 0, 899, 900])
def test_a_presigned_request_is_accepted_for_fifteen_minutes(seconds):
    assert verify(presigned(), now=at(seconds)).access_key is KEY
    assert verify(presigned(Expires=None), now=at(seconds)).access_key is KEY


@pytest.mark.parametrize("expires", ["3600", "604800", None])
def test_a_presigned_request_older_than_its_service_accepts_has_expired(expires):
    message = "Signature expired: 20261120T120000Z is now earlier than 20261120T120001Z (20261120T121501Z - 15 min.)"
    refused(InvalidSignatureException, message, presigned(Expires=expires), now=at(901))


def test_the_age_that_is_accepted_is_the_services_own():
    verifier = sts(presigned_age=timedelta(hours=1))
    assert verify(presigned(), verifier=verifier, now=at(3599, 999_999)).access_key is KEY
    message = "Signature expired: 20261120T120000Z was valid for 3600 seconds, as 'X-Amz-Expires' says."
    refused(InvalidSignatureException, message, presigned(), verifier=verifier, now=at(3600))


def test_the_signer_may_ask_for_less():
    request = presigned(Expires="60")
    assert verify(request, now=at(59, 999_999)).access_key is KEY
    message = "Signature expired: 20261120T120000Z was valid for 60 seconds, as 'X-Amz-Expires' says."
    refused(InvalidSignatureException, message, request, now=at(60))


def test_a_presigned_request_from_the_future_is_not_yet_current():
    message = (
        "Signature not yet current: 20261120T120000Z is still later than 20261120T115959Z (20261120T114459Z + 15 min.)"
    )
    refused(InvalidSignatureException, message, presigned(), now=at(-901))


# Proof


@pytest.mark.parametrize("signature", ["0" * 64, "x", "é"])
def test_a_wrong_signature_is_refused(signature):
    if signature.isascii():
        refused(InvalidSignatureException, MISMATCH, presigned(Signature=signature))
    else:
        message = "The query-string parameter 'X-Amz-Signature' must be ASCII."
        refused(IncompleteSignatureException, message, presigned(Signature=signature))


def test_an_unknown_key_and_a_guessed_secret_are_refused():
    refused(UnrecognizedClientException, INVALID_TOKEN, presigned(), keys={})
    refused(InvalidSignatureException, MISMATCH, presigned(key=AccessKey(KEY.access_key_id, SecretAccessKey("guess"))))


def test_a_parameter_added_after_signing_is_refused():
    request = presigned()
    refused(InvalidSignatureException, MISMATCH, replace(request, query_string=request.query_string + b"&A=b"))


def test_a_token_appended_after_signing_is_refused():
    request = presigned(key=replace(SESSION, session_token=None))
    appended = replace(request, query_string=request.query_string + b"&X-Amz-Security-Token=session-token")
    refused(InvalidSignatureException, MISMATCH, appended)


def test_the_token_must_be_the_keys_own():
    refused(UnrecognizedClientException, INVALID_TOKEN, presigned(key=SESSION, **{"Security-Token": None}))
    refused(UnrecognizedClientException, INVALID_TOKEN, presigned(key=SESSION, **{"Security-Token": "session-tokem"}))
    refused(UnrecognizedClientException, INVALID_TOKEN, presigned(**{"Security-Token": "session-token"}))


def test_a_session_that_has_ended_is_refused():
    ended = replace(SESSION, expiration=NOW)
    message = "The security token included in the request is expired"
    refused(ExpiredTokenException, message, presigned(key=ended), keys={ended.access_key_id: ended})


@pytest.mark.parametrize(("key", "token"), [(KEY, None), (SESSION, "session-token")])
def test_whoever_finds_the_key_is_told_the_token(key, token):
    asked = []

    def find_key(*claimed: str | None):
        asked.append(claimed)
        return finding(sigv4_requests.KEYS)(*claimed)

    sts().verify(presigned(key=key), find_key, NOW)
    assert asked == [(key.access_key_id, token)]
