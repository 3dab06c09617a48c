"""Requests in the shapes that clients send are accepted."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import boto3
import botocore.awsrequest
import pytest

from strongroom.authn.sigv4 import Verifier
from strongroom.errors import (
    InvalidSignatureException,
)
from support.sigv4_requests import (
    BODY,
    HEADERS,
    KEY,
    MISMATCH,
    SESSION,
    TOKEN_SIGNED,
    SignedRequest,
    changed,
    refused,
    request,
    verify,
)


def test_a_verified_request_says_who_and_for_what():
    verified = verify(request())
    assert verified.access_key is KEY
    assert verified.region == "eu-west-1"


def test_a_request_of_boto3_is_accepted():
    sent = []

    def keep(request, **_kwargs: object):
        sent.append(request)
        return botocore.awsrequest.AWSResponse(request.url, 200, {}, RawAnswer())

    client = boto3.client(
        "secretsmanager",
        region_name="eu-west-1",
        endpoint_url="http://127.0.0.1:8200",
        aws_access_key_id=SESSION.access_key_id,
        aws_secret_access_key="session-secret",
        aws_session_token="session-token",
    )
    client.meta.events.register("before-send", keep)
    client.get_secret_value(SecretId="db/é")
    (prepared,) = sent
    headers = [(name.lower().encode(), value.encode("latin-1")) for name, value in text_headers(prepared)]
    signed_request = SignedRequest(prepared.method, b"/", b"", [(b"host", b"127.0.0.1:8200"), *headers], prepared.body)
    session, now = replace(SESSION, expiration=None), datetime.fromisoformat(dict(headers)[b"x-amz-date"].decode())
    verified = verify(signed_request, keys={session.access_key_id: session}, now=now)
    assert verified.access_key is session
    assert f"SignedHeaders={TOKEN_SIGNED}," in dict(headers)[b"authorization"].decode()


def test_a_form_of_boto3_is_accepted():
    sent = []

    def keep(request, **_kwargs: object):
        sent.append(request)
        return botocore.awsrequest.AWSResponse(request.url, 200, {}, RawAnswer(IDENTITY))

    client = boto3.client(
        "sts",
        region_name="eu-west-1",
        endpoint_url="http://127.0.0.1:8200",
        aws_access_key_id=KEY.access_key_id,
        aws_secret_access_key="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    )
    client.meta.events.register("before-send", keep)
    client.get_caller_identity()
    (prepared,) = sent
    headers = [(name.lower().encode(), value.encode()) for name, value in text_headers(prepared)]
    assert dict(headers)[b"content-type"] == b"application/x-www-form-urlencoded; charset=utf-8"
    body = prepared.body if isinstance(prepared.body, bytes) else prepared.body.encode()
    signed_request = SignedRequest("POST", b"/", b"", [(b"host", b"127.0.0.1:8200"), *headers], body)
    now = datetime.fromisoformat(dict(headers)[b"x-amz-date"].decode())
    verifier = Verifier(service="sts", skew=timedelta(minutes=15))
    assert verify(signed_request, verifier=verifier, now=now + timedelta(minutes=15)).access_key is KEY
    other = replace(signed_request, body=body.replace(b"GetCallerIdentity", b"GetSessionToken"))
    refused(InvalidSignatureException, MISMATCH, other, verifier=verifier, now=now)


IDENTITY = b"<GetCallerIdentityResponse><GetCallerIdentityResult/></GetCallerIdentityResponse>"


@dataclass(frozen=True)
class RawAnswer:
    """The body of an answer that nobody sent."""

    content: bytes = b"{}"

    def stream(self, *_args: object, **_kwargs: object):
        yield self.content


def text_headers(prepared):
    return [(name, value if isinstance(value, str) else value.decode()) for name, value in prepared.headers.items()]


def test_the_shape_of_the_javascript_client_is_accepted():
    headers = changed(
        HEADERS,
        accept_encoding=None,
        x_amz_content_sha256=hashlib.sha256(BODY).hexdigest().encode(),
        x_amz_user_agent=b"aws-sdk-js/3.1160.0 ua/2.1 os/linux#6.1 lang/js md/nodejs#24.1.0 api/secrets-manager#3.1",
        connection=b"keep-alive",
    )
    signed = (
        "amz-sdk-invocation-id;amz-sdk-request;content-length;content-type;host;"
        "x-amz-content-sha256;x-amz-date;x-amz-target;x-amz-user-agent"
    )
    assert verify(request(headers, signed=signed)).access_key is KEY


@pytest.mark.parametrize(
    "template",
    [
        "AWS4-HMAC-SHA256 Credential={credential},SignedHeaders={signed},Signature={signature}",
        "AWS4-HMAC-SHA256 Credential={credential} SignedHeaders={signed} Signature={signature}",
        "AWS4-HMAC-SHA256   Signature={signature} ,  SignedHeaders={signed},, Credential={credential}  ",
        "AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={signed}, Signature={signature}, Unknown=1",
    ],
)
def test_parts_may_stand_in_any_order_with_commas_or_spaces(template):
    assert verify(request(template=template)).access_key is KEY


def test_any_region_is_served():
    assert verify(request(scope="20261120/my-own-region-7/secretsmanager/aws4_request")).region == "my-own-region-7"


def test_date_header_takes_the_place_of_an_absent_amz_date():
    headers = changed(HEADERS, x_amz_date=None, date=b"Fri, 20 Nov 2026 12:00:00 GMT")
    assert verify(request(headers, signed="content-type;date;host;x-amz-target")).access_key is KEY


def test_date_header_in_basic_format_is_read_too():
    headers = changed(HEADERS, x_amz_date=None, date=b"20261120T120000Z")
    assert verify(request(headers, signed="content-type;date;host;x-amz-target")).access_key is KEY


def test_date_header_beside_amz_date_is_not_read_and_may_stay_unsigned():
    assert verify(request(changed(HEADERS, date=b"yesterday"))).access_key is KEY


def test_repeated_other_header_is_joined_and_may_be_signed():
    headers = [*HEADERS, (b"my-header", b" b "), (b"my-header", b"a")]
    signed = "content-type;host;my-header;x-amz-date;x-amz-target"
    assert verify(request(headers, signed=signed)).access_key is KEY
    refused(InvalidSignatureException, MISMATCH, swapped(request(headers, signed=signed)))


def swapped(signed_request):
    first, second = (index for index, (name, _) in enumerate(signed_request.headers) if name == b"my-header")
    headers = list(signed_request.headers)
    headers[first], headers[second] = headers[second], headers[first]
    return replace(signed_request, headers=headers)


def test_fixed_content_type_may_stay_unsigned_as_the_php_client_leaves_it():
    verifier = Verifier(service="secretsmanager", fixed_content_type=b"application/x-amz-json-1.1")
    signed = "host;x-amz-date;x-amz-target"
    assert verify(request(signed=signed), verifier=verifier).access_key is KEY
    other = request(changed(HEADERS, content_type=b"application/x-www-form-urlencoded"), signed=signed)
    text = "'Content-Type' must be a 'SignedHeader' in the AWS Authorization."
    refused(InvalidSignatureException, text, other, verifier=verifier)


def test_session_is_accepted_with_its_own_token():
    headers = changed(HEADERS, x_amz_security_token=b"session-token")
    signed = "content-type;host;x-amz-date;x-amz-security-token;x-amz-target"
    assert verify(request(headers, key=SESSION, signed=signed)).access_key is SESSION
