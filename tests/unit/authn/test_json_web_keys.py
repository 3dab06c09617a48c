"""Which published keys are used, and for what."""

from __future__ import annotations

import base64
import json
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from strongroom.authn.json_web_keys import ALGORITHMS, KeySetFault, parse_key_set
from support.issuer import private_key, public_jwk

RSA = {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}


def key_set(*keys: Any) -> bytes:
    return json.dumps({"keys": keys}).encode()


def number(value: int) -> str:
    raw = value.to_bytes((value.bit_length() + 7) // 8, "big")
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


@pytest.mark.parametrize(
    ("algorithm", "serves"),
    [("RS256", RSA), ("ES256", {"ES256"}), ("ES384", {"ES384"}), ("ES512", {"ES512"}), ("EdDSA", {"EdDSA"})],
)
def test_a_key_serves_the_algorithms_of_its_type_and_curve(algorithm: str, serves: set[str]):
    keys = parse_key_set(key_set(public_jwk(algorithm, kid="k", alg=None)))
    assert {name for name in ALGORITHMS if keys.find("k", name)} == serves


@pytest.mark.parametrize(
    "members",
    [
        {"use": "enc"},
        {"alg": "RSA-OAEP"},
        {"alg": "HS256"},
        {"alg": ["RS256"]},
        {"key_ops": ["encrypt"]},
        {"key_ops": "verify"},
        {"kty": "EC"},
        {"kty": "PQC"},
        {"n": None},
        {"n": 5},
        {"n": "!"},
        {"e": None},
        {"kid": 7},
        {"n": number(rsa.generate_private_key(65_537, 1_024).public_key().public_numbers().n)},
        {"n": number((1 << 16_384) + 1)},
        {"e": number((1 << 40) + 1)},
    ],
)
def test_a_key_that_cannot_verify_is_passed_over(members: dict[str, Any]):
    unusable = public_jwk(number=1, kid="unusable") | members
    unusable = {name: value for name, value in unusable.items() if value is not None}
    keys = parse_key_set(key_set(unusable, public_jwk(kid="good")))
    assert [key.key_id for key in keys.keys] == ["good"]
    with pytest.raises(KeySetFault, match="no key that could verify"):
        parse_key_set(key_set(unusable))


@pytest.mark.parametrize("members", [{"crv": "P-384"}, {"crv": "secp256k1"}, {"x": "AAAA"}, {"y": None}])
def test_a_point_that_is_not_on_its_curve_is_passed_over(members: dict[str, Any]):
    with pytest.raises(KeySetFault, match="no key that could verify"):
        parse_key_set(key_set(public_jwk("ES256", alg=None, **members)))


def test_a_set_that_holds_a_private_key_is_refused_whole():
    private = jwt.get_algorithm_by_name("RS256").to_jwk(private_key(), as_dict=True)
    with pytest.raises(KeySetFault, match="private or symmetric"):
        parse_key_set(key_set(public_jwk(number=1), private))
    with pytest.raises(KeySetFault, match="private or symmetric"):
        parse_key_set(key_set(public_jwk("EdDSA", d="AAAA")))


@pytest.mark.parametrize("key", [{"kty": "oct", "k": "c2VjcmV0"}, {"kty": "oct"}, {"kty": "RSA", "k": "c2VjcmV0"}])
def test_a_set_that_holds_a_symmetric_key_is_refused_whole(key: dict[str, Any]):
    with pytest.raises(KeySetFault, match="private or symmetric"):
        parse_key_set(key_set(public_jwk(), key))


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b"{}",
        b'{"keys": {}}',
        b'{"keys": []}',
        b'{"keys": ["a"]}',
        b'{"keys": [], "keys": []}',
        b"\xff",
        b"<html>",
        key_set(*[{"kty": "RSA"}] * 101),
    ],
)
def test_what_is_no_key_set_is_refused(text: bytes):
    with pytest.raises(KeySetFault):
        parse_key_set(text)


def test_a_key_without_id_serves_only_alone():
    nameless = public_jwk(kid=None)
    assert parse_key_set(key_set(nameless)).find("any", "RS256")
    assert not parse_key_set(key_set(nameless, public_jwk(number=1))).find("any", "RS256")
    assert not parse_key_set(key_set(nameless, public_jwk(number=1))).knows("any")


def test_the_repr_of_a_key_shows_no_numbers():
    keys = parse_key_set(key_set(public_jwk()))
    assert "public_key" not in repr(keys)
