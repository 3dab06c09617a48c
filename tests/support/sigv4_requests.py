"""Requests signed as a client would, or not quite, for the tests of the verifier."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from strongroom.authn.canonical_request import (
    SignedHeaders,
    canonical_query,
    canonical_request,
    canonical_uri,
    joined_headers,
    string_to_sign,
)
from strongroom.authn.credentials import AccessKey, SecretAccessKey
from strongroom.authn.sigv4 import Verifier

NOW = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)
KEY = AccessKey("AKIAIOSFODNN7EXAMPLE", SecretAccessKey("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"))
SESSION = AccessKey(
    "ASIAIOSFODNN7EXAMPLE",
    SecretAccessKey("session-secret"),
    session_token="session-token",
    expiration=NOW + timedelta(hours=1),
)
KEYS = {key.access_key_id: key for key in (KEY, SESSION)}
BODY = b'{"SecretId":"db"}'
MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key "
    "and signing method. Consult the service documentation for details."
)
NO_DATE = "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header."
INVALID_TOKEN = "The security token included in the request is invalid."
HEADERS = (
    (b"host", b"127.0.0.1:8200"),
    (b"accept-encoding", b"identity"),
    (b"x-amz-target", b"secretsmanager.GetSecretValue"),
    (b"content-type", b"application/x-amz-json-1.1"),
    (b"user-agent", b"Boto3/1.44.5 md/Botocore#1.44.5 ua/2.1"),
    (b"x-amz-date", b"20261120T120000Z"),
    (b"amz-sdk-invocation-id", b"c44ec1b5-0000-4f3a-8d2a-0123456789ab"),
    (b"amz-sdk-request", b"attempt=1"),
    (b"content-length", b"17"),
)
SIGNED = "content-type;host;x-amz-date;x-amz-target"
TOKEN_SIGNED = "content-type;host;x-amz-date;x-amz-security-token;x-amz-target"
TEMPLATE = "AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={signed}, Signature={signature}"


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """A `Signable`, and nothing more."""

    method: str
    raw_path: bytes
    query_string: bytes
    headers: Sequence[tuple[bytes, bytes]]
    body: bytes


def changed(headers, **changes: bytes | None):
    """Return the headers with some replaced, added at the end, or (None) removed; `_` stands for `-`."""
    new = {name.replace("_", "-").encode(): value for name, value in changes.items()}
    kept = [(name, new.pop(name, value)) for name, value in headers]
    return [(name, value) for name, value in (*kept, *new.items()) if value is not None]


def request(
    headers=HEADERS,
    *,
    key=KEY,
    signed=SIGNED,
    scope="20261120/eu-west-1/secretsmanager/aws4_request",
    timestamp="20261120T120000Z",
    template=TEMPLATE,
    method="POST",
    path=b"/",
    query=b"",
    body=BODY,
    payload_hash=None,
):
    """Return a request with a signature that is right for what it says about itself."""
    canonical = canonical_request(
        method,
        canonical_uri(path),
        canonical_query(query),
        joined_headers(headers)
        | {name.encode(): b"" for name in signed.split(";") if name.encode() not in dict(headers)},
        SignedHeaders([name.encode() for name in signed.split(";")]),
        payload_hash or hashlib.sha256(body).hexdigest(),
    )
    date, region, service = [*scope.split("/"), "", ""][:3]
    signing_key = key.secret_access_key.signing_key(date, region, service)
    signature = hmac.digest(signing_key, string_to_sign(timestamp, scope, canonical), "sha256").hex()
    authorization = template.format(credential=f"{key.access_key_id}/{scope}", signed=signed, signature=signature)
    return SignedRequest(method, path, query, [*headers, (b"authorization", authorization.encode())], body)


def finding(keys):
    """Return what finds a key among these, whatever token comes along."""
    return lambda access_key_id, _session_token: keys.get(access_key_id)


def verify(signed_request, *, verifier=None, keys=KEYS, now=NOW):
    return (verifier or Verifier(service="secretsmanager")).verify(signed_request, finding(keys), now)


def refused(error, message, signed_request, **arguments: Any):
    with pytest.raises(error) as caught:
        verify(signed_request, **arguments)
    assert type(caught.value) is error
    assert caught.value.message == message


STS_SCOPE = "20261120/eu-west-1/sts/aws4_request"
PRESIGNED_HEADERS = ((b"host", b"sts.example:8200"), (b"user-agent", b"Go-http-client/1.1"))


def presigned(
    *,
    headers=PRESIGNED_HEADERS,
    key=KEY,
    signed="host",
    more=b"Action=GetCallerIdentity&Version=2011-06-15",
    method="GET",
    path=b"/",
    body=b"",
    **changes: str | None,
):
    """Return a presigned request with a signature that is right for what it says about itself.

    `changes` replace parameters, or (None) leave them out: Expires="60" stands for X-Amz-Expires.
    """
    usual = {
        "Algorithm": "AWS4-HMAC-SHA256",
        "Credential": f"{key.access_key_id}/{STS_SCOPE}",
        "Date": "20261120T120000Z",
        "Expires": "3600",
        "SignedHeaders": signed,
        "Security-Token": key.session_token,
    }
    signature = changes.pop("Signature", "")
    parameters = {
        f"X-Amz-{name.replace('_', '-')}": value for name, value in (usual | changes).items() if value is not None
    }
    query = more + b"&" + urlencode(parameters, quote_via=quote, safe="").encode()
    scope = parameters.get("X-Amz-Credential", STS_SCOPE).partition("/")[2]
    names = tuple(name.encode() for name in parameters.get("X-Amz-SignedHeaders", "host").split(";"))
    canonical = canonical_request(
        method,
        canonical_uri(path),
        canonical_query(query),
        dict.fromkeys(names, b"") | joined_headers(headers),
        SignedHeaders(names),
        hashlib.sha256(body).hexdigest(),
    )
    signing_key = key.secret_access_key.signing_key(*[*scope.split("/"), "", ""][:3])
    to_sign = string_to_sign(parameters.get("X-Amz-Date", ""), scope, canonical)
    if signature is not None:
        signature = signature or hmac.digest(signing_key, to_sign, "sha256").hex()
        query += b"&X-Amz-Signature=" + signature.encode()
    return SignedRequest(method, path, query, list(headers), body)
