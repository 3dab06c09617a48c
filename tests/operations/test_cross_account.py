"""Calls by another account: allowed where the secret's policy says so, by ARN, and never for a default key's value.

The scene: `deployment` owns the secrets, `stranger` is the other account. Denials hold for the own account too.
"""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from strongroom.domain.resource_policies import StoredPolicy
from strongroom.errors import ServiceError
from strongroom.policy.stored import parse_stored
from support.deployment import VALUE, token
from support.kms_keys import create_key, key_of_version
from support.refusals import SECRET_NOT_FOUND, Refusal, access_denied, refusal

OTHER_ACCOUNT, THIRD_ACCOUNT = "999988887777", "000000000001"
DEFAULT_KEY_TEXT = (
    "You can't access a secret from a different AWS account if you encrypt the secret with the default KMS service key."
)
DEFAULT_KEY = ("InvalidRequestException", DEFAULT_KEY_TEXT)
ALLOW_OTHER = {"Effect": "Allow", "Principal": {"AWS": OTHER_ACCOUNT}, "Action": "secretsmanager:*", "Resource": "*"}
DENY_ALL = {"Effect": "Deny", "Principal": "*", "Action": "secretsmanager:*", "Resource": "*"}


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def attach(deployment, arn: str, *statements: dict[str, Any]) -> None:
    deployment.call("PutResourcePolicy", SecretId=arn, ResourcePolicy=document(*statements))


def shared(deployment, *statements: dict[str, Any], **members: Any) -> str:
    """Create a secret under a key of its account's own that the other account may use, and return its ARN."""
    arn = deployment.create("app/db", KmsKeyId=create_key(deployment).key_id, **members)
    attach(deployment, arn, *(statements or (ALLOW_OTHER,)))
    return arn


def denied(account_id: str, action: str, resource: str, reason: str) -> Refusal:
    return "AccessDeniedException", (
        f"User: arn:aws:iam::{account_id}:root is not authorized to perform: secretsmanager:{action} on resource: "
        f"{resource} {reason}"
    )


def explicitly(account_id: str, action: str, resource: str) -> Refusal:
    return denied(account_id, action, resource, "with an explicit deny in a resource-based policy")


@pytest.fixture
def stranger(deployment):
    return deployment.elsewhere(account_id=OTHER_ACCOUNT)


WITHOUT_VALUE: list[tuple[str, dict[str, Any]]] = [
    ("DescribeSecret", {}),
    ("ListSecretVersionIds", {}),
    ("GetResourcePolicy", {}),
    ("ListResourcePolicies", {}),
    ("ValidateResourcePolicy", {"ResourcePolicy": document(ALLOW_OTHER)}),
    ("PutResourcePolicy", {"ResourcePolicy": document(ALLOW_OTHER)}),
    ("TagResource", {"Tags": [{"Key": "a", "Value": "b"}]}),
    ("UntagResource", {"TagKeys": ["a"]}),
    ("UpdateSecret", {"Description": "by the other account"}),
    ("UpdateSecretVersionStage", {"VersionStage": "blue", "MoveToVersionId": token(1)}),
    ("ReplicateSecretToRegions", {"AddReplicaRegions": [{"Region": "us-east-1"}]}),
    ("RemoveRegionsFromReplication", {"RemoveReplicaRegions": ["us-east-1"]}),
    ("DeleteSecret", {"RecoveryWindowInDays": 7}),
    ("RestoreSecret", {}),
    ("DeleteSecret", {"ForceDeleteWithoutRecovery": True}),
]
WITH_VALUE: list[tuple[str, dict[str, Any]]] = [
    ("GetSecretValue", {}),
    ("PutSecretValue", {"SecretString": "new", "ClientRequestToken": token(2)}),
    ("UpdateSecret", {"SecretString": "newer", "ClientRequestToken": token(3)}),
]


def test_a_granted_account_does_everything_that_touches_no_value(deployment, stranger):
    arn = deployment.create("app/db")
    attach(deployment, arn, ALLOW_OTHER)
    for operation, members in WITHOUT_VALUE:
        answer = stranger.call(operation, SecretId=arn, **members)
        assert (operation, answer.get("ARN", arn)) == (operation, arn)


def test_a_value_under_the_default_key_is_refused_across_accounts(deployment, stranger):
    for kms_key in ({}, {"KmsKeyId": "alias/aws/secretsmanager"}):
        arn = deployment.create(f"app/{len(kms_key)}", **kms_key)
        attach(deployment, arn, ALLOW_OTHER)
        for operation, members in WITH_VALUE:
            assert (operation, refusal(stranger, operation, SecretId=arn, **members)) == (operation, DEFAULT_KEY)
        assert deployment.call("GetSecretValue", SecretId=arn)["SecretString"] == VALUE


def test_the_default_key_is_refused_across_accounts_by_whatever_name_the_secret_calls_it(deployment, stranger):
    sealed_with = key_of_version(deployment, deployment.create("first"), token(1))
    alias_arn = sealed_with.partition(":key/")[0] + ":alias/aws/secretsmanager"
    for number, name in enumerate((sealed_with, sealed_with.rpartition("/")[2], alias_arn)):
        arn = deployment.create(f"app/{number}", KmsKeyId=name)
        attach(deployment, arn, ALLOW_OTHER)
        for operation, members in WITH_VALUE:
            assert (operation, refusal(stranger, operation, SecretId=arn, **members)) == (operation, DEFAULT_KEY)


def test_a_version_left_under_the_default_key_is_refused_across_accounts(deployment, stranger):
    arn = deployment.create("app/db")
    deployment.put(arn, 2)
    deployment.put(arn, 3)
    deployment.call("UpdateSecret", SecretId=arn, KmsKeyId=create_key(deployment).key_id)
    attach(deployment, arn, ALLOW_OTHER)
    assert stranger.call("GetSecretValue", SecretId=arn)["VersionId"] == token(3)
    assert refusal(stranger, "GetSecretValue", SecretId=arn, VersionId=token(1)) == DEFAULT_KEY
    assert deployment.call("GetSecretValue", SecretId=arn, VersionId=token(1))["SecretString"] == VALUE


def test_a_value_under_a_customer_key_is_read_and_written_across_accounts(deployment, stranger):
    arn = shared(deployment)
    for operation, members in WITH_VALUE:
        assert stranger.call(operation, SecretId=arn, **members)["ARN"] == arn
    assert deployment.call("GetSecretValue", SecretId=arn)["SecretString"] == "newer"
    assert stranger.call("GetSecretValue", SecretId=arn)["SecretString"] == "newer"


def test_what_was_shared_may_be_returned_to_the_default_key_and_is_refused_again(deployment, stranger):
    arn = shared(deployment)
    deployment.call("UpdateSecret", SecretId=arn, KmsKeyId="")
    assert refusal(stranger, "GetSecretValue", SecretId=arn) == DEFAULT_KEY


def test_without_a_grant_every_call_is_denied_whether_the_secret_exists_or_not(deployment, stranger):
    arn = deployment.create("app/db")
    absent = arn[:-6] + "zzzzzz"
    for operation, members in (*WITHOUT_VALUE, *WITH_VALUE):
        for secret_id in (arn, absent, arn[:-7]):
            expected = access_denied(OTHER_ACCOUNT, operation, secret_id)
            assert refusal(stranger, operation, SecretId=secret_id, **members) == expected


def test_a_grant_is_to_the_account_it_names_and_to_what_it_names(deployment, stranger):
    describe = ALLOW_OTHER | {"Action": "secretsmanager:DescribeSecret"}
    arn = shared(deployment, describe)
    third = deployment.elsewhere(account_id=THIRD_ACCOUNT)
    assert stranger.call("DescribeSecret", SecretId=arn)["ARN"] == arn
    assert refusal(stranger, "GetSecretValue", SecretId=arn) == access_denied(OTHER_ACCOUNT, "GetSecretValue", arn)
    assert refusal(third, "DescribeSecret", SecretId=arn) == access_denied(THIRD_ACCOUNT, "DescribeSecret", arn)
    other = deployment.create("other")
    assert refusal(stranger, "DescribeSecret", SecretId=other)[0] == "AccessDeniedException"


def test_a_grant_to_everyone_is_one_to_every_account(deployment, stranger):
    arn = shared(deployment, ALLOW_OTHER | {"Principal": "*"})
    for account in (stranger, deployment.elsewhere(account_id=THIRD_ACCOUNT)):
        assert account.call("GetSecretValue", SecretId=arn)["SecretString"] == VALUE


def test_a_grant_may_be_for_this_secret_alone(deployment, stranger):
    arn = shared(deployment, ALLOW_OTHER | {"Resource": "arn:aws:secretsmanager:*:*:secret:other-*"})
    assert refusal(stranger, "DescribeSecret", SecretId=arn) == access_denied(OTHER_ACCOUNT, "DescribeSecret", arn)
    attach(deployment, arn, ALLOW_OTHER | {"Resource": arn})
    assert stranger.call("DescribeSecret", SecretId=arn)["ARN"] == arn


def test_a_grant_ends_with_its_policy(deployment, stranger):
    arn = shared(deployment)
    stranger.call("GetSecretValue", SecretId=arn)
    deployment.call("DeleteResourcePolicy", SecretId=arn)
    assert refusal(stranger, "GetSecretValue", SecretId=arn) == access_denied(OTHER_ACCOUNT, "GetSecretValue", arn)


def test_a_bare_name_never_leaves_the_callers_account(deployment, stranger):
    arn = shared(deployment)
    assert refusal(stranger, "GetSecretValue", SecretId="app/db") == SECRET_NOT_FOUND
    own = stranger.create("app/db", "the stranger's own")
    assert stranger.call("GetSecretValue", SecretId="app/db")["ARN"] == own
    assert stranger.call("GetSecretValue", SecretId=arn[:-7])["ARN"] == arn, "an ARN without suffix names the account"
    forced = stranger.call("DeleteSecret", SecretId="app/db", ForceDeleteWithoutRecovery=True)
    assert forced["ARN"] == own
    assert deployment.call("GetSecretValue", SecretId="app/db")["SecretString"] == VALUE


def test_a_name_taken_in_one_account_is_free_in_another(deployment, stranger):
    assert deployment.create("same") != stranger.create("same")


def test_a_listing_never_shows_what_another_account_shares(deployment, stranger):
    shared(deployment)
    own = stranger.create("mine")
    assert [entry["ARN"] for entry in stranger.call("ListSecrets", IncludePlannedDeletion=True)["SecretList"]] == [own]


def test_another_regions_arn_names_nothing_here(deployment, stranger):
    arn = shared(deployment)
    away = stranger.elsewhere(region="us-east-1")
    assert refusal(away, "DescribeSecret", SecretId=arn) == access_denied(OTHER_ACCOUNT, "DescribeSecret", arn)
    assert refusal(deployment.elsewhere(region="us-east-1"), "DescribeSecret", SecretId=arn) == SECRET_NOT_FOUND


def test_what_the_other_account_does_is_recorded_as_its_own(deployment, stranger):
    arn = shared(deployment)
    stranger.call("TagResource", SecretId=arn, Tags=[{"Key": "a", "Value": "b"}])
    record = deployment.trail()[-1]
    assert record["userIdentity"]["accountId"] == OTHER_ACCOUNT
    assert record["requestParameters"]["secretId"] == arn


# Denials


def test_an_explicit_deny_denies_the_root_of_the_own_account_too(deployment):
    arn = deployment.create("app/db")
    attach(deployment, arn, DENY_ALL)
    for operation, members in (*WITHOUT_VALUE, *WITH_VALUE):
        for secret_id in ("app/db", arn):
            expected = explicitly(deployment.account_id, operation, secret_id)
            assert refusal(deployment, operation, SecretId=secret_id, **members) == expected
    deployment.create("other")


def test_a_deny_of_some_actions_leaves_the_others(deployment):
    arn = deployment.create("app/db")
    attach(deployment, arn, DENY_ALL | {"Action": ["secretsmanager:Get*", "secretsmanager:DeleteSecret"]})
    for operation in ("GetSecretValue", "GetResourcePolicy", "DeleteSecret"):
        assert refusal(deployment, operation, SecretId="app/db") == explicitly(
            deployment.account_id, operation, "app/db"
        )
    deployment.put("app/db", 2)
    deployment.call("DeleteResourcePolicy", SecretId="app/db")
    assert deployment.call("GetSecretValue", SecretId="app/db")["SecretString"] == "value 2"


def test_a_deny_wins_over_a_grant(deployment, stranger):
    arn = shared(deployment, ALLOW_OTHER, DENY_ALL | {"Principal": {"AWS": OTHER_ACCOUNT}})
    assert refusal(stranger, "GetSecretValue", SecretId=arn) == explicitly(OTHER_ACCOUNT, "GetSecretValue", arn)
    assert deployment.call("GetSecretValue", SecretId=arn)["SecretString"] == VALUE


def test_a_scheduled_secrets_policy_still_decides(deployment, stranger):
    arn = shared(deployment)
    deployment.call("DeleteSecret", SecretId=arn)
    assert stranger.call("DescribeSecret", SecretId=arn)["DeletedDate"]
    assert refusal(stranger, "GetSecretValue", SecretId=arn)[0] == "InvalidRequestException"
    third = deployment.elsewhere(account_id=THIRD_ACCOUNT)
    assert refusal(third, "GetSecretValue", SecretId=arn) == access_denied(THIRD_ACCOUNT, "GetSecretValue", arn)


def test_a_stored_policy_that_cannot_be_read_denies_everybody_and_says_so_in_the_log(deployment, caplog):
    arn = deployment.create("app/db")

    def spoil(tx):
        tx.put_policy(
            tx.find_secret(deployment.account_id, deployment.region, "app/db"), "default", StoredPolicy("{ spoiled")
        )

    deployment.node.storage.write(spoil)
    parse_stored.cache_clear()  # another test's reading of the same text would be remembered
    with caplog.at_level(logging.ERROR):
        for operation in ("GetSecretValue", "DeleteResourcePolicy", "DescribeSecret"):
            assert refusal(deployment, operation, SecretId=arn) == explicitly(deployment.account_id, operation, arn)
    assert "A stored resource policy cannot be read; access is denied" in caplog.text
    assert "spoiled" not in caplog.text


# Conditions


def only_if(**condition: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Allow the other account everything under a condition, and its reading of policies always."""
    return ALLOW_OTHER | {"Condition": condition}, ALLOW_OTHER | {"Action": "secretsmanager:GetResourcePolicy"}


def allowed(stranger, operation: str, arn: str, **members: Any) -> bool:
    """Tell whether the call succeeds; one that does not must be the denial for want of an Allow."""
    try:
        stranger.call(operation, SecretId=arn, **members)
    except ServiceError as error:
        assert (error.code, error.message) == access_denied(OTHER_ACCOUNT, operation, arn)  # noqa: PT017
        return False
    return True


def test_a_condition_on_version_stage_needs_the_stage_to_be_sent(deployment, stranger):
    arn = shared(deployment, *only_if(StringEquals={"secretsmanager:VersionStage": "AWSCURRENT"}))
    deployment.put(arn, 2, "pending", "AWSPENDING")
    assert allowed(stranger, "GetSecretValue", arn, VersionStage="AWSCURRENT")
    assert not allowed(stranger, "GetSecretValue", arn)
    assert not allowed(stranger, "GetSecretValue", arn, VersionStage="AWSPENDING")
    assert not allowed(stranger, "GetSecretValue", arn, VersionId=token(1))


@pytest.mark.parametrize("key", ["secretsmanager:ResourceTag/team", "aws:ResourceTag/team"])
def test_a_condition_on_tags_follows_the_tags(deployment, stranger, key):
    arn = shared(deployment, *only_if(StringEquals={key: "blue"}))
    assert not allowed(stranger, "DescribeSecret", arn)
    deployment.call("TagResource", SecretId=arn, Tags=[{"Key": "team", "Value": "blue"}])
    assert allowed(stranger, "DescribeSecret", arn)
    deployment.call("TagResource", SecretId=arn, Tags=[{"Key": "team", "Value": "Blue"}])
    assert not allowed(stranger, "DescribeSecret", arn)


def test_a_condition_on_the_address_looks_at_the_callers(deployment, stranger):
    for network, is_allowed in (("192.0.2.0/24", True), ("198.51.100.0/24", False)):
        arn = deployment.create(f"app/{is_allowed}", KmsKeyId=create_key(deployment).key_id)
        attach(deployment, arn, *only_if(IpAddress={"aws:SourceIp": network}))
        assert allowed(stranger, "DescribeSecret", arn) is is_allowed


def test_a_condition_on_the_recovery_window_compares_numbers(deployment, stranger):
    arn = shared(deployment, *only_if(NumericGreaterThanEquals={"secretsmanager:RecoveryWindowInDays": "15"}))
    assert not allowed(stranger, "DeleteSecret", arn, RecoveryWindowInDays=7)
    assert not allowed(stranger, "DeleteSecret", arn)
    assert allowed(stranger, "DeleteSecret", arn, RecoveryWindowInDays=30)


CONDITIONS: list[tuple[dict[str, Any], str, dict[str, Any], dict[str, Any]]] = [
    (
        {"Bool": {"secretsmanager:ForceDeleteWithoutRecovery": "true"}},
        "DeleteSecret",
        {"ForceDeleteWithoutRecovery": True},
        {"ForceDeleteWithoutRecovery": False},
    ),
    (
        {"Bool": {"secretsmanager:BlockPublicPolicy": "true"}},
        "PutResourcePolicy",
        {"ResourcePolicy": document(ALLOW_OTHER), "BlockPublicPolicy": True},
        {"ResourcePolicy": document(ALLOW_OTHER)},
    ),
    (
        {"StringEquals": {"secretsmanager:VersionId": token(1)}},
        "GetSecretValue",
        {"VersionId": token(1)},
        {"VersionStage": "AWSCURRENT"},
    ),
    ({"StringLike": {"secretsmanager:Description": "ours: *"}}, "UpdateSecret", {"Description": "ours: x"}, {}),
    (
        {"StringEquals": {"secretsmanager:Type": "PaddleApiKey"}},
        "UpdateSecret",
        {"Type": "PaddleApiKey"},
        {"Type": "x"},
    ),
    (
        {"ForAllValues:StringEquals": {"secretsmanager:AddReplicaRegions": ["us-east-1", "us-east-2"]}},
        "ReplicateSecretToRegions",
        {"AddReplicaRegions": [{"Region": "us-east-1"}]},
        {"AddReplicaRegions": [{"Region": "us-east-1"}, {"Region": "us-west-2"}]},
    ),
    (
        {"StringEquals": {"aws:RequestTag/team": "blue"}},
        "TagResource",
        {"Tags": [{"Key": "team", "Value": "blue"}]},
        {"Tags": [{"Key": "team", "Value": "red"}]},
    ),
    (
        {"ForAllValues:StringEquals": {"aws:TagKeys": ["a", "b"]}},
        "UntagResource",
        {"TagKeys": ["a"]},
        {"TagKeys": ["a", "c"]},
    ),
    (
        {"StringEquals": {"aws:PrincipalAccount": OTHER_ACCOUNT, "aws:RequestedRegion": "eu-central-1"}},
        "DescribeSecret",
        {},
        {},
    ),
]


@pytest.mark.parametrize(("condition", "operation", "met", "unmet"), CONDITIONS, ids=lambda value: None)
def test_a_condition_on_the_request_decides(deployment, stranger, condition, operation, met, unmet):
    arn = shared(deployment, *only_if(**condition))
    if unmet != met:
        assert not allowed(stranger, operation, arn, **unmet)
    assert allowed(stranger, operation, arn, **met)


def test_a_condition_on_facts_of_the_secret_decides(deployment, stranger):
    arn = shared(deployment, Type="PaddleApiKey", AddReplicaRegions=[{"Region": "us-east-1"}])
    for condition in (
        {"StringEquals": {"secretsmanager:resource/Type": "PaddleApiKey"}},
        {"StringEquals": {"secretsmanager:SecretPrimaryRegion": "eu-central-1"}},
        {"ArnEquals": {"secretsmanager:SecretId": arn}},
        {"StringEquals": {"aws:ResourceAccount": "123456789012"}},
    ):
        attach(deployment, arn, *only_if(**condition))
        assert (condition, allowed(stranger, "DescribeSecret", arn)) == (condition, True)
        ((operator, expected),) = condition.items()
        attach(deployment, arn, *only_if(**{operator: dict.fromkeys(expected, "arn:aws:other:::x")}))
        assert (condition, allowed(stranger, "DescribeSecret", arn)) == (condition, False)


def test_a_deny_under_a_condition_holds_for_the_own_root_while_it_is_met(deployment):
    arn = deployment.create("app/db")
    condition = {"StringNotEquals": {"secretsmanager:VersionStage": "AWSCURRENT"}}
    attach(deployment, arn, DENY_ALL | {"Action": "secretsmanager:GetSecretValue", "Condition": condition})
    assert deployment.call("GetSecretValue", SecretId=arn, VersionStage="AWSCURRENT")["SecretString"] == VALUE
    assert refusal(deployment, "GetSecretValue", SecretId=arn) == explicitly(
        deployment.account_id, "GetSecretValue", arn
    )
