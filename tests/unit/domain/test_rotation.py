from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from strongroom.domain import rotation, staging
from strongroom.domain.schedule import RotationRules, parse_schedule
from strongroom.domain.staging import CURRENT, PENDING, PREVIOUS
from strongroom.errors import AccessDeniedException, InvalidParameterException, InvalidRequestException

ACCOUNT, REGION = "123456789012", "eu-central-1"
FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:rotate"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/rotate"


def test_a_missing_token_is_refused_with_the_class_of_this_operation() -> None:
    assert rotation.require_token("token") == "token"
    with pytest.raises(InvalidParameterException) as caught:
        rotation.require_token(None)
    assert caught.value.message == "You must provide a ClientRequestToken value. We recommend a UUID-type value."


@pytest.mark.parametrize(
    ("arn", "region"),
    [
        (FUNCTION, REGION),
        (f"{FUNCTION}:live", REGION),
        (f"{FUNCTION}:7", REGION),
        (f"{FUNCTION}:$LATEST", REGION),
        (f"arn:aws:lambda:{REGION}:999999999999:function:of-another_Account", REGION),
        (f"arn:aws-cn:lambda:cn-north-1:{ACCOUNT}:function:rotate", "cn-north-1"),
        (f"arn:aws-us-gov:lambda:us-gov-west-1:{ACCOUNT}:function:rotate", "us-gov-west-1"),
    ],
)
def test_functions_of_the_region_are_accepted(arn: str, region: str) -> None:
    assert rotation.require_lambda_arn(arn, account_id=ACCOUNT, region=region) == arn


@pytest.mark.parametrize(
    "arn",
    [
        "rotate",
        "",
        f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:rotate",
        f"arn:aws-cn:lambda:{REGION}:{ACCOUNT}:function:rotate",
        f"arn:aws:lambda:{REGION}:12345678901:function:rotate",
        f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:",
        f"arn:aws:lambda:{REGION}:{ACCOUNT}:layer:rotate",
        f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:rotate:live:more",
        f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:rotate\n",
        f"arn:aws:iam::{ACCOUNT}:role/rotate",
    ],
)
def test_what_is_no_function_of_the_region_is_refused(arn: str) -> None:
    with pytest.raises(InvalidParameterException) as caught:
        rotation.require_lambda_arn(arn, account_id=ACCOUNT, region=REGION)
    assert caught.value.message == (
        "Invalid rotation Lambda ARN. Ensure the ARN matches format "
        "arn:aws:lambda:eu-central-1:123456789012:function:<functionName>."
    )


def test_the_function_requested_goes_before_the_one_stored() -> None:
    assert rotation.require_function("new", "old", is_external=False) == "new"
    assert rotation.require_function(None, "old", is_external=False) == "old"
    assert rotation.require_function("", "old", is_external=False) == "old"


@pytest.mark.parametrize("nothing", [None, ""])
def test_a_secret_without_a_function_is_not_rotated(nothing: str | None) -> None:
    with pytest.raises(InvalidRequestException) as caught:
        rotation.require_function(nothing, None, is_external=False)
    assert caught.value.message == "No Lambda rotation function ARN is associated with this secret."


def test_an_external_secret_needs_no_function_and_calls_none() -> None:
    assert rotation.require_function(None, None, is_external=True) is None
    assert rotation.require_function(None, "left over", is_external=True) is None


def test_a_function_that_cannot_be_invoked() -> None:
    error = rotation.not_invokable()
    assert isinstance(error, AccessDeniedException)
    assert error.message == (
        "Secrets Manager cannot invoke the specified Lambda function. Ensure that the function policy grants access "
        "to the principal secretsmanager.amazonaws.com."
    )


def test_only_a_type_that_says_something_makes_a_secret_external() -> None:
    assert rotation.is_external("SalesforceClientSecret")
    assert not rotation.is_external(None)
    assert not rotation.is_external("")


@pytest.mark.parametrize(
    ("secret_type", "function_arn", "role_arn", "has_metadata", "refused"),
    [
        (None, FUNCTION, None, False, None),
        (None, None, None, False, None),
        (None, FUNCTION, ROLE, False, "for a secret without a Type"),
        ("", FUNCTION, None, True, "for a secret without a Type"),
        ("JenkinsApiToken", None, ROLE, True, None),
        ("JenkinsApiToken", None, None, False, None),
        ("JenkinsApiToken", "", ROLE, True, None),
        ("JenkinsApiToken", FUNCTION, ROLE, True, "RotationLambdaARN for a managed external secret"),
    ],
)
def test_members_that_mean_nothing_to_the_kind_of_secret_are_refused(
    secret_type, function_arn, role_arn, has_metadata, refused
) -> None:
    def check() -> None:
        rotation.require_fitting_members(
            secret_type, function_arn=function_arn, role_arn=role_arn, has_metadata=has_metadata
        )

    if refused is None:
        check()
    else:
        with pytest.raises(InvalidParameterException, match=refused):
            check()


def test_an_external_secret_needs_a_role_once() -> None:
    assert rotation.require_role(ROLE, "old") == ROLE
    assert rotation.require_role(None, "old") == "old"
    with pytest.raises(InvalidRequestException, match="rotation role"):
        rotation.require_role(None, None)


def test_a_type_without_a_rotator_says_which() -> None:
    error = rotation.unsupported_type("PaddleApiKey")
    assert isinstance(error, InvalidRequestException)
    assert "PaddleApiKey" in str(error)


@pytest.mark.parametrize(
    ("stages", "unresolved"),
    [
        ({}, None),
        ({CURRENT: "v1"}, None),
        ({CURRENT: "v1", PREVIOUS: "v0"}, None),
        ({CURRENT: "v1", PENDING: "v1"}, None),  # one of the two forms of a finished rotation
        ({CURRENT: "v1", PENDING: "v2"}, "v2"),
        ({CURRENT: "v2", PREVIOUS: "v1", PENDING: "v1"}, "v1"),
        ({PENDING: "v2"}, "v2"),  # of a secret that has no value yet
    ],
)
def test_a_rotation_is_unresolved_while_pending_is_not_on_the_current_version(
    stages: dict[str, str], unresolved: str | None
) -> None:
    assert rotation.unresolved_version(stages) == unresolved
    if unresolved is None:
        rotation.require_no_rotation_in_progress(stages, "token")
    else:
        rotation.require_no_rotation_in_progress(stages, unresolved)
        with pytest.raises(InvalidRequestException) as caught:
            rotation.require_no_rotation_in_progress(stages, "token")
        assert caught.value.message == "A previous rotation isn't complete. That rotation will be reattempted."


def test_a_rotation_is_complete_once_its_version_is_current() -> None:
    stages = staging.attach({CURRENT: "v1"}, "v2", [PENDING])
    assert not rotation.is_complete(stages, "v2")
    finished = staging.move(stages, CURRENT, to_version="v2", from_version="v1")
    assert rotation.is_complete(finished, "v2")
    assert rotation.unresolved_version(finished) is None
    assert rotation.abandoned_version(stages, finished) is None


def test_a_write_by_hand_abandons_the_rotation() -> None:
    stages = {CURRENT: "v1", PENDING: "v2"}
    assert rotation.abandoned_version(stages, staging.stage_new_version(stages, "v3", None)) == "v2"


def test_removing_or_moving_pending_abandons_the_rotation() -> None:
    stages = {CURRENT: "v1", PENDING: "v2"}
    removed = staging.move(stages, PENDING, to_version=None, from_version="v2")
    moved = staging.move(stages, PENDING, to_version="v3", from_version="v2")
    assert rotation.abandoned_version(stages, removed) == "v2"
    assert rotation.abandoned_version(stages, moved) == "v2"


def test_other_changes_of_labels_abandon_nothing() -> None:
    stages = {CURRENT: "v1", PENDING: "v2"}
    assert rotation.abandoned_version(stages, staging.attach(stages, "v1", ["blue"])) is None
    assert rotation.abandoned_version(stages, staging.attach(stages, "v2", [PENDING])) is None
    assert rotation.abandoned_version({CURRENT: "v1"}, {CURRENT: "v2", PREVIOUS: "v1"}) is None


def test_only_what_was_configured_once_can_be_cancelled() -> None:
    rotation.require_configured(enabled=True)
    rotation.require_configured(enabled=False)
    with pytest.raises(InvalidRequestException, match="never configured for rotation"):
        rotation.require_configured(enabled=None)


@pytest.mark.parametrize(
    ("rules", "after", "days"),
    [
        (RotationRules(automatically_after_days=30), "2026-01-22T06:42", 30),
        (RotationRules(schedule_expression="rate(1 days)"), "2022-08-24T13:17", 1),
        (RotationRules(schedule_expression="rate(10 hours)"), "2026-01-22T06:42", 1),
        (RotationRules(schedule_expression="rate(10 hours)"), "2026-01-22T16:42", 1),
        (RotationRules(schedule_expression="cron(0 /4 * * ? *)"), "2026-01-22T06:42", 1),
        (RotationRules(schedule_expression="cron(0 0 ? * 2 *)"), "2023-10-16T07:18", 7),
        (RotationRules(schedule_expression="cron(0 0 ? * 2 *)"), "2026-09-07T18:14", 7),
        (RotationRules(None, "2h", "cron(0 16 1,15 * ? *)"), "2022-10-01T16:20", 14),
        (RotationRules(None, "2h", "cron(0 16 1,15 * ? *)"), "2022-10-15T16:20", 17),
    ],
)
def test_the_days_between_rotations_are_counted_also_for_expressions(
    rules: RotationRules, after: str, days: int
) -> None:
    schedule = parse_schedule(rules)
    assert schedule is not None
    instant = datetime.fromisoformat(after).replace(tzinfo=UTC)
    assert rotation.effective_automatically_after_days(schedule, instant) == days
    elsewhere = instant.astimezone(timezone(timedelta(hours=-9)))
    assert rotation.effective_automatically_after_days(schedule, elsewhere) == days
