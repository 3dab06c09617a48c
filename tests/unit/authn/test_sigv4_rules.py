"""The verifier's strictness, the order of its checks, what it remembers and what it keeps to itself."""

from __future__ import annotations

import copy
import hashlib
import hmac
import pickle
from dataclasses import replace
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest

from strongroom.authn import sigv4
from strongroom.authn.credentials import AccessKey, SecretAccessKey
from strongroom.authn.sigv4 import Verifier
from strongroom.errors import (
    ExpiredTokenException,
    IncompleteSignatureException,
    InvalidSignatureException,
    UnrecognizedClientException,
)
from support.sigv4_requests import (
    BODY,
    HEADERS,
    INVALID_TOKEN,
    KEY,
    MISMATCH,
    NO_DATE,
    NOW,
    SESSION,
    SIGNED,
    TEMPLATE,
    TOKEN_SIGNED,
    SignedRequest,
    changed,
    refused,
    request,
    verify,
)

# Sessions


def test_token_with_a_long_term_key_is_refused():
    headers = changed(HEADERS, x_amz_security_token=b"session-token")
    refused(UnrecognizedClientException, INVALID_TOKEN, request(headers, signed=TOKEN_SIGNED))


def test_session_without_its_token_is_refused():
    refused(UnrecognizedClientException, INVALID_TOKEN, request(key=SESSION))


def test_session_with_another_token_is_refused():
    headers = changed(HEADERS, x_amz_security_token=b"session-tokem")
    refused(UnrecognizedClientException, INVALID_TOKEN, request(headers, key=SESSION, signed=TOKEN_SIGNED))


def test_session_that_has_ended_is_refused():
    ended = replace(SESSION, expiration=NOW)
    headers = changed(HEADERS, x_amz_security_token=b"session-token")
    message = "The security token included in the request is expired"
    signed_request = request(headers, key=ended, signed=TOKEN_SIGNED)
    refused(ExpiredTokenException, message, signed_request, keys={ended.access_key_id: ended})
    assert verify(signed_request, keys={ended.access_key_id: ended}, now=NOW - timedelta(seconds=1))


@pytest.mark.parametrize(("key", "token"), [(KEY, None), (SESSION, "session-token")])
def test_the_finder_of_keys_is_told_the_claimed_token(key, token):
    headers = HEADERS if token is None else changed(HEADERS, x_amz_security_token=b" session-token ")
    asked = []

    def find_key(access_key_id, session_token):
        asked.append((access_key_id, session_token))
        return key

    signed_request = request(headers, key=key, signed=SIGNED if token is None else TOKEN_SIGNED)
    assert Verifier(service="secretsmanager").verify(signed_request, find_key, NOW).access_key is key
    assert asked == [(key.access_key_id, token)]


# Strictness


@pytest.mark.parametrize(
    "name",
    ["authorization", "host", "content-type", "content-length", "x-amz-date", "x-amz-target", "x-amz-new", "x-k8s-new"],
)
def test_repeated_security_header_is_refused(name):
    signed_request = request([*HEADERS, (b"x-amz-new", b"1"), (b"x-k8s-new", b"1")])
    repeated = replace(signed_request, headers=[*signed_request.headers, (name.encode(), b"1")])
    refused(IncompleteSignatureException, f"'{name.title()}' must not be repeated.", repeated)


def test_repeated_date_is_refused():
    headers = [*HEADERS, (b"date", b"1"), (b"date", b"1")]
    refused(IncompleteSignatureException, "'Date' must not be repeated.", request(headers))


@pytest.mark.parametrize("name", ["x-amz-date", "x-amz-target", "x-amz-security-token", "date"])
def test_header_beyond_ascii_is_refused(name):
    headers = [(other, value) for other, value in HEADERS if other != name.encode()]
    headers.append((name.encode(), b"\xc3\xa9"))
    refused(IncompleteSignatureException, f"'{name.title()}' must be ASCII.", request(headers))


CONTENT_SIGNED = "content-type;host;x-amz-content-sha256;x-amz-date;x-amz-target"


@pytest.mark.parametrize(
    "declared",
    [
        "UNSIGNED-PAYLOAD",
        "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
        hashlib.sha256(b"another body").hexdigest(),
        hashlib.sha256(BODY).hexdigest().upper(),
        "",
    ],
)
def test_payload_hash_other_than_the_bodys_is_refused(declared):
    headers = changed(HEADERS, x_amz_content_sha256=declared.encode())
    message = "The provided 'x-amz-content-sha256' header does not match what was computed."
    refused(InvalidSignatureException, message, request(headers, signed=CONTENT_SIGNED, payload_hash=declared))


def test_body_is_part_of_the_signature():
    refused(InvalidSignatureException, MISMATCH, replace(request(), body=b'{"SecretId":"other"}'))


# Order: a request with two faults gets the answer of the earlier check


def test_ambiguity_is_found_before_anything_is_read():
    refused(
        IncompleteSignatureException,
        "'Host' must not be repeated.",
        SignedRequest("POST", b"/", b"", [(b"host", b"a"), (b"host", b"b")], b""),
    )


def test_date_form_is_checked_before_signed_headers():
    with pytest.raises(IncompleteSignatureException, match=r"^Date must be"):
        verify(request(changed(HEADERS, x_amz_date=b"2026"), signed="x-amz-date"))


def test_expiry_is_checked_before_signed_headers_and_scope():
    with pytest.raises(InvalidSignatureException, match=r"^Signature expired: "):
        verify(request(signed="x-amz-date", scope="a/b"), now=NOW + timedelta(hours=1))


def test_signed_headers_are_checked_before_the_algorithm():
    with pytest.raises(InvalidSignatureException, match=r"^'Host' or ':authority' must be"):
        verify(request(signed="x-amz-date", template=TEMPLATE.replace("AWS4-HMAC-SHA256", "AWS4-X")))


def test_algorithm_is_checked_before_the_credential():
    with pytest.raises(IncompleteSignatureException, match=r"^Unsupported AWS 'algorithm': 'AWS4-X'"):
        verify(request(scope="a/b", template=TEMPLATE.replace("AWS4-HMAC-SHA256", "AWS4-X")))


def test_scope_is_checked_before_the_key_is_looked_up():
    def find_key(_access_key_id, _session_token):
        raise AssertionError("asked too early")

    with pytest.raises(InvalidSignatureException, match=r"^Credential should be scoped to correct service"):
        Verifier(service="sts").verify(request(), find_key, NOW)


def test_unknown_key_is_answered_before_a_wrong_signature_or_payload_hash():
    headers = changed(HEADERS, x_amz_content_sha256=b"UNSIGNED-PAYLOAD")
    refused(UnrecognizedClientException, INVALID_TOKEN, request(headers, signed=CONTENT_SIGNED), keys={})


def test_signature_is_checked_before_the_session_token():
    headers = changed(HEADERS, x_amz_security_token=b"session-token")
    refused(InvalidSignatureException, MISMATCH, replace(request(headers, signed=TOKEN_SIGNED), body=b""))


def test_token_is_checked_before_its_expiry():
    ended = replace(SESSION, expiration=NOW - timedelta(days=1))
    refused(UnrecognizedClientException, INVALID_TOKEN, request(key=ended), keys={ended.access_key_id: ended})


# What is remembered


class CountingSecret(SecretAccessKey):
    """Counts how often a signing key is derived."""

    derivations = 0

    def signing_key(self, date, region, service):
        self.derivations += 1
        return super().signing_key(date, region, service)


@pytest.fixture
def counted():
    return AccessKey("AKIACOUNTED", CountingSecret("counted"))


def test_signing_key_is_derived_once_a_day_and_region(counted):
    verifier, keys = Verifier(service="secretsmanager"), {"AKIACOUNTED": counted}
    signed_request, other_region = (
        request(key=counted),
        request(key=counted, scope="20261120/eu-west-2/secretsmanager/aws4_request"),
    )
    counted.secret_access_key.derivations = 0
    for _ in range(3):
        verify(signed_request, verifier=verifier, keys=keys)
    assert counted.secret_access_key.derivations == 1
    verify(other_region, verifier=verifier, keys=keys)
    assert counted.secret_access_key.derivations == 2


def test_revision_change_drops_the_derived_key():
    verifier, signed_request = Verifier(service="secretsmanager"), request()
    verify(signed_request, verifier=verifier)
    renewed = AccessKey(KEY.access_key_id, SecretAccessKey("another secret"), revision=2)
    refused(InvalidSignatureException, MISMATCH, signed_request, verifier=verifier, keys={KEY.access_key_id: renewed})
    assert verify(request(key=renewed), verifier=verifier, keys={KEY.access_key_id: renewed}).access_key is renewed


def test_disabled_key_is_refused_though_its_signing_key_is_remembered():
    verifier = Verifier(service="secretsmanager")
    verify(request(), verifier=verifier)
    refused(UnrecognizedClientException, INVALID_TOKEN, request(), verifier=verifier, keys={})


def test_wrong_signature_leaves_nothing_behind(counted):
    verifier = Verifier(service="secretsmanager")
    refused(
        InvalidSignatureException,
        MISMATCH,
        replace(request(key=counted), body=b""),
        verifier=verifier,
        keys={"AKIACOUNTED": counted},
    )
    assert len(verifier._signers) == len(verifier._authorizations) == 0


def test_what_is_remembered_is_bounded():
    verifier = Verifier(service="secretsmanager")
    for number in range(sigv4.CACHE_ENTRIES + 200):
        region = f"region-{number}"
        verify(request(scope=f"20261120/{region}/secretsmanager/aws4_request"), verifier=verifier)
    assert len(verifier._signers) <= sigv4.CACHE_ENTRIES
    assert len(verifier._authorizations) <= sigv4.CACHE_ENTRIES


@pytest.mark.parametrize("template", [TEMPLATE, TEMPLATE.replace(", ", ",")])
def test_remembered_header_does_not_skip_a_check(template):
    verifier = Verifier(service="secretsmanager")
    signed_request = request(template=template)
    verify(signed_request, verifier=verifier)
    assert len(verifier._authorizations) == 1
    refused(InvalidSignatureException, MISMATCH, replace(signed_request, body=b""), verifier=verifier)
    tomorrow = request(
        changed(HEADERS, x_amz_date=b"20261121T120000Z"), template=template, timestamp="20261121T120000Z"
    )
    with pytest.raises(InvalidSignatureException, match=r"^Date in Credential scope does not match"):
        verify(tomorrow, verifier=verifier, now=NOW + timedelta(days=1))
    unsigned = replace(signed_request, headers=[*signed_request.headers, (b"x-amz-new", b"1")])
    with pytest.raises(InvalidSignatureException, match=r"^'X-Amz-New' must be a 'SignedHeader'"):
        verify(unsigned, verifier=verifier)
    dateless = replace(signed_request, headers=[pair for pair in signed_request.headers if pair[0] != b"x-amz-date"])
    refused(IncompleteSignatureException, f"{NO_DATE} Authorization=AWS4-HMAC-SHA256", dateless, verifier=verifier)
    with pytest.raises(InvalidSignatureException, match=r"^Signature expired: "):
        verify(signed_request, verifier=verifier, now=NOW + timedelta(minutes=6))


def test_remembered_names_of_headers_are_those_of_that_header_alone():
    verifier = Verifier(service="secretsmanager")
    verify(request(), verifier=verifier)
    verify(request(changed(HEADERS, x_new=b"1")), verifier=verifier)
    less = [pair for pair in request().headers if pair[0] != b"x-amz-target"]
    with pytest.raises(InvalidSignatureException, match=r"^'X-Amz-Target' is a 'SignedHeader' but not part"):
        verify(replace(request(), headers=less), verifier=verifier)
    verify(request(signed="host;x-amz-date", headers=HEADERS[:1] + HEADERS[5:]), verifier=verifier)


def test_content_type_that_may_be_unsigned_is_looked_at_every_time():
    verifier = Verifier(service="secretsmanager", fixed_content_type=b"application/x-amz-json-1.1")
    signed = "host;x-amz-date;x-amz-target"
    for _ in range(2):
        verify(request(signed=signed), verifier=verifier)
    other = request(changed(HEADERS, content_type=b"text/xml"), signed=signed)
    with pytest.raises(InvalidSignatureException, match=r"^'Content-Type' must be a 'SignedHeader'"):
        verify(other, verifier=verifier)


def test_long_names_of_headers_are_not_remembered():
    verifier = Verifier(service="secretsmanager")
    headers = (*HEADERS, (b"a" * sigv4.MAX_NAMES_BYTES, b""))
    for _ in range(2):
        verify(request(headers), verifier=verifier)
    assert {vouched.names for vouched in verifier._authorizations._younger.values()} == {None}


def test_signature_of_another_part_is_not_remembered_as_the_signature():
    verifier = Verifier(service="secretsmanager")
    verify(request(template=f"{TEMPLATE}, NotTheSignature=" + "0" * 64), verifier=verifier)
    assert len(verifier._authorizations) == 0


def test_unknown_key_costs_the_same_hmac_work():
    calls: list[Any] = []

    def counting(original):
        return lambda *arguments: (calls.append(arguments), original(*arguments))[1]

    signed_request = request()
    with (
        patch.object(hmac, "digest", counting(hmac.digest)),
        patch.object(sigv4, "_signature", counting(sigv4._signature)),
    ):
        verify(signed_request)
        known, calls[:] = len(calls), []
        refused(UnrecognizedClientException, INVALID_TOKEN, signed_request, keys={})
    assert len(calls) == known == 5


# Secrets


@pytest.mark.parametrize("shown", [repr, str, "{}".format])
def test_secret_and_token_stay_out_of_texts(shown):
    text = shown(SESSION) + shown(SESSION.secret_access_key)
    assert "session-secret" not in text
    assert "session-token" not in text


def test_secret_does_not_leave_the_process():
    for leave in (pickle.dumps, copy.deepcopy):
        with pytest.raises(TypeError, match="does not leave the process"):
            leave(KEY.secret_access_key)
