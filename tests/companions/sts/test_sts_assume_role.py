"""AssumeRole: who may, for how long, narrowed by what; and what happens to sessions afterwards."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from strongroom.domain.identity import User
from strongroom.domain.session_limits import CHAINED_SECONDS
from strongroom.errors import (
    AccessDeniedException,
    InvalidParameterValue,
    MalformedPolicyDocument,
    PackedPolicyTooLarge,
    ValidationException,
)
from support.factories import ACCOUNT_ID
from support.identities import document, statement, trust
from support.sts import Sts

OTHER_ACCOUNT = "210987654321"
READ = statement(["secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"])
ROLE_ARN = f"arn:aws:iam::{ACCOUNT_ID}:role/reader"
ANA_ARN = f"arn:aws:iam::{ACCOUNT_ID}:user/ana"


@pytest.fixture
def ana(sts: Sts) -> User:
    """A user who may do nothing by herself."""
    return sts.identities.user("ana")


def assume(sts, who, role_arn=ROLE_ARN, name="work", **members: Any):
    return sts.call("AssumeRole", who, RoleArn=role_arn, RoleSessionName=name, **members)


def denied(message, sts, who, role_arn=ROLE_ARN, **members: Any):
    with pytest.raises(AccessDeniedException) as caught:
        assume(sts, who, role_arn, **members)
    assert caught.value.message == message


def not_authorized(user_arn, action="sts:AssumeRole", role_arn=ROLE_ARN):
    return f"User: {user_arn} is not authorized to perform: {action} on resource: {role_arn}"


def session_of(sts, answer):
    who = sts.session(answer["Credentials"])
    assert who is not None
    return who


# Who may


def test_a_role_that_names_a_user_is_assumed_by_that_user(sts: Sts, ana: User):
    role = sts.identities.role("reader", [trust(ANA_ARN)], READ)
    sts.deployment.create("app/db")
    answer = assume(sts, sts.user(ana))
    arn = f"arn:aws:sts::{ACCOUNT_ID}:assumed-role/reader/work"
    assert answer["AssumedRoleUser"] == {"AssumedRoleId": f"{role.unique_id}:work", "Arn": arn}
    assert "PackedPolicySize" not in answer
    assert "SourceIdentity" not in answer
    who = session_of(sts, answer)
    assert (who.principal.kind, who.principal.arn) == ("AssumedRole", arn)
    assert sts.secrets_manager(who, "GetSecretValue", SecretId="app/db").name == "app/db"
    with pytest.raises(AccessDeniedException):
        sts.secrets_manager(who, "DeleteSecret", SecretId="app/db")


def test_a_role_that_names_an_account_is_assumed_by_whom_policies_let(sts: Sts):
    sts.identities.role("reader", [trust(ACCOUNT_ID)], READ)
    plain, allowed = sts.identities.user("plain"), sts.identities.user("allowed", statement("sts:AssumeRole", ROLE_ARN))
    assert assume(sts, sts.user(allowed))["Credentials"]["AccessKeyId"].startswith("ASIA")
    denied(not_authorized(plain.arn), sts, sts.user(plain))


def test_a_user_whom_no_trust_policy_names_is_denied_whatever_its_own_policies_say(sts: Sts):
    mighty = sts.identities.user("mighty", statement("*"))
    sts.identities.role("reader", [trust(sts.identities.user("bob").arn)], READ)
    denied(not_authorized(mighty.arn), sts, sts.user(mighty))


def test_an_explicit_deny_outweighs_the_trust(sts: Sts):
    ana = sts.identities.user("ana", statement("sts:AssumeRole", effect="Deny"))
    sts.identities.role("reader", [trust(ANA_ARN)], READ)
    denied(not_authorized(ana.arn), sts, sts.user(ana))


def test_a_role_that_is_not_there_is_denied_like_one_that_does_not_trust(sts: Sts):
    mighty = sts.identities.user("mighty", statement("*"))
    denied(not_authorized(mighty.arn), sts, sts.user(mighty))


def test_the_root_assumes_no_role(sts: Sts):
    sts.identities.role("reader", [trust(ACCOUNT_ID)], READ)
    denied("Roles may not be assumed by root accounts.", sts, sts.root())
    session = session_of(sts, sts.call("GetSessionToken", sts.root()))
    denied("Roles may not be assumed by root accounts.", sts, session)


@pytest.mark.parametrize(
    "arn", [ANA_ARN, "arn:aws:iam::12345:role/reader", f"arn:aws:sts::{ACCOUNT_ID}:assumed-role/a/b", "x" * 20]
)
def test_the_arn_of_anything_but_a_role_is_refused(sts: Sts, ana: User, arn: str):
    with pytest.raises(ValidationException, match=r"^Request ARN is invalid$"):
        assume(sts, sts.user(ana), arn)


def test_another_account_needs_the_trust_and_its_own_policies(sts: Sts):
    sts.deployment.require_account(OTHER_ACCOUNT)
    others = sts.identities_of(OTHER_ACCOUNT)
    plain, allowed = others.user("plain"), others.user("allowed", statement("sts:AssumeRole", ROLE_ARN))
    sts.identities.role("reader", [trust(plain.arn), trust(allowed.arn)], READ)
    denied(not_authorized(plain.arn), sts, sts.user(plain))
    assert session_of(sts, assume(sts, sts.user(allowed))).principal.account_id == ACCOUNT_ID


def test_a_user_created_anew_under_a_trusted_name_is_not_trusted(sts: Sts, ana: User):
    sts.identities.role("reader", [trust(ANA_ARN)], READ)
    sts.identities.delete(ana)
    denied(not_authorized(ANA_ARN), sts, sts.user(sts.identities.user("ana")))


def test_the_path_of_a_role_is_in_its_arn_and_not_in_its_sessions(sts: Sts, ana: User):
    role = sts.identities.role("deep", [trust(ANA_ARN)], READ, path="/team/a/")
    answer = assume(sts, sts.user(ana), role.arn)
    assert answer["AssumedRoleUser"]["Arn"] == f"arn:aws:sts::{ACCOUNT_ID}:assumed-role/deep/work"
    denied(not_authorized(ANA_ARN, role_arn=f"arn:aws:iam::{ACCOUNT_ID}:role/deep"), sts, sts.user(ana),
           f"arn:aws:iam::{ACCOUNT_ID}:role/deep")  # fmt: skip


# Conditions of the request


@pytest.mark.parametrize(
    ("key", "value", "good", "bad"),
    [
        ("sts:ExternalId", "x-17", {"ExternalId": "x-17"}, {"ExternalId": "x-18"}),
        ("sts:RoleSessionName", "nightly", {"name": "nightly"}, {"name": "daily"}),
        ("aws:PrincipalArn", ANA_ARN, {}, None),
        ("aws:SourceIp", "192.0.2.0/24", {}, None),
    ],
)
def test_a_trust_policy_may_ask_for(sts: Sts, ana: User, key, value, good, bad):
    operator = "IpAddress" if key == "aws:SourceIp" else "StringEquals"
    sts.identities.role("reader", [trust(ANA_ARN, Condition={operator: {key: value}})], READ)
    assume(sts, sts.user(ana), **good)
    if bad is not None:
        denied(not_authorized(ANA_ARN), sts, sts.user(ana), **bad)
        denied(not_authorized(ANA_ARN), sts, sts.user(ana))


# How long


def test_credentials_last_as_long_as_asked_but_not_longer_than_the_role_says(sts: Sts, ana: User):
    sts.identities.role("reader", [trust(ANA_ARN)], READ, max_session_seconds=7_200)
    for asked, seconds in (({}, 3_600), ({"DurationSeconds": 900}, 900), ({"DurationSeconds": 7_200}, 7_200)):
        answer = assume(sts, sts.user(ana), **asked)
        now = sts.deployment.clock.now().replace(microsecond=0)
        assert answer["Credentials"]["Expiration"] == now + timedelta(seconds=seconds)
    with pytest.raises(ValidationException, match=r"exceeds the MaxSessionDuration set for this role.$"):
        assume(sts, sts.user(ana), DurationSeconds=7_201)
    with pytest.raises(ValidationException, match=r"durationSeconds.*greater than or equal to 900"):
        assume(sts, sts.user(ana), DurationSeconds=899)


def test_who_may_not_assume_a_role_does_not_learn_how_long_it_lasts(sts: Sts):
    bob = sts.identities.user("bob")
    sts.identities.role("reader", [trust(sts.identities.user("ana").arn)], READ)
    denied(not_authorized(bob.arn), sts, sts.user(bob), DurationSeconds=43_200)


def test_a_chain_of_roles_lasts_an_hour_at_most(sts: Sts, ana: User):
    first = sts.identities.role("first", [trust(ANA_ARN)], READ)
    second = sts.identities.role("second", [trust(first.arn)], READ, max_session_seconds=43_200)
    chained = session_of(sts, assume(sts, sts.user(ana), first.arn))
    assume(sts, chained, second.arn, DurationSeconds=CHAINED_SECONDS)
    with pytest.raises(
        ValidationException, match="exceeds the 1 hour session limit for roles assumed by role chaining"
    ):
        assume(sts, chained, second.arn, DurationSeconds=CHAINED_SECONDS + 1)


def test_temporary_credentials_of_a_user_begin_no_chain(sts: Sts, ana: User):
    sts.identities.role("reader", [trust(ANA_ARN)], READ, max_session_seconds=43_200)
    assume(sts, session_of(sts, sts.call("GetSessionToken", sts.user(ana))), DurationSeconds=43_200)


# Narrowed


def test_a_session_policy_narrows_and_never_widens(sts: Sts, ana: User):
    sts.identities.role("reader", [trust(ANA_ARN)], READ)
    sts.deployment.create("app/db")
    policy = document(statement(["secretsmanager:GetSecretValue", "secretsmanager:DeleteSecret"]))
    answer = assume(sts, sts.user(ana), Policy=policy)
    assert 0 < answer["PackedPolicySize"] < 100
    who = session_of(sts, answer)
    sts.secrets_manager(who, "GetSecretValue", SecretId="app/db")
    for name in ("DescribeSecret", "DeleteSecret"):
        with pytest.raises(AccessDeniedException):
            sts.secrets_manager(who, name, SecretId="app/db")


def test_managed_policies_narrow_a_session_and_must_exist(sts: Sts, ana: User):
    sts.identities.role("reader", [trust(ANA_ARN)], statement("secretsmanager:*"))
    sts.deployment.create("app/db")
    arns = [{"arn": "arn:aws:iam::aws:policy/SecretsManagerReadWrite"}]
    sts.secrets_manager(
        session_of(sts, assume(sts, sts.user(ana), PolicyArns=arns)), "DescribeSecret", SecretId="app/db"
    )
    for missing in ("arn:aws:iam::aws:policy/NoSuchPolicy", f"arn:aws:iam::{OTHER_ACCOUNT}:policy/theirs"):
        with pytest.raises(ValidationException, match="There is no managed policy"):
            assume(sts, sts.user(ana), PolicyArns=[{"arn": missing}])
    with pytest.raises(ValidationException, match=r"policyArns.*length less than or equal to 10"):
        assume(sts, sts.user(ana), PolicyArns=arns * 11)


@pytest.mark.parametrize("policy", ["{}", "not json", document(trust(ACCOUNT_ID))])
def test_what_is_no_session_policy_is_malformed(sts: Sts, ana: User, policy: str):
    sts.identities.role("reader", [trust(ANA_ARN)], READ)
    with pytest.raises(MalformedPolicyDocument):
        assume(sts, sts.user(ana), Policy=policy)


def test_a_policy_beyond_2048_characters_is_refused(sts: Sts, ana: User):
    with pytest.raises(ValidationException, match=r"'policy' failed.*length less than or equal to 2048"):
        assume(sts, sts.user(ana), Policy=document(statement()) + " " * 2_048)


def test_more_than_fits_into_a_session_is_refused(sts: Sts, ana: User):
    sts.identities.role("reader", [trust(ANA_ARN, ["sts:AssumeRole", "sts:TagSession"])], READ)
    tags = [{"Key": f"{number}", "Value": "".join(map(chr, range(0x4E00 + 256 * number, 0x4F00 + 256 * number)))}
            for number in range(50)]  # fmt: skip
    with pytest.raises(
        PackedPolicyTooLarge, match=r"^Packed size of session tags consumes \d{3,}% of allotted space.$"
    ):
        assume(sts, sts.user(ana), Tags=tags)


# Tags


def test_session_tags_override_those_of_the_role(sts: Sts, ana: User):
    owned = statement(
        "secretsmanager:*", Condition={"StringEquals": {"aws:PrincipalTag/team": "${aws:PrincipalTag/as}"}}
    )
    sts.identities.role("reader", [trust(ANA_ARN, ["sts:AssumeRole", "sts:TagSession"])], owned)
    sts.deployment.create("app/db")
    same = assume(sts, sts.user(ana), Tags=[{"Key": "team", "Value": "a"}, {"Key": "as", "Value": "a"}])
    other = assume(sts, sts.user(ana), Tags=[{"Key": "team", "Value": "a"}, {"Key": "as", "Value": "b"}])
    sts.secrets_manager(session_of(sts, same), "DescribeSecret", SecretId="app/db")
    with pytest.raises(AccessDeniedException):
        sts.secrets_manager(session_of(sts, other), "DescribeSecret", SecretId="app/db")


def test_tags_need_the_role_to_trust_their_setting(sts: Sts, ana: User):
    sts.identities.role("reader", [trust(ANA_ARN)], READ)
    denied(not_authorized(ANA_ARN, "sts:TagSession"), sts, sts.user(ana), Tags=[{"Key": "a", "Value": "1"}])


def test_a_trust_policy_decides_about_tags(sts: Sts, ana: User):
    condition = {
        "StringEquals": {"aws:RequestTag/team": ["a", "b"]},
        "ForAllValues:StringEquals": {"aws:TagKeys": "team"},
    }
    sts.identities.role("reader", [trust(ANA_ARN), trust(ANA_ARN, "sts:TagSession", Condition=condition)], READ)
    assume(sts, sts.user(ana), Tags=[{"Key": "team", "Value": "b"}])
    message = not_authorized(ANA_ARN, "sts:TagSession")
    denied(message, sts, sts.user(ana), Tags=[{"Key": "team", "Value": "c"}])
    denied(message, sts, sts.user(ana), Tags=[{"Key": "team", "Value": "a"}, {"Key": "more", "Value": "a"}])


def test_transitive_tags_are_handed_down_and_cannot_be_set_again(sts: Sts, ana: User):
    setting = ["sts:AssumeRole", "sts:TagSession"]
    first = sts.identities.role("first", [trust(ANA_ARN, setting)], READ)
    second = sts.identities.role("second", [trust(first.arn, setting)], READ)
    strict = sts.identities.role("strict", [trust(first.arn)], READ)
    tags = [{"Key": "team", "Value": "a"}, {"Key": "own", "Value": "b"}]
    chained = session_of(sts, assume(sts, sts.user(ana), first.arn, Tags=tags, TransitiveTagKeys=["Team"]))
    last = session_of(sts, assume(sts, chained, second.arn, Tags=[{"Key": "own", "Value": "c"}]))
    assert last.principal.session is not None
    assert [(tag.key, tag.value) for tag in last.principal.session.tags] == [("team", "a"), ("own", "c")]
    assert last.principal.session.transitive_tag_keys == ("team",)
    with pytest.raises(InvalidParameterValue, match="conflicts with a transitive tag key from the calling session"):
        assume(sts, chained, second.arn, Tags=[{"Key": "TEAM", "Value": "b"}])
    denied(not_authorized(chained.principal.arn, "sts:TagSession", strict.arn), sts, chained, strict.arn)


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"Tags": [{"Key": "a", "Value": ""}, {"Key": "A", "Value": ""}]}, "Duplicate tag keys found"),
        ({"TransitiveTagKeys": ["a"]}, "must be included in the requested tags"),
        ({"Tags": [{"Key": "AWS:a", "Value": ""}]}, "must not begin with aws:"),
    ],
)
def test_tags_that_no_session_may_have_are_refused(sts: Sts, ana: User, members, message):
    sts.identities.role("reader", [trust(ANA_ARN, ["sts:AssumeRole", "sts:TagSession"])], READ)
    with pytest.raises(InvalidParameterValue, match=message):
        assume(sts, sts.user(ana), **members)


@pytest.mark.parametrize("key", ["a*b", "a\tb", "", "k" * 129])
def test_keys_of_tags_that_the_model_does_not_know_are_refused(sts: Sts, ana: User, key: str):
    with pytest.raises(ValidationException, match=r"'tags\.1\.member\.key'"):
        assume(sts, sts.user(ana), Tags=[{"Key": key, "Value": ""}])


def test_tags_may_be_of_any_script(sts: Sts, ana: User):
    sts.identities.role("reader", [trust(ANA_ARN, ["sts:AssumeRole", "sts:TagSession"])], READ)
    who = session_of(sts, assume(sts, sts.user(ana), Tags=[{"Key": "Größe Ⅷ", "Value": "東京-1"}]))
    assert who.principal.session is not None
    assert who.principal.session.tags[0].value == "東京-1"


@pytest.mark.parametrize("name", ["ä-work", "a b", "a:b", "x", "n" * 65])
def test_names_of_sessions_that_the_model_does_not_know_are_refused(sts: Sts, ana: User, name: str):
    with pytest.raises(ValidationException, match="'roleSessionName'"):
        assume(sts, sts.user(ana), name=name)


# Source identity


def test_a_source_identity_stays_through_a_chain_and_cannot_be_changed(sts: Sts, ana: User):
    setting = ["sts:AssumeRole", "sts:SetSourceIdentity"]
    first = sts.identities.role("first", [trust(ANA_ARN, setting)], READ)
    seen = statement("secretsmanager:*", Condition={"StringEquals": {"aws:SourceIdentity": "ana@example.com"}})
    second = sts.identities.role("second", [trust(first.arn, setting)], seen)
    strict = sts.identities.role("strict", [trust(first.arn)], READ)
    sts.deployment.create("app/db")
    answer = assume(sts, sts.user(ana), first.arn, SourceIdentity="ana@example.com")
    assert answer["SourceIdentity"] == "ana@example.com"
    chained = session_of(sts, answer)
    last = assume(sts, chained, second.arn)
    assert last["SourceIdentity"] == "ana@example.com"
    sts.secrets_manager(session_of(sts, last), "DescribeSecret", SecretId="app/db")
    denied(
        "The source identity of the calling session cannot be changed.", sts, chained, second.arn, SourceIdentity="bob"
    )
    denied(not_authorized(chained.principal.arn, "sts:SetSourceIdentity", strict.arn), sts, chained, strict.arn)


def test_a_source_identity_needs_the_role_to_trust_its_setting(sts: Sts, ana: User):
    sts.identities.role("reader", [trust(ANA_ARN)], READ)
    denied(not_authorized(ANA_ARN, "sts:SetSourceIdentity"), sts, sts.user(ana), SourceIdentity="ana")
    with pytest.raises(ValidationException, match="'sourceIdentity'"):
        assume(sts, sts.user(ana), SourceIdentity="aws:ana")


# What is not offered


def test_a_second_factor_and_other_contexts_are_refused(sts: Sts, ana: User):
    sts.identities.role("reader", [trust(ANA_ARN)], READ)
    serial = {"SerialNumber": f"arn:aws:iam::{ACCOUNT_ID}:mfa/ana", "TokenCode": "123456"}
    with pytest.raises(AccessDeniedException, match=r"^MultiFactorAuthentication failed"):
        assume(sts, sts.user(ana), **serial)
    with pytest.raises(ValidationException, match=r"^MinimumSessionTokenSize is not offered"):
        assume(sts, sts.user(ana), MinimumSessionTokenSize=4_096)
    with pytest.raises(ValidationException, match=r"^ProvidedContexts is not offered"):
        assume(sts, sts.user(ana), ProvidedContexts=[{"ProviderArn": ROLE_ARN, "ContextAssertion": "word"}])


# Afterwards


def test_sessions_end_with_their_role_even_if_one_of_that_name_is_made_again(sts: Sts, ana: User):
    role = sts.identities.role("reader", [trust(ANA_ARN)], READ)
    answer = assume(sts, sts.user(ana))
    session_of(sts, answer)
    sts.identities.delete(role)
    assert sts.session(answer["Credentials"]) is None
    sts.identities.role("reader", [trust(ANA_ARN)], READ)
    assert sts.session(answer["Credentials"]) is None


def test_a_deny_of_older_sessions_revokes_them(sts: Sts, ana: User):
    role = sts.identities.role("reader", [trust(ANA_ARN)], READ)
    sts.deployment.create("app/db")
    old = session_of(sts, assume(sts, sts.user(ana)))
    sts.secrets_manager(old, "DescribeSecret", SecretId="app/db")
    sts.deployment.clock.advance_seconds(2)
    moment = sts.deployment.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
    older = {"DateLessThan": {"aws:TokenIssueTime": moment}}
    sts.identities.grant(role, "AWSRevokeOlderSessions", statement(effect="Deny", Condition=older))
    with pytest.raises(AccessDeniedException, match="with an explicit deny in an identity-based policy"):
        sts.secrets_manager(old, "DescribeSecret", SecretId="app/db")
    new = session_of(sts, assume(sts, sts.user(ana)))
    sts.secrets_manager(new, "DescribeSecret", SecretId="app/db")


# The record


def test_the_record_shows_who_was_given_what_and_no_secret(sts: Sts, ana: User):
    sts.identities.role("reader", [trust(ANA_ARN)], READ)
    answer = assume(sts, sts.user(ana), ExternalId="x-17")
    record = sts.deployment.trail()[-1]
    assert (record["eventSource"], record["eventName"]) == ("sts.amazonaws.com", "AssumeRole")
    assert record["userIdentity"]["arn"] == ANA_ARN
    assert record["requestParameters"] == {"roleArn": ROLE_ARN, "roleSessionName": "work", "externalId": "x-17"}
    shown = record["responseElements"]
    assert shown["credentials"].keys() == {"accessKeyId", "expiration"}
    assert shown["credentials"]["accessKeyId"] == answer["Credentials"]["AccessKeyId"]
    assert shown["assumedRoleUser"]["arn"] == answer["AssumedRoleUser"]["Arn"]
    assert answer["Credentials"]["SecretAccessKey"] not in str(record)
    assert answer["Credentials"]["SessionToken"] not in str(record)


def test_a_denial_is_recorded(sts: Sts, ana: User):
    denied(not_authorized(ANA_ARN), sts, sts.user(ana))
    record = sts.deployment.trail()[-1]
    assert (record["errorCode"], record["eventName"]) == ("AccessDenied", "AssumeRole")
    assert record.get("responseElements") is None
