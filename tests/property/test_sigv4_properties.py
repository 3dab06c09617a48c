"""What botocore signs is accepted; a byte changed on the way is not."""

from __future__ import annotations

import hashlib
import string
from dataclasses import replace
from datetime import UTC, datetime
from unittest.mock import patch
from urllib.parse import unquote_to_bytes, urlencode

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import assume, example, given
from hypothesis import strategies as st

from strongroom.authn.authorization_header import parse_authorization
from strongroom.authn.credentials import AccessKey, SecretAccessKey
from strongroom.authn.presigned import MAX_AGE
from strongroom.authn.sigv4 import Verifier
from strongroom.errors import CommonError
from support.sigv4_requests import SignedRequest, finding, presigned

NOW = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
KEY = AccessKey("AKIAIOSFODNN7EXAMPLE", SecretAccessKey(SECRET))
SHARED = Verifier(service="secretsmanager")

VISIBLE = string.ascii_letters + string.digits + string.punctuation
names = st.text(string.ascii_lowercase + string.digits + "-", min_size=1, max_size=20).map(lambda name: f"x-my-{name}")
values = st.text(VISIBLE + " ", max_size=40)
paths = st.text(string.ascii_letters + string.digits + "-._~%/ é", max_size=20).map(lambda path: f"/{path}")


def signed_by_botocore(*, body, headers, path="/", with_payload_hash=False):
    """Return the request as botocore's signer leaves it; what is unsigned is added afterwards."""
    request = AWSRequest("POST", f"http://127.0.0.1:8200{path}", data=body, headers=dict(headers))
    request.headers["X-Amz-Target"] = "secretsmanager.PutSecretValue"
    request.headers["Content-Type"] = "application/x-amz-json-1.1"
    if with_payload_hash:
        request.headers["X-Amz-Content-SHA256"] = hashlib.sha256(body).hexdigest()
    with patch("botocore.auth.get_current_datetime", return_value=NOW):
        SigV4Auth(Credentials(KEY.access_key_id, SECRET), "secretsmanager", "eu-west-1").add_auth(request)
    arrived = [(name.lower().encode(), value.encode()) for name, value in request.headers.items()]
    unsigned = [(b"user-agent", b"Boto3/1.44.5"), (b"content-length", str(len(body)).encode())]
    return SignedRequest("POST", path.encode(), b"", [(b"host", b"127.0.0.1:8200"), *unsigned, *arrived], body)


OF_EVERY_REQUEST = {b"host", b"x-amz-date", b"x-amz-target", b"content-type"}


def signed_headers(request):
    text = dict(request.headers)[b"authorization"].decode()
    return parse_authorization(text, is_dated=True)[0].signed


def verify(request, verifier=SHARED):
    return verifier.verify(request, finding({KEY.access_key_id: KEY}), NOW)


@given(
    body=st.binary(max_size=200),
    headers=st.dictionaries(names, values, max_size=4),
    with_payload_hash=st.booleans(),
)
@example(body=b"", headers={"x-my-header": "  a   b  "}, with_payload_hash=True)
def test_what_botocore_signs_is_accepted(body, headers, with_payload_hash):
    request = signed_by_botocore(body=body, headers=headers, with_payload_hash=with_payload_hash)
    verified = verify(request)
    assert verified.access_key is KEY
    assert signed_headers(request) >= {name.encode() for name in headers} | OF_EVERY_REQUEST


@given(paths)
@example("/a/./b//c/../d/")
@example("/%20/ é")
def test_every_path_that_botocore_signs_is_accepted(path):
    assume(not {"..", "."} & set(path.split("/")) or path == "/a/./b//c/../d/")
    assert verify(signed_by_botocore(body=b"", headers={}, path=path)).access_key is KEY


def with_byte_changed(value, position, byte):
    position %= len(value)
    assume(value[position : position + 1] != byte)
    return value[:position] + byte + value[position + 1 :]


visible_bytes = st.sampled_from(VISIBLE).map(str.encode)
positions = st.integers(min_value=0, max_value=10_000)
ORIGINAL = signed_by_botocore(body=b'{"SecretId":"db","SecretString":"hunter2"}', headers={"x-my-header": "value"})
SIGNED = [name for name, _ in ORIGINAL.headers if name in signed_headers(ORIGINAL)]


def refuse(request):
    """A changed request does no better with a verifier that remembers the unchanged one."""
    for verifier in (SHARED, Verifier(service="secretsmanager")):
        with pytest.raises(CommonError):
            verify(request, verifier)


def with_header_byte_changed(header, position, byte):
    return replace(
        ORIGINAL,
        headers=[
            (name, with_byte_changed(value, position, byte) if name == header else value)
            for name, value in ORIGINAL.headers
        ],
    )


def test_every_header_botocore_signed_takes_part():
    assert set(SIGNED) == {b"content-type", b"host", b"x-amz-date", b"x-amz-target", b"x-my-header"}


@given(position=positions, byte=st.binary(min_size=1, max_size=1))
def test_body_with_a_byte_changed_is_refused(position, byte):
    refuse(replace(ORIGINAL, body=with_byte_changed(ORIGINAL.body, position, byte)))


@given(position=positions, byte=visible_bytes)
def test_method_with_a_letter_changed_is_refused(position, byte):
    method = with_byte_changed(ORIGINAL.method.encode(), position, byte).decode()
    refuse(replace(ORIGINAL, method=method))


@given(extra=visible_bytes)
def test_path_or_query_with_something_added_is_refused(extra):
    assume(extra not in b"/.&")
    refuse(replace(ORIGINAL, raw_path=b"/" + extra))
    refuse(replace(ORIGINAL, query_string=extra))


@given(header=st.sampled_from(SIGNED), position=positions, byte=visible_bytes)
def test_signed_header_with_a_byte_changed_is_refused(header, position, byte):
    refuse(with_header_byte_changed(header, position, byte))


@given(position=st.integers(min_value=1, max_value=64), byte=visible_bytes)
def test_signature_with_a_byte_changed_is_refused(position, byte):
    refuse(with_header_byte_changed(b"authorization", -position, byte))


@given(position=positions, byte=visible_bytes)
def test_authorization_with_a_byte_changed_is_refused(position, byte):
    # Commas and spaces between the parts are not part of what they say.
    value = dict(ORIGINAL.headers)[b"authorization"]
    before = value[position % len(value) : position % len(value) + 1]
    assume(before != b"," and (before, byte) != (b" ", b","))
    refuse(with_header_byte_changed(b"authorization", position, byte))


# Presigned requests

STS = Verifier(service="sts", presigned_age=MAX_AGE)
PRESIGNED = presigned(headers=[(b"host", b"127.0.0.1:8200"), (b"x-k8s-aws-id", b"cluster")], signed="host;x-k8s-aws-id")
PARAMETERS = ("Algorithm", "Credential", "Date", "Expires", "SignedHeaders", "Signature", "Security-Token")


def meaning(query):
    pairs = (parameter.partition(b"=") for parameter in query.split(b"&") if parameter)
    return sorted((unquote_to_bytes(name), unquote_to_bytes(value)) for name, _, value in pairs)


@given(position=positions, byte=visible_bytes)
def test_presigned_query_with_a_byte_changed_is_refused(position, byte):
    query = with_byte_changed(PRESIGNED.query_string, position, byte)
    assume(meaning(query) != meaning(PRESIGNED.query_string))
    for verifier in (STS, Verifier(service="sts", presigned_age=MAX_AGE)):
        assert verify(PRESIGNED, STS).access_key is KEY
        with pytest.raises(CommonError):
            verify(replace(PRESIGNED, query_string=query), verifier)


@given(header=st.sampled_from([b"host", b"x-k8s-aws-id"]), position=positions, byte=visible_bytes)
def test_presigned_request_with_a_byte_of_a_signed_header_changed_is_refused(header, position, byte):
    headers = [
        (name, with_byte_changed(value, position, byte) if name == header else value)
        for name, value in PRESIGNED.headers
    ]
    with pytest.raises(CommonError):
        verify(replace(PRESIGNED, headers=headers), STS)


@given(
    parameters=st.dictionaries(st.sampled_from(PARAMETERS), st.text(max_size=30)),
    more=st.binary(max_size=20),
)
def test_any_query_string_is_refused_in_an_orderly_way(parameters, more):
    query = urlencode({f"X-Amz-{name}": value for name, value in parameters.items()}).encode() + b"&" + more
    with pytest.raises(CommonError):
        verify(replace(PRESIGNED, query_string=query), STS)
