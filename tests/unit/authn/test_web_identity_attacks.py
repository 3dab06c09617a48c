"""What an attacker sends in place of a web identity token; nothing of it is believed."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from strongroom.authn.json_web_keys import parse_key_set
from strongroom.authn.web_identity import COULD_NOT_RETRIEVE_KEY, Provider, read_unverified, verify
from strongroom.errors import InvalidIdentityToken
from support.issuer import AUDIENCE, TokenIssuer, private_key, public_jwk

NOW = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
NOT_A_JWT = "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)"
NO_MATCH = "The signature of the ID Token does not match the key of its issuer"
ISSUER = TokenIssuer()
PROVIDER = Provider(
    arn="arn:aws:iam::123456789012:oidc-provider/issuer.example.com/id/A1",
    url=ISSUER.provider_url,
    client_ids=(AUDIENCE,),
)
TOKEN = ISSUER.token(now=NOW)
CLAIMS = {"iss": ISSUER.url, "sub": "admin", "aud": AUDIENCE, "iat": int(NOW.timestamp()), "exp": 2_000_000_000}


def refused(message: str, token: str, issuer: TokenIssuer = ISSUER) -> None:
    with pytest.raises(InvalidIdentityToken) as caught:
        verify(token, PROVIDER, parse_key_set(issuer.jwks().encode()), NOW)
    assert caught.value.message == message


def encoded(part: Any) -> str:
    raw = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def forged(header: Any, claims: Any = CLAIMS, signature: bytes = b"none") -> str:
    return ".".join([encoded(header), encoded(claims), encoded(signature)])


def signed_by_hmac(secret: bytes, header: dict[str, Any]) -> str:
    content = f"{encoded(header)}.{encoded(CLAIMS)}"
    return f"{content}.{encoded(hmac.digest(secret, content.encode(), hashlib.sha256))}"


def test_the_token_that_the_attacks_vary_is_a_good_one():
    assert verify(TOKEN, PROVIDER, parse_key_set(ISSUER.jwks().encode()), NOW).audience == AUDIENCE


# Algorithms


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "nOnE", "", None, 0, ["RS256"], {"RS256": 1}, "ES256K"])
def test_no_algorithm_but_ours_is_accepted(algorithm: object):
    refused(NOT_A_JWT, forged({"alg": algorithm, "kid": "RS256-0"}))
    with pytest.raises(InvalidIdentityToken):
        read_unverified(forged({"alg": algorithm, "kid": "RS256-0"}))


def test_an_unsigned_token_is_refused():
    refused(NOT_A_JWT, jwt.encode(CLAIMS, None, algorithm="none"))


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
def test_a_public_key_is_never_a_secret(algorithm: str):
    key = private_key().public_key()
    secrets = [
        key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        json.dumps(public_jwk()).encode(),
        b"",
    ]
    for secret in secrets:
        refused(NOT_A_JWT, signed_by_hmac(secret, {"alg": algorithm, "kid": "RS256-0"}))


@pytest.mark.parametrize(
    ("claimed", "published"),
    [("ES256", "RS256"), ("RS256", "ES256"), ("EdDSA", "ES256"), ("ES384", "ES256"), ("ES256", "EdDSA")],
)
def test_a_key_of_one_type_never_verifies_another_algorithm(claimed: str, published: str):
    issuer = TokenIssuer(published=[public_jwk(published, kid="the-key", alg=None)])
    signer = TokenIssuer(algorithm=claimed)
    refused(COULD_NOT_RETRIEVE_KEY, signer.token(now=NOW, headers={"kid": "the-key"}), issuer)


def test_a_key_for_one_algorithm_never_verifies_another_of_its_type():
    issuer = TokenIssuer(published=[public_jwk("RS256", alg="PS256", kid="RS256-0")])
    refused(COULD_NOT_RETRIEVE_KEY, TOKEN, issuer)


# Keys


@pytest.mark.parametrize("key_id", ["RS256-1", "", "rs256-0", "RS256-0 ", "../RS256-0"])
def test_a_key_that_the_issuer_does_not_have_is_refused(key_id: str):
    refused(COULD_NOT_RETRIEVE_KEY, ISSUER.token(now=NOW, headers={"kid": key_id}))


def test_a_key_of_another_issuer_is_refused():
    stranger = TokenIssuer(url=ISSUER.url, number=1, published=[public_jwk(number=1)])
    refused(COULD_NOT_RETRIEVE_KEY, stranger.token(now=NOW))
    refused(NO_MATCH, stranger.token(now=NOW, headers={"kid": "RS256-0"}))


def test_without_key_id_only_a_single_key_verifies():
    token = ISSUER.token(now=NOW, headers={"kid": None})
    verify(token, PROVIDER, parse_key_set(ISSUER.jwks().encode()), NOW)
    for second in (public_jwk(number=1), public_jwk("ES256")):
        refused(COULD_NOT_RETRIEVE_KEY, token, TokenIssuer(published=[public_jwk(), second]))


def test_two_keys_of_one_id_verify_nothing():
    refused(COULD_NOT_RETRIEVE_KEY, TOKEN, TokenIssuer(published=[public_jwk(), public_jwk(number=1, kid="RS256-0")]))


@pytest.mark.parametrize("name", ["jwk", "jku", "x5u", "x5c"])
def test_a_key_that_the_token_brings_along_is_ignored(name: str):
    attacker = TokenIssuer(url=ISSUER.url, number=1)
    brought = {
        "jwk": public_jwk(number=1, kid="RS256-0"),
        "jku": "https://attacker.example/keys",
        "x5u": "https://attacker.example/certificate",
        "x5c": ["MIIB"],
    }
    refused(NO_MATCH, attacker.token(now=NOW, headers={"kid": "RS256-0", name: brought[name]}))


# Contents


def test_changed_claims_are_refused():
    header, _, signature = TOKEN.split(".")
    refused(NO_MATCH, f"{header}.{encoded(CLAIMS)}.{signature}")


def test_a_changed_header_is_refused():
    _, claims, signature = TOKEN.split(".")
    refused(NO_MATCH, f"{encoded({'alg': 'RS256', 'kid': 'RS256-0'})}.{claims}.{signature}")


def test_the_signature_of_another_token_is_refused():
    other = ISSUER.token(sub="somebody else", now=NOW)
    refused(NO_MATCH, ".".join([*TOKEN.split(".")[:2], other.split(".")[2]]))


@pytest.mark.parametrize("place", [0, 100, 170, 200])
def test_a_token_with_one_character_changed_is_refused(place: int):
    characters = list(TOKEN)
    characters[-place - 2] = "A" if characters[-place - 2] != "A" else "B"
    with pytest.raises(InvalidIdentityToken):
        verify("".join(characters), PROVIDER, parse_key_set(ISSUER.jwks().encode()), NOW)


@pytest.mark.parametrize("algorithm", ["ES256", "EdDSA"])
@pytest.mark.parametrize("signature", [b"\0" * 64, b"\0", b"\xff" * 64, b"\0" * 63])
def test_an_empty_or_absurd_signature_is_refused(algorithm: str, signature: bytes):
    issuer = TokenIssuer(algorithm=algorithm)
    refused(NO_MATCH, forged({"alg": algorithm, "kid": issuer.key_id}, signature=signature), issuer)


# Form


@pytest.mark.parametrize("headers", [{"crit": ["b64"], "b64": True}, {"crit": ["exp"]}, {"crit": []}, {"b64": True}])
def test_critical_headers_are_refused(headers: dict[str, Any]):
    refused(NOT_A_JWT, forged({"alg": "RS256", "kid": "RS256-0"} | headers))


def test_an_encrypted_token_is_refused():
    refused(NOT_A_JWT, ".".join([encoded({"alg": "RSA-OAEP", "enc": "A256GCM"}), "a2V5", "aXY", "dGV4dA", "dGFn"]))


@pytest.mark.parametrize("key_id", [1, ["RS256-0"], {"a": 1}, True])
def test_a_key_id_that_is_no_text_is_refused(key_id: object):
    refused(NOT_A_JWT, forged({"alg": "RS256", "kid": key_id}))


@pytest.mark.parametrize("token", ["", "abc", "a.b", "....", "a.b.c", "not-a-token", "a" * 20_001])
def test_what_is_no_token_is_refused(token: str):
    refused(NOT_A_JWT, token)
    with pytest.raises(InvalidIdentityToken):
        read_unverified(token)


@pytest.mark.parametrize(
    "change",
    [
        lambda token: token + ".",
        lambda token: "." + token,
        lambda token: token + "=",
        lambda token: token + "\n",
        lambda token: " " + token,
        lambda token: token.replace(".", ".\n", 1),
        lambda token: token.replace(".", "..", 1),
        lambda token: token[: token.rindex(".") + 1],
        lambda token: token + "é",
        lambda token: token + "\ud800",
        lambda token: token + "A" * 20_000,
    ],
)
def test_what_is_almost_a_token_is_refused(change: Callable[[str], str]):
    refused(NOT_A_JWT, change(TOKEN))
    with pytest.raises(InvalidIdentityToken):
        read_unverified(change(TOKEN))


@pytest.mark.parametrize(
    "claims",
    [
        b"",
        b"[]",
        b'"text"',
        b"null",
        b"{",
        b'{"iss": "https://issuer.example.com/id/A1", "iss": "https://issuer.example.com/id/A1"}',
        b'{"iss": "https://issuer.example.com/id/A1", "nested": {"a": 1, "a": 2}}',
        b'{"iss": "https://issuer.example.com/id/A1", "sub": "a", "Sub": "b"}',
        b'{"iss": "https://issuer.example.com/id/A1", "exp": NaN}',
        b'{"iss": "https://issuer.example.com/id/A1", "exp": Infinity}',
        b'{"iss": "https://issuer.example.com/id/A1", "sub": "\\ud800"}',
        b'{"iss": "https://issuer.example.com/id/A1", "sub": "\xff"}',
        '{"iss": "https://issuer.example.com/id/A1"}'.encode("utf-16"),
        b'{"iss": "https://issuer.example.com/id/A1"} {}',
        b'{"a": ' + b"[" * 7_000 + b"]" * 7_000 + b"}",
        b'{"iss": "https://issuer.example.com/id/A1", "exp": ' + b"9" * 5_000 + b"}",
    ],
)
def test_claims_that_parsers_read_differently_are_refused(claims: bytes):
    refused(NOT_A_JWT, forged({"alg": "RS256", "kid": "RS256-0"}, claims))


def test_a_header_with_a_key_twice_is_refused():
    refused(NOT_A_JWT, forged(b'{"alg": "HS256", "alg": "RS256", "kid": "RS256-0"}'))


@pytest.mark.parametrize("url", ["issuer.example.com", "issuer.example.com/id", "issuer.example.com/id/A10"])
def test_a_provider_of_a_similar_url_does_not_vouch(url: str):
    with pytest.raises(InvalidIdentityToken, match="No OpenIDConnect provider found"):
        verify(TOKEN, replace(PROVIDER, url=url), parse_key_set(ISSUER.jwks().encode()), NOW)
