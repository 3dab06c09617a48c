"""GetCallerIdentity, GetSessionToken and GetAccessKeyInfo."""

from __future__ import annotations

from datetime import timedelta

import pytest

from strongroom.domain.identity import User
from strongroom.errors import AccessDeniedException, ValidationException
from support.factories import ACCOUNT_ID
from support.identities import statement, trust
from support.sts import Sts

NOTHING = statement("*", effect="Deny")


@pytest.fixture
def ana(sts: Sts) -> User:
    return sts.identities.user("ana", statement("secretsmanager:DescribeSecret"))


def lasts(sts, answer):
    return answer["Credentials"]["Expiration"] - sts.deployment.clock.now().replace(microsecond=0)


def test_whoever_can_prove_it_learns_who_it_is_even_against_a_deny(sts: Sts):
    bob = sts.identities.user("bob", NOTHING, path="/team/")
    answer = sts.call("GetCallerIdentity", sts.user(bob))
    arn = f"arn:aws:iam::{ACCOUNT_ID}:user/team/bob"
    assert answer == {"UserId": bob.unique_id, "Account": ACCOUNT_ID, "Arn": arn}


def test_the_root_is_known_by_its_account(sts: Sts):
    answer = sts.call("GetCallerIdentity", sts.root())
    assert answer == {"UserId": ACCOUNT_ID, "Account": ACCOUNT_ID, "Arn": f"arn:aws:iam::{ACCOUNT_ID}:root"}


def test_a_session_is_known_by_its_role_and_name(sts: Sts, ana: User):
    role = sts.identities.role("reader", [trust(ana.arn)], NOTHING)
    assumed = sts.call("AssumeRole", sts.user(ana), RoleArn=role.arn, RoleSessionName="work")
    who = sts.session(assumed["Credentials"])
    assert who is not None
    arn = f"arn:aws:sts::{ACCOUNT_ID}:assumed-role/reader/work"
    expected = {"UserId": f"{role.unique_id}:work", "Account": ACCOUNT_ID, "Arn": arn}
    assert sts.call("GetCallerIdentity", who) == expected


def test_temporary_credentials_of_a_user_may_what_the_user_may(sts: Sts, ana: User):
    sts.deployment.create("app/db")
    who = sts.session(sts.call("GetSessionToken", sts.user(ana))["Credentials"])
    assert who is not None
    assert (who.principal.kind, who.principal.arn) == ("IAMUser", ana.arn)
    sts.secrets_manager(who, "DescribeSecret", SecretId="app/db")
    with pytest.raises(AccessDeniedException):
        sts.secrets_manager(who, "DeleteSecret", SecretId="app/db")


@pytest.mark.parametrize(("asked", "hours"), [({}, 12), ({"DurationSeconds": 129_600}, 36)])
def test_temporary_credentials_of_a_user_last_half_a_day_or_as_asked(sts: Sts, ana: User, asked, hours):
    assert lasts(sts, sts.call("GetSessionToken", sts.user(ana), **asked)) == timedelta(hours=hours)


@pytest.mark.parametrize(
    ("asked", "minutes"), [({}, 60), ({"DurationSeconds": 129_600}, 60), ({"DurationSeconds": 900}, 15)]
)
def test_temporary_credentials_of_the_root_last_an_hour_at_most(sts: Sts, asked, minutes):
    answer = sts.call("GetSessionToken", sts.root(), **asked)
    assert lasts(sts, answer) == timedelta(minutes=minutes)
    who = sts.session(answer["Credentials"])
    assert who is not None
    assert who.principal.is_root


@pytest.mark.parametrize("seconds", [899, 129_601])
def test_no_credentials_last_shorter_or_longer_than_the_model_says(sts: Sts, ana: User, seconds: int):
    with pytest.raises(ValidationException, match="'durationSeconds'"):
        sts.call("GetSessionToken", sts.user(ana), DurationSeconds=seconds)


def test_a_session_gets_no_credentials_for_itself(sts: Sts, ana: User):
    who = sts.session(sts.call("GetSessionToken", sts.user(ana))["Credentials"])
    with pytest.raises(AccessDeniedException, match=r"^Cannot call GetSessionToken with session credentials$"):
        sts.call("GetSessionToken", who)


def test_a_second_factor_is_refused(sts: Sts, ana: User):
    with pytest.raises(AccessDeniedException, match=r"^MultiFactorAuthentication failed"):
        sts.call("GetSessionToken", sts.user(ana), SerialNumber="GAHT12345678", TokenCode="123456")


def test_credentials_of_a_user_that_is_gone_are_nobodys(sts: Sts, ana: User):
    answer = sts.call("GetSessionToken", sts.user(ana))
    sts.identities.delete(ana)
    sts.identities.user("ana")
    assert sts.session(answer["Credentials"]) is None


def test_the_account_of_a_long_term_key_is_told_to_whom_policies_let(sts: Sts, ana: User):
    key_id, _ = sts.identities.access_key(ana)
    assert sts.call("GetAccessKeyInfo", sts.root(), AccessKeyId=key_id) == {"Account": ACCOUNT_ID}
    with pytest.raises(AccessDeniedException, match="no identity-based policy allows the sts:GetAccessKeyInfo action"):
        sts.call("GetAccessKeyInfo", sts.user(ana), AccessKeyId=key_id)


def test_of_other_keys_nothing_is_known(sts: Sts):
    session = sts.call("GetSessionToken", sts.root())["Credentials"]
    for key_id in ("AKIAUNKNOWNUNKNOWN00", session["AccessKeyId"]):
        with pytest.raises(ValidationException, match=r"^There is no long-term access key of that id.$"):
            sts.call("GetAccessKeyInfo", sts.root(), AccessKeyId=key_id)
