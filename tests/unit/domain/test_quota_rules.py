from __future__ import annotations

import math

import pytest

from strongroom.domain.quotas import (
    AWS,
    AWS_RATES,
    Bucket,
    Quotas,
    draw,
    require_room_for_secret,
    require_room_for_version,
)
from strongroom.errors import LimitExceededException, ThrottlingException

START = 1_893_553_445.678


def drawn(bucket: Bucket | None, rate: float, now: float) -> tuple[int, Bucket]:
    """Draw at one instant until the bucket is empty; return how often that went well, and the bucket."""
    for count in range(100_000):
        try:
            bucket = draw(bucket, rate, now)
        except ThrottlingException as error:
            assert error.message == "Rate exceeded"  # noqa: PT017
            assert bucket is not None
            return count, bucket
    raise AssertionError("the bucket has no bottom")


def test_the_numbers_are_the_published_ones() -> None:
    assert AWS.numbers == (500_000, 120, 20, 50)
    published = {
        "GetSecretValue": 10_000,
        "DescribeSecret": 40_000,
        "BatchGetSecretValue": 100,
        "ListSecrets": 100,
    }
    assert {name: rate for name, (_, rate) in AWS_RATES.items()} == dict.fromkeys(AWS_RATES, 50) | published


def test_operations_that_share_a_rate_are_the_published_groups() -> None:
    groups: dict[str, set[str]] = {}
    for name, (group, _) in AWS_RATES.items():
        groups.setdefault(group, set()).add(name)
    assert {group: names for group, names in groups.items() if len(names) > 1} == {
        "writes": {
            "PutSecretValue",
            "UpdateSecret",
            "UpdateSecretVersionStage",
            "ReplicateSecretToRegions",
            "RemoveRegionsFromReplication",
            "StopReplicationToReplica",
        },
        "policies": {
            "PutResourcePolicy",
            "GetResourcePolicy",
            "DeleteResourcePolicy",
            "ValidateResourcePolicy",
            "ListResourcePolicies",
        },
        "rotation": {"RotateSecret", "CancelRotateSecret"},
        "tags": {"TagResource", "UntagResource"},
        "cross-account": {"AssociateCrossAccountReplica", "DisassociateCrossAccountReplica"},
    }
    assert all(len({AWS_RATES[name] for name in names}) == 1 for names in groups.values())


@pytest.mark.parametrize("rate", [1, 50, 10_000])
def test_a_full_bucket_holds_a_seconds_worth(rate: int) -> None:
    count, bucket = drawn(None, rate, START)
    assert (count, bucket) == (rate, Bucket(0.0, START))


@pytest.mark.parametrize(("seconds", "refilled"), [(0.0, 0), (0.01, 0), (0.025, 1), (0.5, 25), (1.0, 50), (3_600, 50)])
def test_time_refills_up_to_a_seconds_worth(seconds: float, refilled: int) -> None:
    _, empty = drawn(None, 50, START)
    assert drawn(empty, 50, START + seconds)[0] == refilled


def test_a_refused_draw_costs_nothing() -> None:
    _, empty = drawn(None, 50, START)
    for _ in range(100):
        with pytest.raises(ThrottlingException):
            draw(empty, 50, START + 0.01)
    assert draw(empty, 50, START + 0.025).tokens < 1


def test_a_steady_caller_at_the_rate_is_never_refused() -> None:
    bucket = None
    for number in range(1_000):
        bucket = draw(bucket, 50, number / 50)


def test_a_clock_that_goes_back_neither_refills_nor_takes_away() -> None:
    bucket = draw(None, 50, START)
    bucket = draw(bucket, 50, START - 3_600)
    assert math.isclose(bucket.tokens, 48.0)


@pytest.mark.parametrize(("count", "fits"), [(0, True), (2, True), (3, False), (4, False)])
def test_there_is_room_below_the_quota_only(count: int, fits: bool) -> None:  # noqa: FBT001 - an expectation
    quotas = Quotas(secrets=3, versions_per_secret=3)
    for require, text in (
        (require_room_for_secret, "You can't have more than 3 secrets in this Region."),
        (require_room_for_version, "You can't have more than 3 versions of a secret. "),
    ):
        if fits:
            require(count, quotas)
            continue
        with pytest.raises(LimitExceededException) as refused:
            require(count, quotas)
        assert str(refused.value.message).startswith(text)
