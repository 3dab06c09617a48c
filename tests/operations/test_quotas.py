"""How much an account may have and how fast it may ask, with quotas small enough to reach."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import pytest

from strongroom.domain.quotas import AWS_RATES
from strongroom.errors import ThrottlingException
from strongroom.operations import OPERATIONS
from support.deployment import Deployment, config_for, deployed, token
from support.refusals import Refusal, refusal
from support.rotators import FUNCTION, serve_functions

OTHER_ACCOUNT = "999988887777"
RATE_EXCEEDED = ("ThrottlingException", "Rate exceeded")


@pytest.fixture
def limited(database_url, tmp_path) -> Iterator[Callable[..., Deployment]]:
    """Start a deployment with the quotas given, `secrets=3` for quotas_secrets."""
    with ExitStack() as stack:

        def start(**quotas: Any) -> Deployment:
            settings = {f"quotas_{name}": value for name, value in quotas.items()}
            return stack.enter_context(deployed(config_for(database_url, tmp_path, **settings)))

        yield start


def over(text: str) -> Refusal:
    return "LimitExceededException", text


# Secrets


@pytest.mark.parametrize("most", [0, 1, 3, 25])
def test_an_account_has_so_many_secrets_in_a_region_and_not_one_more(limited, most):
    deployment = limited(secrets=most)
    for number in range(most):
        deployment.create(f"app/{number}")
    refused = over(f"You can't have more than {most} secrets in this Region.")
    for _ in range(2):
        assert refusal(deployment, "CreateSecret", Name="one/more") == refused
    assert len(deployment.call("ListSecrets")["SecretList"]) == most


def test_each_account_and_region_has_room_of_its_own(limited):
    deployment = limited(secrets=1)
    for place in ({}, {"region": "us-east-1"}, {"account_id": OTHER_ACCOUNT}):
        there = deployment.elsewhere(**place)
        there.create("one")
        assert refusal(there, "CreateSecret", Name="two")[0] == "LimitExceededException"


def test_a_scheduled_secret_counts_until_it_is_purged(limited):
    deployment = limited(secrets=1)
    deployment.create("one")
    deployment.call("DeleteSecret", SecretId="one", ForceDeleteWithoutRecovery=True)
    assert refusal(deployment, "CreateSecret", Name="two")[0] == "LimitExceededException"
    deployment.run_jobs()
    deployment.create("two")


def test_a_repeated_creation_needs_no_room(limited):
    deployment = limited(secrets=1)
    assert deployment.create("one", "v") == deployment.create("one", "v")


# Versions


def test_a_secret_has_so_many_versions_and_not_one_more(limited):
    deployment = limited(versions=3)
    deployment.create()
    deployment.put("app/db", 2)
    deployment.put("app/db", 3)
    refused = over(
        "You can't have more than 3 versions of a secret. Versions without staging labels are removed when they are "
        "24 hours old."
    )
    value = {"SecretId": "app/db", "SecretString": "v", "ClientRequestToken": token(4)}
    for operation in ("PutSecretValue", "UpdateSecret"):
        assert refusal(deployment, operation, **value) == refused
    deployment.put("app/db", 3)  # a repetition adds nothing
    deployment.call("UpdateSecret", SecretId="app/db", Description="d")
    assert deployment.call("GetSecretValue", SecretId="app/db")["SecretString"] == "value 3"


def test_the_value_of_a_rotation_needs_no_room_of_its_own(limited):
    deployment = serve_functions(limited(versions=3))
    deployment.create()
    deployment.put("app/db", 2)
    rotation = {"ClientRequestToken": token(3), "RotationLambdaARN": FUNCTION}
    deployment.call("RotateSecret", SecretId="app/db", **rotation)
    deployment.put("app/db", 3, "rotated", "AWSPENDING")
    read = deployment.call("GetSecretValue", SecretId="app/db", VersionStage="AWSPENDING")
    assert read["SecretString"] == "rotated"
    deployment.call(
        "UpdateSecretVersionStage", SecretId="app/db", VersionStage="AWSPENDING", RemoveFromVersionId=token(3)
    )
    for operation, members in (("PutSecretValue", {"SecretString": "v"}), ("RotateSecret", {})):
        one_more = {"SecretId": "app/db", "ClientRequestToken": token(4)} | members
        assert refusal(deployment, operation, **one_more)[0] == "LimitExceededException"


def test_what_the_clean_up_may_remove_does_not_count(deployment):
    deployment.create()
    for number in range(2, 121):
        deployment.put("app/db", number)
    value = {"SecretId": "app/db", "SecretString": "v", "ClientRequestToken": token(121)}
    code, text = refusal(deployment, "PutSecretValue", **value)
    assert code == "LimitExceededException"
    assert "You can't have more than 120 versions of a secret." in str(text)
    deployment.clock.advance(timedelta(hours=24))
    deployment.call("PutSecretValue", **value)


# Labels and tags


def test_a_secret_has_so_many_labels_and_not_one_more(limited):
    deployment = limited(labels=3)
    deployment.create()
    deployment.put("app/db", 2)
    deployment.put("app/db", 3, None, "blue")
    refused = over("You can't attach more than 3 staging labels to the versions of a secret.")
    labelled = {"SecretString": "v", "ClientRequestToken": token(4), "VersionStages": ["green"]}
    assert refusal(deployment, "PutSecretValue", SecretId="app/db", **labelled) == refused
    moved = {"VersionStage": "green", "MoveToVersionId": token(1)}
    assert refusal(deployment, "UpdateSecretVersionStage", SecretId="app/db", **moved) == refused
    deployment.put("app/db", 4, None, "blue")  # a label that moves is none the more
    assert deployment.stages("app/db")[token(4)] == {"blue"}


def test_a_secret_has_so_many_tags_and_not_one_more(limited):
    deployment = limited(tags=2)
    tags = [{"Key": key, "Value": "v"} for key in "abc"]
    refused = ("InvalidParameterException", "You can't attach more than 2 tags to a secret.")
    assert refusal(deployment, "CreateSecret", Name="app/db", Tags=tags) == refused
    deployment.create(Tags=tags[:2])
    assert refusal(deployment, "TagResource", SecretId="app/db", Tags=tags[2:]) == refused
    deployment.call("TagResource", SecretId="app/db", Tags=[{"Key": "a", "Value": "new"}])
    deployment.call("UntagResource", SecretId="app/db", TagKeys=["a"])
    deployment.call("TagResource", SecretId="app/db", Tags=tags[2:])


# Rates


@pytest.fixture
def throttled(limited) -> Deployment:
    return limited(requests="aws")


def at_once(deployment: Deployment, operation: str, **members: Any) -> None:
    """Make a call without letting time pass, which `call` does."""
    deployment.clock.advance_seconds(-1)
    deployment.call(operation, **members)


def burst(deployment: Deployment, operation: str, **members: Any) -> int:
    """Make calls at one instant until one is throttled, and return how many were admitted."""
    for count in range(1_000):
        try:
            at_once(deployment, operation, **members)
        except ThrottlingException as error:
            assert (error.code, error.message) == RATE_EXCEEDED  # noqa: PT017
            return count
    raise AssertionError("nothing was throttled")


def test_every_operation_has_a_rate():
    assert AWS_RATES.keys() == OPERATIONS.keys()


def test_rates_are_off_unless_asked_for(deployment):
    for _ in range(60):
        at_once(deployment, "GetRandomPassword")


def test_a_seconds_worth_comes_at_once_and_the_next_call_is_throttled(throttled):
    assert burst(throttled, "GetRandomPassword") == 50
    with pytest.raises(ThrottlingException):
        at_once(throttled, "GetRandomPassword")


def test_time_refills_and_never_beyond_a_seconds_worth(throttled):
    burst(throttled, "GetRandomPassword")
    throttled.clock.advance(timedelta(milliseconds=100))
    assert burst(throttled, "GetRandomPassword") == 5
    throttled.clock.advance(timedelta(hours=1))
    assert burst(throttled, "GetRandomPassword") == 50


def test_a_throttled_call_is_on_the_trail_and_changes_nothing(throttled):
    throttled.create()
    throttled.clock.advance_seconds(60)
    admitted = burst(throttled, "TagResource", SecretId="app/db", Tags=[{"Key": "a", "Value": "b"}])
    record = throttled.trail()[-1]
    assert (admitted, record["eventName"], record["requestParameters"]["secretId"]) == (50, "TagResource", "app/db")
    assert (record["errorCode"], record["errorMessage"]) == RATE_EXCEEDED
    assert sum(record["eventName"] == "TagResource" for record in throttled.trail()) == 51


def test_accounts_and_regions_are_counted_each_by_itself(throttled):
    burst(throttled, "GetRandomPassword")
    for place in ({"account_id": OTHER_ACCOUNT}, {"region": "us-east-1"}):
        assert burst(throttled.elsewhere(**place), "GetRandomPassword") == 50


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("TagResource", "UntagResource"),
        ("GetResourcePolicy", "ListResourcePolicies"),
        ("CancelRotateSecret", "RotateSecret"),
        ("ReplicateSecretToRegions", "UpdateSecret"),
    ],
)
def test_a_group_of_operations_shares_one_rate(throttled, first, second):
    assert AWS_RATES[first] == AWS_RATES[second]
    exhaust(throttled, first)
    assert refusal_at_once(throttled, second) == RATE_EXCEEDED
    assert refusal_at_once(throttled, "DescribeSecret")[0] == "ResourceNotFoundException"


REQUIRED: dict[str, dict[str, Any]] = {
    "TagResource": {"Tags": []},
    "UntagResource": {"TagKeys": []},
    "RotateSecret": {"ClientRequestToken": token(1)},
    "ReplicateSecretToRegions": {"AddReplicaRegions": [{"Region": "us-east-1"}]},
}


def refusal_at_once(deployment: Deployment, operation: str) -> Refusal:
    deployment.clock.advance_seconds(-1)
    return refusal(deployment, operation, SecretId="absent", **REQUIRED.get(operation, {}))


def exhaust(deployment: Deployment, operation: str) -> None:
    """Use up a rate with calls that are refused for another reason: they count as well."""
    refused = [refusal_at_once(deployment, operation) for _ in range(51)]
    assert [code for code, _ in refused[:50]] == ["ResourceNotFoundException"] * 50
    assert refused[50] == RATE_EXCEEDED


def test_calls_across_accounts_are_charged_to_the_caller(throttled):
    arn = throttled.create()
    policy = '{"Statement": {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}}'
    throttled.call("PutResourcePolicy", SecretId=arn, ResourcePolicy=policy)
    stranger = throttled.elsewhere(account_id=OTHER_ACCOUNT)
    stranger.clock.advance_seconds(60)
    assert burst(stranger, "ListSecretVersionIds", SecretId=arn) == 50
    assert burst(throttled, "ListSecretVersionIds", SecretId=arn) == 50
