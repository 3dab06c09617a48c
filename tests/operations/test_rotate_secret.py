"""RotateSecret and CancelRotateSecret (trap 30), up to the empty version that a rotation function is to fill."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from support.deployment import VALUE, Deployment, token
from support.refusals import (
    MARKED_FOR_DELETION,
    SECRET_NOT_FOUND,
    TOKEN_MISSING,
    Refusal,
    refusal,
    stage_not_found,
    version_not_found,
)
from support.rotators import FUNCTION, serve_functions

IPE, IRE = "InvalidParameterException", "InvalidRequestException"
OTHER_FUNCTION = FUNCTION.replace("rotate", "another")
NO_FUNCTION = (IRE, "No Lambda rotation function ARN is associated with this secret.")
NOT_INVOKABLE_TEXT = (
    "Secrets Manager cannot invoke the specified Lambda function. Ensure that the function policy grants access to "
    "the principal secretsmanager.amazonaws.com."
)
NOT_INVOKABLE = ("AccessDeniedException", NOT_INVOKABLE_TEXT)
IN_PROGRESS = (IRE, "A previous rotation isn't complete. That rotation will be reattempted.")
ROTATION_MEMBERS = {
    "RotationEnabled",
    "RotationLambdaARN",
    "RotationRules",
    "LastRotatedDate",
    "NextRotationDate",
    "ExternalSecretRotationMetadata",
    "ExternalSecretRotationRoleArn",
}
MONTHLY = {"AutomaticallyAfterDays": 30}


@pytest.fixture
def rotating(deployment):
    """A deployment that serves two rotation functions, with a secret app/db that has a value."""
    serve_functions(deployment, FUNCTION, OTHER_FUNCTION).create()
    return deployment


def rotate(deployment: Deployment, number: int = 2, **members: Any) -> dict[str, Any]:
    return deployment.call("RotateSecret", SecretId="app/db", ClientRequestToken=token(number), **members)


def rotate_refused(deployment: Deployment, number: int = 2, **members: Any) -> Refusal:
    return refusal(deployment, "RotateSecret", SecretId="app/db", ClientRequestToken=token(number), **members)


def configured(deployment: Deployment, **members: Any) -> Deployment:
    """Configure rotation, and start one under token 2 unless told otherwise."""
    rotate(deployment, **{"RotationLambdaARN": FUNCTION, "RotationRules": MONTHLY} | members)
    return deployment


def described(deployment: Deployment) -> dict[str, Any]:
    return deployment.call("DescribeSecret", SecretId="app/db")


def rotation_of(deployment: Deployment) -> dict[str, Any]:
    return {name: value for name, value in described(deployment).items() if name in ROTATION_MEMBERS}


def date_of(deployment: Deployment) -> str:
    """Return NextRotationDate, readable."""
    return f"{datetime.fromtimestamp(rotation_of(deployment)['NextRotationDate'], UTC):%Y-%m-%d %H:%M:%S}"


def finish(deployment: Deployment, number: int = 2, current: int = 1) -> None:
    """Do what a rotation function does: fill the pending version and make it current."""
    deployment.put("app/db", number, f"rotated {number}", "AWSPENDING")
    move = {"RemoveFromVersionId": token(current), "MoveToVersionId": token(number)}
    deployment.call("UpdateSecretVersionStage", SecretId="app/db", VersionStage="AWSCURRENT", **move)


# What a request needs


def test_a_missing_token_is_an_invalid_parameter_and_comes_before_everything(deployment):
    for secret_id in ("app/db", "absent"):
        assert refusal(deployment, "RotateSecret", SecretId=secret_id) == (IPE, TOKEN_MISSING[1])


def test_a_secret_without_a_function_is_not_rotated_and_stays_as_it_was(rotating):
    before = described(rotating)
    for members in ({}, {"RotationLambdaARN": ""}, {"RotationRules": MONTHLY}, {"RotateImmediately": False}):
        assert rotate_refused(rotating, **members) == NO_FUNCTION
    assert described(rotating) == before


def test_a_function_that_cannot_be_invoked_is_refused_and_nothing_is_stored(deployment):
    deployment.create()
    before = described(deployment)
    for members in ({}, {"RotateImmediately": False}):
        refused = rotate_refused(deployment, RotationLambdaARN=FUNCTION, RotationRules=MONTHLY, **members)
        assert refused == NOT_INVOKABLE
    assert described(deployment) == before
    assert before.keys().isdisjoint(ROTATION_MEMBERS)


def test_a_function_that_is_gone_is_refused_and_the_settings_stay(rotating):
    configured(rotating, RotateImmediately=False)
    before = rotation_of(rotating)
    serve_functions(rotating, OTHER_FUNCTION)
    assert rotate_refused(rotating, RotationRules={"AutomaticallyAfterDays": 1}) == NOT_INVOKABLE
    assert rotation_of(rotating) == before
    rotate(rotating, RotationLambdaARN=OTHER_FUNCTION)
    assert rotation_of(rotating)["RotationLambdaARN"] == OTHER_FUNCTION


@pytest.mark.parametrize(
    "arn", ["rotate", FUNCTION.replace("eu-central-1", "us-east-1"), FUNCTION.replace(":lambda:", ":sns:"), "x" * 2_048]
)
def test_what_is_no_function_of_the_region_is_refused(rotating, arn):
    text = (
        "Invalid rotation Lambda ARN. Ensure the ARN matches format "
        "arn:aws:lambda:eu-central-1:123456789012:function:<functionName>."
    )
    assert rotate_refused(rotating, RotationLambdaARN=arn) == (IPE, text)


def test_the_secret_must_exist_and_not_be_scheduled(rotating):
    members = {"ClientRequestToken": token(2), "RotationLambdaARN": FUNCTION}
    assert refusal(rotating, "RotateSecret", SecretId="absent", **members) == SECRET_NOT_FOUND
    assert refusal(rotating, "CancelRotateSecret", SecretId="absent") == SECRET_NOT_FOUND
    rotating.call("DeleteSecret", SecretId="app/db")
    assert rotate_refused(rotating, RotationLambdaARN=FUNCTION) == MARKED_FOR_DELETION
    assert refusal(rotating, "CancelRotateSecret", SecretId="app/db") == MARKED_FOR_DELETION


INVALID = "Invalid schedule expression."
IN_HOURS = "Rate in hour should be least 4 and less than 24."
IN_DAYS = "Rate in day should be greater than 0 and less than 1000."
DURATION = "Duration must be at least 1 hour, at most 24 hour."
LONGER = "Duration cannot be greater than Rate in hour."
WITHIN = "Starting hour and duration must be within a day."


@pytest.mark.parametrize(
    ("expression", "duration", "text"),
    [
        ("rate(30 minutes)", None, INVALID),
        ("rate(2 weeks)", None, INVALID),
        ("cron(0 8 * * *)", None, INVALID),
        ("cron(5 8 * * ? *)", None, INVALID),
        ("cron(0 8 * * ? 2030)", None, INVALID),
        ("cron(0 8 * * * *)", None, INVALID),
        ("cron(0 8 ? * ? *)", None, INVALID),
        ("cron(0 /3 * * ? *)", None, INVALID),
        ("cron(0 8 30 2 ? *)", None, INVALID),
        ("every day", None, INVALID),
        ("rate(3 hours)", None, IN_HOURS),
        ("rate(24 hours)", None, IN_HOURS),
        ("rate(0 days)", None, IN_DAYS),
        ("rate(1000 days)", None, IN_DAYS),
        ("rate(10 days)", "0h", DURATION),
        ("rate(10 days)", "25h", DURATION),
        (None, "25h", DURATION),
        ("rate(4 hours)", "5h", LONGER),
        ("cron(0 20 * * ? *)", "5h", WITHIN),
    ],
)
def test_a_schedule_that_cannot_be_is_refused_and_nothing_is_stored(rotating, expression, duration, text):
    rules = {"ScheduleExpression": expression, "Duration": duration}
    rules = {name: value for name, value in rules.items() if value is not None}
    assert rotate_refused(rotating, RotationLambdaARN=FUNCTION, RotationRules=rules) == (IPE, text)
    assert rotation_of(rotating) == {}
    assert rotating.stages("app/db") == {token(1): {"AWSCURRENT"}}


@pytest.mark.parametrize("days", [1, 30])
def test_the_two_kinds_of_rules_exclude_each_other(rotating, days):
    both = {"AutomaticallyAfterDays": days, "ScheduleExpression": "rate(10 days)"}
    assert rotate_refused(rotating, RotationLambdaARN=FUNCTION, RotationRules=both) == (
        IPE,
        "You cannot specify both rotation frequency and schedule expression together.",
    )


@pytest.mark.parametrize(
    "rules",
    [
        {"AutomaticallyAfterDays": 0},
        {"AutomaticallyAfterDays": 1_001},
        {"Duration": "h"},
        {"Duration": "100h"},
        {"Duration": "2d"},
        {"ScheduleExpression": ""},
        {"ScheduleExpression": "rate(10 days)!"},
        {"ScheduleExpression": "x" * 257},
    ],
)
def test_rules_beyond_the_models_limits_are_refused_at_the_front(rotating, rules):
    code, text = rotate_refused(rotating, RotationLambdaARN=FUNCTION, RotationRules=rules)
    assert code == "ValidationException"
    assert "failed to satisfy constraint" in str(text)


# A rotation that has begun


def test_a_rotation_answers_with_its_token_as_version(rotating):
    arn = described(rotating)["ARN"]
    assert rotate(rotating, RotationLambdaARN=FUNCTION) == {"ARN": arn, "Name": "app/db", "VersionId": token(2)}


@pytest.mark.parametrize("members", [{}, {"RotateImmediately": True}])
def test_its_version_is_pending_at_once_and_has_no_value(rotating, members):
    configured(rotating, **members)
    assert rotating.stages("app/db") == {token(1): {"AWSCURRENT"}, token(2): {"AWSPENDING"}}
    listed = rotating.call("ListSecretVersionIds", SecretId="app/db")["Versions"]
    assert [entry["VersionId"] for entry in listed] == [token(1), token(2)]
    by_id, by_stage = {"VersionId": token(2)}, {"VersionStage": "AWSPENDING"}
    assert refusal(rotating, "GetSecretValue", SecretId="app/db", **by_id) == version_not_found(token(2))
    for which in (by_stage, by_id | by_stage):
        assert refusal(rotating, "GetSecretValue", SecretId="app/db", **which) == stage_not_found("AWSPENDING")
    assert rotating.call("GetSecretValue", SecretId="app/db")["SecretString"] == VALUE


def test_the_same_token_again_is_harmless(rotating):
    configured(rotating)
    answer = rotate(rotating)
    assert answer["VersionId"] == token(2)
    assert rotating.stages("app/db") == {token(1): {"AWSCURRENT"}, token(2): {"AWSPENDING"}}
    finish(rotating)
    before = rotating.stages("app/db")
    assert rotate(rotating)["VersionId"] == token(2)
    assert rotating.stages("app/db") == before


def test_another_rotation_waits_until_this_one_is_complete(rotating):
    configured(rotating)
    rules = rotation_of(rotating)
    assert rotate_refused(rotating, 3, RotationRules={"AutomaticallyAfterDays": 1}) == IN_PROGRESS
    assert rotation_of(rotating) == rules
    rotating.put("app/db", 2, "filled", "AWSPENDING")
    assert rotate_refused(rotating, 3) == IN_PROGRESS


def test_it_is_complete_when_its_version_is_current_though_still_pending(rotating):
    configured(rotating)
    finish(rotating)
    assert rotating.stages("app/db") == {token(1): {"AWSPREVIOUS"}, token(2): {"AWSCURRENT", "AWSPENDING"}}
    assert rotating.call("GetSecretValue", SecretId="app/db")["SecretString"] == "rotated 2"
    rotate(rotating, 3)
    assert rotating.stages("app/db") == {
        token(1): {"AWSPREVIOUS"},
        token(2): {"AWSCURRENT"},
        token(3): {"AWSPENDING"},
    }


def test_removing_awspending_gives_up_a_rotation_and_another_may_start(rotating):
    configured(rotating)
    rotating.call(
        "UpdateSecretVersionStage", SecretId="app/db", VersionStage="AWSPENDING", RemoveFromVersionId=token(2)
    )
    assert rotate(rotating, 3)["VersionId"] == token(3)


def test_the_placeholder_is_filled_once_by_the_put_that_carries_its_token(rotating):
    configured(rotating)
    put = rotating.put("app/db", 2, "filled", "AWSPENDING")
    assert (put["VersionId"], put["VersionStages"]) == (token(2), ["AWSPENDING"])
    read = rotating.call("GetSecretValue", SecretId="app/db", VersionStage="AWSPENDING", VersionId=token(2))
    assert read["SecretString"] == "filled"
    members = {"SecretId": "app/db", "ClientRequestToken": token(2), "SecretString": "other"}
    assert refusal(rotating, "PutSecretValue", **members)[0] == "ResourceExistsException"


def test_a_secret_without_a_value_may_begin_to_rotate(rotating):
    rotating.create("empty", None)
    members = {"SecretId": "empty", "ClientRequestToken": token(2), "RotationLambdaARN": FUNCTION}
    assert rotating.call("RotateSecret", **members)["VersionId"] == token(2)
    assert rotating.stages("empty") == {token(2): {"AWSPENDING"}}


def test_without_rotating_at_once_no_version_is_made(rotating):
    answer = rotate(rotating, RotationLambdaARN=FUNCTION, RotationRules=MONTHLY, RotateImmediately=False)
    assert answer["VersionId"] == token(2)
    assert rotating.stages("app/db") == {token(1): {"AWSCURRENT"}}
    assert rotation_of(rotating)["RotationEnabled"] is True


# What is abandoned


def events(deployment: Deployment) -> list[str]:
    return [record["eventName"] for record in deployment.trail() if record["eventType"] != "AwsApiCall"]


def test_a_plain_write_abandons_the_rotation_and_says_so_on_the_trail(rotating):
    configured(rotating)
    rotating.put("app/db", 3)
    assert rotating.stages("app/db") == {token(1): {"AWSPREVIOUS"}, token(3): {"AWSCURRENT"}}
    assert events(rotating) == ["RotationAbandoned"]
    assert rotate(rotating, 4)["VersionId"] == token(4)


@pytest.mark.parametrize("members", [{"Description": "d"}, {"KmsKeyId": "alias/aws/secretsmanager"}])
def test_a_change_without_a_value_abandons_nothing(rotating, members):
    configured(rotating)
    rotating.call("UpdateSecret", SecretId="app/db", **members)
    rotating.put("app/db", 3, None, "blue")
    finish(rotating)
    assert events(rotating) == []


def test_a_plain_update_abandons_it_too(rotating):
    configured(rotating)
    rotating.call("UpdateSecret", SecretId="app/db", SecretString="x", ClientRequestToken=token(3))
    assert events(rotating) == ["RotationAbandoned"]
    assert "AWSPENDING" not in str(rotating.stages("app/db"))


# What is stored and shown


def test_nothing_of_rotation_is_shown_before_it_was_configured(rotating):
    assert rotation_of(rotating) == {}


@pytest.mark.parametrize(
    "rules",
    [
        MONTHLY,
        {"AutomaticallyAfterDays": 1, "Duration": "3h"},
        {"ScheduleExpression": "rate(10 hours)"},
        {"ScheduleExpression": "cron(0 8 ? * SUN#1 *)", "Duration": "2h"},
    ],
)
def test_settings_are_described_and_listed_as_they_were_given(rotating, rules):
    configured(rotating, RotationRules=rules)
    shown = rotation_of(rotating)
    next_date = shown.pop("NextRotationDate")
    assert shown == {"RotationEnabled": True, "RotationLambdaARN": FUNCTION, "RotationRules": rules}
    (listed,) = rotating.call("ListSecrets")["SecretList"]
    assert {name: listed[name] for name in listed.keys() & ROTATION_MEMBERS} == shown | {"NextRotationDate": next_date}


def test_settings_are_kept_for_later_calls_until_they_are_replaced(rotating):
    configured(rotating)
    finish(rotating)
    rotate(rotating, 3)
    kept = {"RotationEnabled": True, "RotationLambdaARN": FUNCTION, "RotationRules": MONTHLY}
    assert rotation_of(rotating).items() >= kept.items()
    finish(rotating, 3, current=2)
    weekly = {"ScheduleExpression": "rate(7 days)"}
    rotate(rotating, 4, RotationLambdaARN=OTHER_FUNCTION, RotationRules=weekly)
    changed = {"RotationLambdaARN": OTHER_FUNCTION, "RotationRules": weekly}
    assert rotation_of(rotating).items() >= changed.items()


def test_without_rules_there_is_no_next_rotation(rotating):
    rotate(rotating, RotationLambdaARN=FUNCTION)
    assert rotation_of(rotating) == {"RotationEnabled": True, "RotationLambdaARN": FUNCTION}


@pytest.mark.parametrize(
    ("rules", "date"),
    [  # the clock of the tests begins on Wednesday, 2030-01-02 03:04:05
        (MONTHLY, "2030-02-01 23:59:59"),
        ({"AutomaticallyAfterDays": 1, "Duration": "3h"}, "2030-01-03 02:59:59"),
        ({"ScheduleExpression": "rate(10 hours)"}, "2030-01-02 13:59:59"),
        ({"ScheduleExpression": "cron(0 8 ? * SUN *)", "Duration": "2h"}, "2030-01-06 09:59:59"),
    ],
)
def test_the_next_rotation_date_is_the_end_of_the_next_window(rotating, rules, date):
    configured(rotating, RotationRules=rules)
    assert date_of(rotating) == date


def test_a_write_that_becomes_current_counts_as_a_rotation_for_the_schedule(rotating):
    configured(rotating)
    rotating.clock.advance(timedelta(days=5))
    rotating.put("app/db", 3, None, "blue")
    assert date_of(rotating) == "2030-02-01 23:59:59"
    rotating.put("app/db", 4)
    assert date_of(rotating) == "2030-02-06 23:59:59"
    rotating.clock.advance(timedelta(days=1))
    rotating.call("UpdateSecret", SecretId="app/db", Description="d")
    assert date_of(rotating) == "2030-02-06 23:59:59"
    rotating.call("UpdateSecret", SecretId="app/db", SecretString="x", ClientRequestToken=token(5))
    assert date_of(rotating) == "2030-02-07 23:59:59"


def test_a_repeated_write_counts_once(rotating):
    configured(rotating)
    rotating.put("app/db", 3)
    before = date_of(rotating)
    rotating.clock.advance(timedelta(days=5))
    rotating.put("app/db", 3)
    rotating.call("UpdateSecret", SecretId="app/db", SecretString="value 3", ClientRequestToken=token(3))
    assert date_of(rotating) == before


# Cancelling


def test_cancelling_keeps_function_and_rules_and_drops_the_dates(rotating):
    configured(rotating, RotateImmediately=False)
    arn = described(rotating)["ARN"]
    assert rotating.call("CancelRotateSecret", SecretId="app/db") == {"ARN": arn, "Name": "app/db"}
    assert rotation_of(rotating) == {"RotationEnabled": False, "RotationLambdaARN": FUNCTION, "RotationRules": MONTHLY}


def test_cancelling_answers_with_the_half_made_version_and_leaves_its_label(rotating):
    configured(rotating)
    for _ in range(2):
        assert rotating.call("CancelRotateSecret", SecretId="app/db")["VersionId"] == token(2)
    assert rotating.stages("app/db") == {token(1): {"AWSCURRENT"}, token(2): {"AWSPENDING"}}
    assert rotate_refused(rotating, 3) == IN_PROGRESS
    assert rotation_of(rotating)["RotationEnabled"] is False


def test_a_finished_rotation_is_not_half_made(rotating):
    configured(rotating)
    finish(rotating)
    assert "VersionId" not in rotating.call("CancelRotateSecret", SecretId="app/db")


def test_a_write_after_cancelling_brings_no_date_back(rotating):
    configured(rotating, RotateImmediately=False)
    rotating.call("CancelRotateSecret", SecretId="app/db")
    rotating.put("app/db", 3)
    assert rotation_of(rotating).keys() == {"RotationEnabled", "RotationLambdaARN", "RotationRules"}


def test_rotating_again_enables_what_was_cancelled(rotating):
    configured(rotating, RotateImmediately=False)
    rotating.call("CancelRotateSecret", SecretId="app/db")
    rotate(rotating, 3)
    shown = rotation_of(rotating)
    assert (shown["RotationEnabled"], shown["RotationRules"]) == (True, MONTHLY)
    assert "NextRotationDate" in shown


def test_what_was_never_configured_cannot_be_cancelled(rotating):
    before = described(rotating)
    assert refusal(rotating, "CancelRotateSecret", SecretId="app/db") == (
        IRE,
        "You can't cancel rotation for a secret that was never configured for rotation.",
    )
    assert described(rotating) == before


# Managed external secrets


ROLE = "arn:aws:iam::123456789012:role/rotation"
METADATA = [{"Key": "adminSecretArn", "Value": "x"}, {"Key": "b", "Value": "é"}]


@pytest.fixture
def external(deployment):
    """A managed external secret under the name app/db."""
    deployment.create(Type="SalesforceClientSecret")
    return deployment


def test_an_external_secret_rotates_by_role_without_a_function_and_echoes_what_it_was_given(external):
    given = {"ExternalSecretRotationRoleArn": ROLE, "ExternalSecretRotationMetadata": METADATA}
    assert rotate(external, RotationRules=MONTHLY, **given)["VersionId"] == token(2)
    shown = rotation_of(external)
    del shown["NextRotationDate"]
    assert shown == given | {"RotationEnabled": True, "RotationRules": MONTHLY}
    (listed,) = external.call("ListSecrets")["SecretList"]
    assert listed.items() >= given.items()


def test_role_and_metadata_are_kept_for_later_calls(external):
    given = {"ExternalSecretRotationRoleArn": ROLE, "ExternalSecretRotationMetadata": METADATA}
    rotate(external, RotateImmediately=False, **given)
    rotate(external, 3, RotateImmediately=False)
    assert rotation_of(external).items() >= given.items()
    rotate(external, 4, RotateImmediately=False, ExternalSecretRotationMetadata=[])
    assert "ExternalSecretRotationMetadata" not in rotation_of(external)


def test_an_external_secret_needs_a_role_and_takes_no_function(external):
    assert rotate_refused(external) == (IRE, "No rotation role ARN is associated with this managed external secret.")
    function = {"RotationLambdaARN": FUNCTION, "ExternalSecretRotationRoleArn": ROLE}
    assert rotate_refused(external, **function) == (
        IPE,
        "You can't specify RotationLambdaARN for a managed external secret, because it rotates without one.",
    )
    assert rotation_of(external) == {}


@pytest.mark.parametrize(
    "members", [{"ExternalSecretRotationRoleArn": ROLE}, {"ExternalSecretRotationMetadata": METADATA}]
)
def test_other_secrets_take_neither_role_nor_metadata(rotating, members):
    code, _ = rotate_refused(rotating, RotationLambdaARN=FUNCTION, **members)
    assert code == IPE
    assert rotation_of(rotating) == {}
