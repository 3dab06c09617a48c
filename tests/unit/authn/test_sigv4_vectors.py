"""AWS's own signing vectors (tests/vectors/sigv4): 38 requests, each signed by header and by query string."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from strongroom.authn.authorization_header import parse_authorization
from strongroom.authn.canonical_request import (
    SignedHeaders,
    canonical_query,
    canonical_request,
    canonical_uri,
    joined_headers,
    string_to_sign,
)
from strongroom.authn.credentials import AccessKey, SecretAccessKey
from strongroom.authn.presigned import MAX_AGE
from strongroom.authn.sigv4 import Verifier
from strongroom.errors import InvalidSignatureException
from support.sigv4_requests import SignedRequest, finding

SUITE = Path(__file__).parents[2] / "vectors" / "sigv4"
CASES = sorted(path.name for path in SUITE.iterdir() if path.is_dir())


@dataclass(frozen=True)
class Vector:
    folder: Path
    form: str

    @property
    def context(self) -> dict[str, Any]:
        return json.loads((self.folder / "context.json").read_text())

    def expected(self, kind: str) -> str:
        return (self.folder / f"{self.form}-{kind}.txt").read_text()

    @property
    def request(self) -> SignedRequest:
        head, _, body = (self.folder / f"{self.form}-signed-request.txt").read_bytes().partition(b"\n\n")
        request_line, *lines = head.split(b"\n")
        method, _, rest = request_line.partition(b" ")
        path, _, query_string = rest.rpartition(b" ")[0].partition(b"?")
        headers: list[tuple[bytes, bytes]] = []
        for line in lines:
            if line.startswith(b" "):
                headers[-1] = (headers[-1][0], headers[-1][1] + b"\n" + line)
            else:
                name, _, value = line.partition(b":")
                headers.append((name.lower(), value))
        return SignedRequest(method.decode(), path, query_string, headers, body)

    @property
    def signed_headers(self) -> SignedHeaders:
        request = self.request
        if self.form == "query":
            return SignedHeaders([name.encode() for name in self.parameter("X-Amz-SignedHeaders").split(";")])
        authorization, _ = parse_authorization(dict(request.headers)[b"authorization"].decode(), is_dated=True)
        return authorization.signed_headers

    def parameter(self, name: str) -> str:
        return parse_qs(self.request.query_string.decode())[name][0]

    @property
    def timestamp(self) -> str:
        return self.now.strftime("%Y%m%dT%H%M%SZ")

    @property
    def now(self) -> datetime:
        return datetime.fromisoformat(self.context["timestamp"])

    @property
    def scope(self) -> tuple[str, str, str]:
        return self.timestamp[:8], self.context["region"], self.context["service"]

    @property
    def access_key(self) -> AccessKey:
        credentials = self.context["credentials"]
        secret = SecretAccessKey(credentials["secret_access_key"])
        return AccessKey(credentials["access_key_id"], secret, session_token=credentials.get("token"))

    def canonical_request(self) -> bytes:
        request, context = self.request, self.context
        query_string = request.query_string
        if context.get("omit_session_token"):
            # Signed first, the token appended afterwards.
            parameters = query_string.split(b"&")
            query_string = b"&".join(name for name in parameters if not name.startswith(b"X-Amz-Security-Token="))
        return canonical_request(
            request.method,
            canonical_uri(request.raw_path, normalize=context["normalize"]),
            canonical_query(query_string, presigned=self.form == "query"),
            joined_headers(request.headers),
            self.signed_headers,
            hashlib.sha256(request.body).hexdigest(),
        )

    def string_to_sign(self) -> bytes:
        return string_to_sign(self.timestamp, "/".join((*self.scope, "aws4_request")), self.canonical_request())

    def signature(self) -> str:
        key = self.access_key.secret_access_key.signing_key(*self.scope)
        return hmac.digest(key, self.string_to_sign(), "sha256").hex()


@pytest.fixture(params=["header", "query"])
def form(request):
    return request.param


@pytest.fixture(params=CASES)
def vector(request, form):
    return Vector(SUITE / request.param, form)


def test_the_suite_is_whole():
    assert len(CASES) == 38


def test_canonical_request_string_to_sign_and_signature_are_the_vectors(vector):
    assert vector.canonical_request().decode() == vector.expected("canonical-request")
    assert vector.string_to_sign().decode() == vector.expected("string-to-sign")
    assert vector.signature() == vector.expected("signature")


@pytest.mark.parametrize("case", CASES)
def test_signed_request_is_verified_unless_a_stricter_rule_stands_against_it(case):
    vector = Vector(SUITE / case, "header")
    verifier = Verifier(service=vector.context["service"])

    def verify():
        return verifier.verify(vector.request, finding({"AKIDEXAMPLE": vector.access_key}), vector.now)

    path = vector.request.raw_path
    if vector.context.get("omit_session_token"):
        with pytest.raises(InvalidSignatureException, match="'X-Amz-Security-Token' must be a 'SignedHeader'"):
            verify()
    elif canonical_uri(path) != canonical_uri(path, normalize=False) and not vector.context["normalize"]:
        with pytest.raises(InvalidSignatureException, match="The request signature we calculated does not match"):
            verify()
    else:
        assert verify().access_key.access_key_id == "AKIDEXAMPLE"


@pytest.mark.parametrize("case", CASES)
def test_presigned_request_is_verified_unless_a_stricter_rule_stands_against_it(case):
    vector = Vector(SUITE / case, "query")
    verifier = Verifier(service=vector.context["service"], presigned_age=MAX_AGE)

    def verify():
        return verifier.verify(vector.request, finding({"AKIDEXAMPLE": vector.access_key}), vector.now)

    path = vector.request.raw_path
    if vector.request.method != "GET":
        with pytest.raises(InvalidSignatureException, match="must be a GET without a body"):
            verify()
    elif canonical_uri(path) != canonical_uri(path, normalize=False) and not vector.context["normalize"]:
        with pytest.raises(InvalidSignatureException, match="The request signature we calculated does not match"):
            verify()
    else:
        assert verify().access_key.access_key_id == "AKIDEXAMPLE"


@pytest.mark.parametrize("case", CASES)
def test_presigned_request_carries_the_signature_of_its_vector(case):
    vector = Vector(SUITE / case, "query")
    assert vector.parameter("X-Amz-Signature") == vector.signature()
