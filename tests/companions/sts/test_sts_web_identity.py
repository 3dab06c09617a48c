"""AssumeRoleWithWebIdentity: tokens of issuers that an account knows, against the trust of its roles."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from strongroom.authn.web_identity import COULD_NOT_RETRIEVE_KEY
from strongroom.errors import (
    AccessDeniedException,
    ExpiredIdentityToken,
    InvalidIdentityToken,
    InvalidParameterValue,
    ValidationException,
)
from strongroom.wire.faults import query_fault_of
from support.factories import ACCOUNT_ID
from support.identities import document, statement, trust
from support.issuer import AUDIENCE, SUBJECT, TokenIssuer, public_jwk
from support.sts import Sts

ISSUER = TokenIssuer()
ROLE_ARN = f"arn:aws:iam::{ACCOUNT_ID}:role/web"
PROVIDER_ARN = f"arn:aws:iam::{ACCOUNT_ID}:oidc-provider/{ISSUER.provider_url}"
WAY = "sts:AssumeRoleWithWebIdentity"
NOT_AUTHORIZED = f"Not authorized to perform {WAY}"
TAGS = "https://aws.amazon.com/tags"


def trusting(action: Any = WAY, **equals: str) -> dict[str, Any]:
    """Return a statement that trusts the issuer; `sub` and the like are what the token must say."""
    wanted = {f"{ISSUER.provider_url}:{claim}": value for claim, value in ({"sub": SUBJECT} | equals).items()}
    return trust({"Federated": PROVIDER_ARN}, action, Condition={"StringEquals": wanted})


@pytest.fixture
def trusted(sts: Sts) -> Sts:
    """STS of an account that knows the issuer, with a role that trusts one subject of it."""
    sts.identities.provider(ISSUER.provider_url, (AUDIENCE,), ISSUER.jwks())
    sts.identities.role("web", [trusting()], statement("secretsmanager:DescribeSecret"))
    return sts


def assume(sts, token, **members: Any):
    members = {"RoleArn": ROLE_ARN, "RoleSessionName": "work", **members}
    return sts.call("AssumeRoleWithWebIdentity", None, WebIdentityToken=token, **members)


def fresh(sts, **claims: Any):
    return ISSUER.token(now=sts.deployment.clock.now(), **claims)


def refused(error_type, message, sts, token, **members: Any):
    with pytest.raises(error_type) as caught:
        assume(sts, token, **members)
    assert caught.value.message == message
    assert caught.value.code in {"AccessDeniedException", "InvalidIdentityToken", "ExpiredTokenException"}


def test_a_trusted_token_gets_credentials_of_the_role(trusted: Sts):
    answer = assume(trusted, fresh(trusted))
    assert answer["SubjectFromWebIdentityToken"] == SUBJECT
    assert (answer["Provider"], answer["Audience"]) == (ISSUER.url, AUDIENCE)
    assert answer["AssumedRoleUser"]["Arn"] == f"arn:aws:sts::{ACCOUNT_ID}:assumed-role/web/work"
    now = trusted.deployment.clock.now().replace(microsecond=0)
    assert answer["Credentials"]["Expiration"] == now + timedelta(hours=1)
    trusted.deployment.create("app/db")
    who = trusted.session(answer["Credentials"])
    assert who is not None
    trusted.secrets_manager(who, "DescribeSecret", SecretId="app/db")
    with pytest.raises(AccessDeniedException):
        trusted.secrets_manager(who, "DeleteSecret", SecretId="app/db")


def test_policies_may_ask_by_which_provider_a_session_came(sts: Sts):
    sts.identities.provider(ISSUER.provider_url, (AUDIENCE,), ISSUER.jwks())
    by_provider = statement(Condition={"StringEquals": {"aws:FederatedProvider": PROVIDER_ARN}})
    sts.identities.role("web", [trusting()], by_provider)
    sts.deployment.create("app/db")
    who = sts.session(assume(sts, fresh(sts))["Credentials"])
    assert who is not None
    sts.secrets_manager(who, "DescribeSecret", SecretId="app/db")


def test_another_subject_is_denied_without_a_reason(trusted: Sts):
    refused(AccessDeniedException, NOT_AUTHORIZED, trusted, fresh(trusted, sub="system:serviceaccount:apps:other"))


def test_a_role_that_is_not_there_is_denied_like_one_that_does_not_trust(trusted: Sts):
    missing = f"arn:aws:iam::{ACCOUNT_ID}:role/missing"
    refused(AccessDeniedException, NOT_AUTHORIZED, trusted, fresh(trusted), RoleArn=missing)


@pytest.mark.parametrize("principal", [ACCOUNT_ID, "*"])
def test_a_role_that_trusts_an_account_or_everyone_trusts_no_token(trusted: Sts, principal: str):
    trusted.identities.role("other", [trust(principal, ["sts:AssumeRole", WAY])])
    arn = f"arn:aws:iam::{ACCOUNT_ID}:role/other"
    refused(AccessDeniedException, NOT_AUTHORIZED, trusted, fresh(trusted), RoleArn=arn)


@pytest.mark.parametrize(
    ("operator", "key", "value"),
    [
        ("StringEquals", "sts:RoleSessionName", "work"),
        ("StringEquals", "aws:RequestTag/team", "a"),
        ("StringEquals", "sts:SourceIdentity", "ana"),
        ("StringEquals", "aws:FederatedProvider", PROVIDER_ARN),
        ("IpAddress", "aws:SourceIp", "192.0.2.0/24"),
        ("Bool", "aws:SecureTransport", "false"),
        ("DateGreaterThan", "aws:CurrentTime", "2030-01-01T00:00:00Z"),
    ],
)
def test_a_trust_policy_may_ask_about_the_request_as_well(sts: Sts, operator: str, key: str, value: str):
    sts.identities.provider(ISSUER.provider_url, (AUDIENCE,), ISSUER.jwks())
    actions = [WAY, "sts:TagSession", "sts:SetSourceIdentity"]
    sts.identities.role("met", [trust({"Federated": PROVIDER_ARN}, actions, Condition={operator: {key: value}})])
    other = {"IpAddress": "NotIpAddress", "Bool": "Null", "DateGreaterThan": "DateLessThan"}
    unmet = {other.get(operator, "StringNotEquals"): {key: "true" if operator == "Bool" else value}}
    sts.identities.role("unmet", [trust({"Federated": PROVIDER_ARN}, actions, Condition=unmet)])
    claims = {TAGS: {"principal_tags": {"team": "a"}}, "https://aws.amazon.com/source_identity": "ana"}
    arn = f"arn:aws:iam::{ACCOUNT_ID}:role/"
    assume(sts, fresh(sts, **claims), RoleArn=f"{arn}met")
    refused(AccessDeniedException, NOT_AUTHORIZED, sts, fresh(sts, **claims), RoleArn=f"{arn}unmet")


def test_a_source_identity_of_a_token_needs_the_role_to_trust_its_setting(trusted: Sts):
    token = fresh(trusted, **{"https://aws.amazon.com/source_identity": "ana"})
    refused(AccessDeniedException, "Not authorized to perform sts:SetSourceIdentity", trusted, token)


def test_an_issuer_that_the_account_does_not_know_is_named(trusted: Sts):
    other = TokenIssuer(url="https://other.example.com")
    token = other.token(now=trusted.deployment.clock.now())
    message = "No OpenIDConnect provider found in your account for https://other.example.com"
    refused(InvalidIdentityToken, message, trusted, token)


def test_a_provider_of_one_account_proves_nothing_to_another(trusted: Sts):
    trusted.deployment.require_account("210987654321")
    others = trusted.identities_of("210987654321")
    role = others.role("web", [trusting()])
    message = f"No OpenIDConnect provider found in your account for {ISSUER.url}"
    refused(InvalidIdentityToken, message, trusted, fresh(trusted), RoleArn=role.arn)


def test_an_expired_token_has_its_own_code_and_status(trusted: Sts):
    issued = trusted.deployment.clock.now()
    token = fresh(trusted)
    trusted.deployment.clock.advance(timedelta(hours=2))
    now, end = int(trusted.deployment.clock.now().timestamp()) + 1, int(issued.timestamp()) + 3_600
    message = f"Token expired: current date/time {now} must be before the expiration date/time {end}"
    refused(ExpiredIdentityToken, message, trusted, token)
    assert query_fault_of(ExpiredIdentityToken()) == ("ExpiredTokenException", 400)


def test_a_token_for_another_audience_is_refused(trusted: Sts):
    refused(InvalidIdentityToken, "Incorrect token audience", trusted, fresh(trusted, aud="https://other.example.com"))


def test_a_token_of_an_unknown_key_is_refused(trusted: Sts):
    message = COULD_NOT_RETRIEVE_KEY
    refused(InvalidIdentityToken, message, trusted, fresh(trusted, headers={"kid": "another"}))


def test_a_token_that_was_tampered_with_is_refused(trusted: Sts):
    header, _, signature = fresh(trusted).split(".")
    _, claims, _ = fresh(trusted, sub="system:serviceaccount:kube-system:admin").split(".")
    message = "The signature of the ID Token does not match the key of its issuer"
    refused(InvalidIdentityToken, message, trusted, f"{header}.{claims}.{signature}")


def test_a_token_signed_by_another_issuers_key_is_refused(trusted: Sts):
    forger = TokenIssuer(number=7, published=[public_jwk(number=7)])
    token = forger.token(now=trusted.deployment.clock.now(), headers={"kid": ISSUER.key_id})
    message = "The signature of the ID Token does not match the key of its issuer"
    refused(InvalidIdentityToken, message, trusted, token)


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"RoleArn": "arn:aws:iam::123456789012:user/ana"}, "Request ARN is invalid"),
        ({"ProviderId": "www.amazon.com"}, "ProviderId is not offered"),
        ({"DurationSeconds": 3_601}, "exceeds the MaxSessionDuration set for this role"),
        ({"Policy": document(statement()) + " " * 2_048}, "'policy'"),
    ],
)
def test_what_is_not_possible_is_refused(trusted: Sts, members: dict[str, Any], message: str):
    with pytest.raises(ValidationException, match=message):
        assume(trusted, fresh(trusted), **members)


def test_a_session_policy_narrows(trusted: Sts):
    trusted.deployment.create("app/db")
    who = trusted.session(
        assume(trusted, fresh(trusted), Policy=document(statement("secretsmanager:ListSecrets")))["Credentials"]
    )
    assert who is not None
    with pytest.raises(AccessDeniedException, match="no session policy allows"):
        trusted.secrets_manager(who, "DescribeSecret", SecretId="app/db")


# Claims for sessions


@pytest.mark.parametrize(
    "claims",
    [
        {TAGS: {"principal_tags": {"team": ["a"], "own": "b"}, "transitive_tag_keys": ["team"]}},
        {
            f"{TAGS}/principal_tags/team": "a",
            f"{TAGS}/principal_tags/own": ["b"],
            f"{TAGS}/transitive_tag_keys": "team",
        },
    ],
)
def test_tags_of_a_token_are_those_of_the_session(sts: Sts, claims: dict[str, Any]):
    sts.identities.provider(ISSUER.provider_url, (AUDIENCE,), ISSUER.jwks())
    sts.identities.role("web", [trusting([WAY, "sts:TagSession"])])
    who = sts.session(assume(sts, fresh(sts, **claims))["Credentials"])
    assert who is not None
    assert who.principal.session is not None
    assert {tag.key: tag.value for tag in who.principal.session.tags} == {"team": "a", "own": "b"}
    assert who.principal.session.transitive_tag_keys == ("team",)


def test_tags_of_a_token_need_the_role_to_trust_their_setting(trusted: Sts):
    token = fresh(trusted, **{TAGS: {"principal_tags": {"team": ["a"]}}})
    refused(AccessDeniedException, "Not authorized to perform sts:TagSession", trusted, token)


@pytest.mark.parametrize(
    "claim",
    [
        "team",
        {"principal_tags": []},
        {"principal_tags": {"team": ["a", "b"]}},
        {"principal_tags": {"team": []}},
        {"principal_tags": {"team": 1}},
        {"principal_tags": {"te*m": "a"}},
        {"principal_tags": {"team": "v" * 257}},
        {"principal_tags": {str(number): "" for number in range(51)}},
        {"transitive_tag_keys": 1},
    ],
    ids=repr,
)
def test_tags_of_another_form_are_refused(trusted: Sts, claim: Any):
    with pytest.raises(InvalidIdentityToken, match="is not of the form that sessions need"):
        assume(trusted, fresh(trusted, **{TAGS: claim}))


def test_what_is_to_be_transitive_must_be_a_tag_of_the_token(trusted: Sts):
    with pytest.raises(InvalidParameterValue, match="must be included in the requested tags"):
        assume(trusted, fresh(trusted, **{TAGS: {"transitive_tag_keys": ["roles"]}}))


def test_a_source_identity_of_a_token_is_that_of_the_session(sts: Sts):
    sts.identities.provider(ISSUER.provider_url, (AUDIENCE,), ISSUER.jwks())
    sts.identities.role("web", [trusting([WAY, "sts:SetSourceIdentity"])])
    claim = "https://aws.amazon.com/source_identity"
    assert assume(sts, fresh(sts, **{claim: "ana@example.com"}))["SourceIdentity"] == "ana@example.com"
    for wrong in ("a b", "x", 1):
        with pytest.raises(InvalidIdentityToken, match="source_identity"):
            assume(sts, fresh(sts, **{claim: wrong}))


# The record


def test_the_record_names_whom_the_token_proves_and_never_the_token(trusted: Sts):
    token = fresh(trusted)
    assume(trusted, token)
    record = trusted.deployment.trail()[-1]
    assert record["userIdentity"] == {
        "type": "WebIdentityUser",
        "principalId": f"{PROVIDER_ARN}:{AUDIENCE}:{SUBJECT}",
        "userName": SUBJECT,
        "identityProvider": PROVIDER_ARN,
    }
    assert record["responseElements"]["subjectFromWebIdentityToken"] == SUBJECT
    assert not any(part in json.dumps(record) for part in token.split("."))


def test_the_record_of_a_denial_names_whom_the_token_proves(trusted: Sts):
    refused(AccessDeniedException, NOT_AUTHORIZED, trusted, fresh(trusted, sub="somebody"))
    record = trusted.deployment.trail()[-1]
    assert (record["errorCode"], record["userIdentity"]["userName"]) == ("AccessDenied", "somebody")


def test_the_record_of_a_forgery_names_nobody(trusted: Sts):
    header, claims, _ = fresh(trusted).split(".")
    with pytest.raises(InvalidIdentityToken):
        assume(trusted, f"{header}.{claims}.AAAA")
    record = trusted.deployment.trail()[-1]
    assert record["userIdentity"] == {"type": "Unknown"}
    assert record["errorCode"] == "InvalidIdentityToken"
