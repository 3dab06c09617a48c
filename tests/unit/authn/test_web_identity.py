"""Web identity tokens: which are believed, what they say then, and the texts for all others."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from strongroom.authn.json_web_keys import KeySet, parse_key_set
from strongroom.authn.web_identity import (
    Claimed,
    Provider,
    WebIdentity,
    claimed_subject,
    condition_keys,
    no_provider,
    provider_url,
    read_unverified,
    verify,
)
from strongroom.errors import ExpiredIdentityToken, InvalidIdentityToken
from support.issuer import AUDIENCE, SUBJECT, TokenIssuer, public_jwk

NOW = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
NOT_A_JWT = "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)"
WRONG_AUDIENCE = "Incorrect token audience"
ISSUER = TokenIssuer()
PROVIDER = Provider(
    arn="arn:aws:iam::123456789012:oidc-provider/issuer.example.com/id/A1",
    url=ISSUER.provider_url,
    client_ids=(AUDIENCE, "another-client"),
)


def keys_of(issuer: TokenIssuer) -> KeySet:
    return parse_key_set(issuer.jwks().encode())


def verified(token: str, provider: Provider = PROVIDER, now: datetime = NOW, **options: Any) -> WebIdentity:
    return verify(token, provider, keys_of(ISSUER), now, **options)


def refused(message: str, token: str, **changes: Any) -> None:
    with pytest.raises(InvalidIdentityToken) as caught:
        verified(token, **changes)
    assert caught.value.message == message


# What is read before anything is proven


def test_a_token_tells_its_issuer_key_and_algorithm_before_it_is_verified():
    assert read_unverified(ISSUER.token()) == Claimed(ISSUER.url, "RS256-0", "RS256")


def test_a_token_without_key_id_is_readable():
    assert read_unverified(ISSUER.token(headers={"kid": None})).key_id is None


@pytest.mark.parametrize(("sub", "subject"), [(SUBJECT, SUBJECT), (None, ""), (17, "")])
def test_a_token_tells_its_subject_before_it_is_verified(sub: Any, subject: str):
    assert claimed_subject(ISSUER.token(sub=sub)) == subject


def test_what_is_no_token_has_no_subject():
    with pytest.raises(InvalidIdentityToken):
        claimed_subject("no.token.")


@pytest.mark.parametrize("issuer", ["https://a.example", "http://a.example", "https://" + "a" * 255])
def test_the_provider_of_an_issuer_is_its_url_without_scheme(issuer: str):
    assert provider_url(issuer) == issuer.partition("://")[2]


@pytest.mark.parametrize("issuer", ["a.example", "ftp://a.example", "https://", "", "https://" + "a" * 256])
def test_an_issuer_that_iam_cannot_keep_has_no_provider(issuer: str):
    with pytest.raises(InvalidIdentityToken, match="No OpenIDConnect provider found in your account for "):
        provider_url(issuer)


def test_the_missing_provider_is_named_by_its_issuer_and_bounded():
    assert no_provider(ISSUER.url).message == (
        "No OpenIDConnect provider found in your account for https://issuer.example.com/id/A1"
    )
    assert len(no_provider("https://" + "x" * 19_000).message or "") < 400


# What is proven


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "ES384", "ES512", "EdDSA"])
def test_a_token_is_verified_by_its_issuers_key(algorithm: str):
    issuer = TokenIssuer(algorithm=algorithm)
    identity = verify(issuer.token(now=NOW), PROVIDER, keys_of(issuer), NOW)
    assert (identity.subject, identity.audience, identity.issuer) == (SUBJECT, AUDIENCE, issuer.url)


@pytest.mark.parametrize("algorithm", ["RS384", "RS512", "PS256", "PS384", "PS512"])
def test_an_rsa_key_that_names_no_algorithm_verifies_all_of_rsa(algorithm: str):
    issuer = TokenIssuer(algorithm=algorithm, published=[public_jwk(algorithm, alg=None)])
    assert verify(issuer.token(now=NOW), PROVIDER, keys_of(issuer), NOW).subject == SUBJECT


def test_an_identity_is_what_the_token_says():
    token = ISSUER.token(now=NOW, amr=["pwd", "mfa"], groups=["a", "b"])
    identity = verified(token)
    assert identity == WebIdentity(
        issuer=ISSUER.url,
        provider_arn=PROVIDER.arn,
        provider_url="issuer.example.com/id/A1",
        subject=SUBJECT,
        audience=AUDIENCE,
        azp=None,
        amr=("pwd", "mfa"),
        issued_at=NOW,
        expires_at=NOW + timedelta(hours=1),
        claims=identity.claims,
    )
    assert identity.claims["groups"] == ["a", "b"]


def test_the_claims_stay_out_of_the_repr():
    assert "personal@example.com" not in repr(verified(ISSUER.token(now=NOW, email="personal@example.com")))


def test_a_service_account_token_of_kubernetes_is_verified_by_pinned_keys():
    cluster = TokenIssuer(url="https://kubernetes.default.svc.cluster.local")
    provider = Provider(PROVIDER.arn, cluster.provider_url, (AUDIENCE,), key_set=cluster.jwks())
    token = cluster.token(
        sub="system:serviceaccount:payments:worker",
        aud=["sts.amazonaws.com"],
        now=NOW,
        jti="0f5e",
        **{
            "kubernetes.io": {
                "namespace": "payments",
                "pod": {"name": "worker-0", "uid": "8d6b"},
                "serviceaccount": {"name": "worker", "uid": "5a1c"},
            }
        },
    )
    identity = verify(token, provider, keys_of(cluster), NOW)
    assert condition_keys(identity) == {
        "kubernetes.default.svc.cluster.local:aud": "sts.amazonaws.com",
        "kubernetes.default.svc.cluster.local:oaud": "sts.amazonaws.com",
        "kubernetes.default.svc.cluster.local:sub": "system:serviceaccount:payments:worker",
    }


# The issuer


def test_another_issuer_than_the_providers_is_refused():
    token = ISSUER.token(now=NOW, iss="https://issuer.example.com/id/A2")
    refused("No OpenIDConnect provider found in your account for https://issuer.example.com/id/A2", token)


@pytest.mark.parametrize("iss", ["https://issuer.example.com/id/A1/", "HTTPS://issuer.example.com/id/A1"])
def test_the_issuer_is_compared_to_the_letter(iss: str):
    refused(f"No OpenIDConnect provider found in your account for {iss}", ISSUER.token(now=NOW, iss=iss))


def test_an_issuer_without_tls_is_refused_unless_allowed_or_pinned():
    token = ISSUER.token(now=NOW, iss="http://issuer.example.com/id/A1")
    refused("No OpenIDConnect provider found in your account for http://issuer.example.com/id/A1", token)
    assert verified(token, allow_http=True).subject == SUBJECT
    assert verified(token, replace(PROVIDER, key_set=ISSUER.jwks())).subject == SUBJECT


# The claims


@pytest.mark.parametrize("claim", ["sub", "aud", "exp", "iat"])
def test_a_required_claim_that_is_missing_is_named(claim: str):
    refused(f"Missing a required claim: {claim}", ISSUER.token(now=NOW, **{claim: None}))


@pytest.mark.parametrize(
    ("claim", "value"),
    [
        ("sub", ""),
        ("sub", "x" * 256),
        ("sub", 7),
        ("sub", ["a"]),
        ("aud", {"a": 1}),
        ("aud", [1]),
        ("azp", 1),
        ("azp", ["another-client"]),
        ("amr", 5),
        ("exp", "1893553445"),
        ("exp", True),
        ("exp", -1),
        ("iat", [1]),
        ("nbf", "soon"),
        ("iss", 3),
    ],
)
def test_a_claim_of_the_wrong_form_is_refused(claim: str, value: object):
    refused(NOT_A_JWT, ISSUER.token(now=NOW, **{claim: value}))


def test_a_subject_of_the_greatest_length_is_accepted():
    assert len(verified(ISSUER.token(sub="x" * 255, now=NOW)).subject) == 255


# The audience


@pytest.mark.parametrize("audience", ["sts.amazon.com", "", "STS.amazonaws.com", "sts.amazonaws.com/", []])
def test_an_audience_that_is_no_client_id_is_refused(audience: str | list[str]):
    refused(WRONG_AUDIENCE, ISSUER.token(aud=audience, now=NOW))


def test_one_of_several_audiences_must_be_a_client_id():
    identity = verified(ISSUER.token(aud=["elsewhere", AUDIENCE, "another-client"], now=NOW))
    assert identity.audience == AUDIENCE
    refused(WRONG_AUDIENCE, ISSUER.token(aud=["elsewhere", "nowhere"], now=NOW))


def test_the_authorized_party_is_the_audience_when_a_token_names_one():
    identity = verified(ISSUER.token(aud="https://api.example.com", azp="another-client", now=NOW))
    assert (identity.audience, identity.azp) == ("another-client", "another-client")


def test_an_authorized_party_that_is_no_client_id_is_refused_though_the_audience_is_one():
    refused(WRONG_AUDIENCE, ISSUER.token(azp="a-stranger", now=NOW))


def test_a_provider_without_client_ids_believes_nobody():
    refused(WRONG_AUDIENCE, ISSUER.token(now=NOW), provider=replace(PROVIDER, client_ids=()))


# The times


def test_a_token_is_valid_until_the_second_before_its_leeway_ends():
    token = ISSUER.token(now=NOW, lifetime=timedelta(minutes=10))
    end = NOW + timedelta(minutes=10)
    verified(token, now=end + timedelta(minutes=5) - timedelta(seconds=1))
    with pytest.raises(ExpiredIdentityToken) as caught:
        verified(token, now=end + timedelta(minutes=5))
    assert caught.value.message == (
        f"Token expired: current date/time {int(end.timestamp()) + 300} "
        f"must be before the expiration date/time {int(end.timestamp())}"
    )


def test_without_leeway_a_token_expires_at_the_exact_second():
    token = ISSUER.token(now=NOW, lifetime=timedelta(minutes=10))
    verified(token, now=NOW + timedelta(minutes=10) - timedelta(microseconds=1), leeway=timedelta(0))
    with pytest.raises(ExpiredIdentityToken):
        verified(token, now=NOW + timedelta(minutes=10), leeway=timedelta(0))


@pytest.mark.parametrize("claim", ["nbf", "iat"])
def test_a_token_is_not_valid_before_its_leeway_begins(claim: str):
    later = int((NOW + timedelta(minutes=6)).timestamp())
    token = ISSUER.token(now=NOW, **{claim: later})
    verified(token, now=NOW + timedelta(minutes=1))
    refused(
        f"Token not yet valid: current date/time {later - 301} must not be before the date/time {later}",
        token,
        now=NOW + timedelta(seconds=59),
    )


@pytest.mark.parametrize("end", [1e400, 253_402_300_799, 10**30])
def test_a_token_that_would_never_expire_is_accepted_for_a_day(end: float):
    token = ISSUER.signed(
        f'{{"iss": "{ISSUER.url}", "sub": "s", "aud": "{AUDIENCE}", "iat": {int(NOW.timestamp())}, '
        f'"exp": {"1e400" if end == float("inf") else end}}}'
    )
    verified(token, now=NOW + timedelta(days=1, minutes=5, seconds=-1))
    with pytest.raises(ExpiredIdentityToken):
        verified(token, now=NOW + timedelta(days=1, minutes=5))


def test_fractions_of_seconds_are_times():
    assert verified(ISSUER.token(now=NOW, nbf=NOW.timestamp() - 0.5)).issued_at == NOW


# Condition keys


def test_a_trust_policy_may_ask_for_audience_party_subject_and_methods():
    token = ISSUER.token(aud="https://api.example.com", azp="another-client", amr="mfa", now=NOW)
    assert condition_keys(verified(token)) == {
        "issuer.example.com/id/A1:aud": "another-client",
        "issuer.example.com/id/A1:oaud": "https://api.example.com",
        "issuer.example.com/id/A1:azp": "another-client",
        "issuer.example.com/id/A1:amr": ["mfa"],
        "issuer.example.com/id/A1:sub": SUBJECT,
    }


def test_claims_of_the_issuer_are_keys_when_they_are_texts_numbers_booleans_or_lists_of_texts():
    own = {"repository": "a/b", "ref_protected": True, "run": 7, "groups": ["x", "y"], "empty": []}
    own |= {"nested": {"a": 1}, "mixed": ["x", 1], "nothing": ""}
    keys = condition_keys(verified(ISSUER.token(now=NOW, jti="unique", **own)))
    own_keys = {name.rpartition(":")[2]: value for name, value in keys.items()}
    assert own_keys == {
        "aud": AUDIENCE,
        "oaud": AUDIENCE,
        "sub": SUBJECT,
        "repository": "a/b",
        "ref_protected": "true",
        "run": "7",
        "groups": ["x", "y"],
        "nothing": "",
    }


def test_the_condition_key_of_several_audiences_is_the_verified_one():
    keys = condition_keys(verified(ISSUER.token(aud=["elsewhere", AUDIENCE], now=NOW)))
    assert keys["issuer.example.com/id/A1:aud"] == AUDIENCE
    assert keys["issuer.example.com/id/A1:oaud"] == ["elsewhere", AUDIENCE]


@pytest.mark.parametrize("name", ["oaud", "OAUD", "Oaud", "AZP", "AMR"])
def test_a_claim_cannot_pose_as_a_condition_key_of_ours(name: str):
    token = ISSUER.token(now=NOW, **{name: "spoofed"})
    if name == "AMR":
        assert verified(token).amr == ()
    assert "spoofed" not in condition_keys(verified(token)).values()
