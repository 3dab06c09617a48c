from __future__ import annotations

import pytest

from strongroom.domain import identifiers
from strongroom.domain.identifiers import SecretReference
from strongroom.errors import ResourceNotFoundException, ValidationException

ACCOUNT, REGION = "123456789012", "eu-central-1"
PREFIX = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:"
INVALID_NAME = (
    "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!"
)


def parse(secret_id: str) -> SecretReference:
    return identifiers.parse_secret_id(secret_id, account_id=ACCOUNT, region=REGION)


@pytest.mark.parametrize("name", ["a", "/a/b", "Valid/_+=.@-Name", "rds!db-1", "a" * 512, "0", "-"])
def test_valid_names_pass_unchanged(name: str) -> None:
    assert identifiers.require_valid_name(name) == name


@pytest.mark.parametrize("name", ["", " ", "a b", "a*", "a?", "a]", "a\\b", "a:b", "a#b", "ä", "a\n", "a\0"])
def test_names_reject_other_characters(name: str) -> None:
    with pytest.raises(ValidationException) as caught:
        identifiers.require_valid_name(name)
    assert caught.value.message == INVALID_NAME


def test_a_bare_name_stays_in_the_callers_account_and_region() -> None:
    assert parse("app/db") == SecretReference(ACCOUNT, REGION, "app/db")


def test_a_name_that_looks_complete_is_still_a_name() -> None:
    assert parse("app-a1b2c3") == SecretReference(ACCOUNT, REGION, "app-a1b2c3")


@pytest.mark.parametrize("name", ["app", "Valid/_+=.@-Name", "app-a1b2", "app-a1b2c3-"])
def test_an_arn_without_suffix_names_by_name(name: str) -> None:
    assert parse(PREFIX + name) == SecretReference(ACCOUNT, REGION, name)


def test_an_arn_with_suffix_names_exactly() -> None:
    arn = PREFIX + "app/db-A1b2C3"
    assert parse(arn) == SecretReference(ACCOUNT, REGION, "app/db", arn)


def test_a_partial_arn_of_a_name_with_a_six_character_tail_is_taken_as_complete() -> None:
    assert parse(PREFIX + "app-a1b2c3").arn == PREFIX + "app-a1b2c3"


def test_an_arn_keeps_its_own_account_and_region() -> None:
    arn = "arn:aws-cn:secretsmanager:cn-north-1:999999999999:secret:x-A1b2C3"
    assert parse(arn) == SecretReference("999999999999", "cn-north-1", "x", arn)


@pytest.mark.parametrize(
    "secret_id",
    [
        "arn:aws:s3:::bucket",
        "arn:aws:kms:eu-central-1:123456789012:key/1",
        "arn:aws:secretsmanager:eu-central-1:123456789012:secret",
        "arn:aws:secretsmanager:eu-central-1:123456789012:other:x-A1b2C3",
        "arn:aws-cn:secretsmanager:eu-central-1:123456789012:secret:x-A1b2C3",
        PREFIX,
        PREFIX + "a:b",
    ],
)
def test_arns_of_anything_else_name_nothing(secret_id: str) -> None:
    with pytest.raises(ResourceNotFoundException):
        parse(secret_id)


@pytest.mark.parametrize("secret_id", [PREFIX + "a b", "arn:aws:s3:::bad name", PREFIX + "a*", "app#key", "ar:x"])
def test_what_neither_name_nor_arn_may_hold_is_refused(secret_id: str) -> None:
    with pytest.raises(ValidationException):
        parse(secret_id)


@pytest.mark.parametrize(
    ("region", "partition"), [("eu-central-1", "aws"), ("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")]
)
def test_the_partition_follows_the_region(region: str, partition: str) -> None:
    assert identifiers.render_arn(region, ACCOUNT, "x").startswith(f"arn:{partition}:secretsmanager:{region}:")
