from __future__ import annotations

import pickle
from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from strongroom.domain import idempotency, kms_key, secret_value, timestamps, versions
from strongroom.domain.kms_key import KeyManager, KeyState, KmsKey
from strongroom.domain.secret import SealedValue, Version, touched
from strongroom.domain.secret_value import SecretValue, ValueKind
from strongroom.errors import (
    InvalidParameterException,
    InvalidRequestException,
    ResourceExistsException,
    ResourceNotFoundException,
    ValidationException,
)
from support.clock import NOW
from support.factories import make_secret

SEALED = SealedValue(ValueKind.STRING, "arn", 1, b"key", b"text")
ACCOUNT, REGION = "123456789012", "eu-central-1"


def test_a_secret_value_gives_itself_away_to_nobody() -> None:
    value = SecretValue.from_text("hunter2")
    assert "hunter2" not in f"{value} {value!r}"
    with pytest.raises(TypeError):
        pickle.dumps(value)
    with pytest.raises(TypeError):
        hash(value)


def test_text_and_binary_of_the_same_bytes_differ() -> None:
    assert SecretValue.from_text("a") == SecretValue.from_text("a")
    assert SecretValue.from_text("a") != SecretValue.from_bytes(b"a")


def test_both_values_at_once_are_refused() -> None:
    with pytest.raises(InvalidParameterException) as caught:
        secret_value.choose("a", b"a")
    assert caught.value.message == (
        "You can't specify both a binary secret value and a string secret value in the same secret."
    )


def test_text_is_measured_in_bytes_of_utf8() -> None:
    secret_value.require_size("ä" * 32_768)
    with pytest.raises(ValidationException, match="less than or equal to 65536"):
        secret_value.require_size("ä" * 32_768 + "x")


def test_a_put_without_a_value_is_refused() -> None:
    with pytest.raises(InvalidRequestException) as caught:
        secret_value.require(secret_value.choose(None, None))
    assert caught.value.message == "You must provide either SecretString or SecretBinary."


def test_a_missing_token_is_refused() -> None:
    with pytest.raises(InvalidRequestException) as caught:
        idempotency.require_token(None)
    assert caught.value.message == "You must provide a ClientRequestToken value. We recommend a UUID-type value."


@pytest.mark.parametrize("stored", [None, SecretValue.from_text("b"), SecretValue.from_bytes(b"a")])
def test_a_token_in_use_for_another_value_is_refused(stored: SecretValue | None) -> None:
    with pytest.raises(ResourceExistsException) as caught:
        idempotency.require_replay("token", "arn", stored=stored, given=SecretValue.from_text("a"))
    assert caught.value.message == (
        "You can't use ClientRequestToken token because that value is already in use for a version of secret arn."
    )


STAGES = {"AWSCURRENT": "v1", "AWSPENDING": "v2"}


@pytest.mark.parametrize(
    ("version_id", "stage", "expected"),
    [(None, None, "v1"), (None, "AWSPENDING", "v2"), ("v9", None, "v9"), ("v9", "AWSCURRENT", "v9")],
)
def test_the_version_wanted_is_the_one_named_or_staged_or_current(
    version_id: str | None, stage: str | None, expected: str
) -> None:
    assert versions.wanted_version_id(STAGES, version_id, stage) == expected


def test_a_stage_on_no_version_is_not_found() -> None:
    with pytest.raises(ResourceNotFoundException) as caught:
        versions.wanted_version_id({}, None, None)
    assert caught.value.message == (
        "Secrets Manager can't find the specified secret value for staging label: AWSCURRENT"
    )


@pytest.mark.parametrize(
    ("version", "stage", "error", "message"),
    [
        (
            None,
            "AWSCURRENT",
            ResourceNotFoundException,
            "Secrets Manager can't find the specified secret value for VersionId: v1",
        ),
        (
            Version("v1", NOW, deleted_at=NOW),
            None,
            InvalidRequestException,
            "You can't perform this operation on secret version v1 because it was deleted.",
        ),
        (
            Version("v1", NOW, SEALED),
            "AWSPENDING",
            InvalidRequestException,
            "You provided a VersionStage that is not associated to the provided VersionId.",
        ),
        (
            Version("v1", NOW),
            None,
            ResourceNotFoundException,
            "Secrets Manager can't find the specified secret value for VersionId: v1",
        ),
        (
            Version("v1", NOW),
            "AWSCURRENT",
            ResourceNotFoundException,
            "Secrets Manager can't find the specified secret value for staging label: AWSCURRENT",
        ),
    ],
)
def test_versions_that_cannot_be_read_say_why(
    version: Version | None, stage: str | None, error: type[Exception], message: str
) -> None:
    with pytest.raises(error) as caught:
        versions.require_readable(version, "v1", STAGES, stage)
    assert str(caught.value) == message


def test_last_changed_grows_even_when_the_clock_does_not() -> None:
    once = touched(make_secret(last_changed_at=NOW), NOW)
    assert timestamps.wire_time(once.last_changed_at) > timestamps.wire_time(NOW)


def test_instants_survive_the_database_and_lose_microseconds_on_the_wire() -> None:
    instant = datetime(2026, 3, 29, 0, 59, 59, 999_999, tzinfo=UTC)
    assert timestamps.from_micros(timestamps.to_micros(instant)) == instant
    assert timestamps.wire_time(instant) == 1_774_745_999.999


def test_a_day_is_the_utc_day_whatever_the_zone_of_the_instant() -> None:
    late = datetime(2026, 12, 31, 23, 30, tzinfo=timezone(timedelta(hours=-5)))
    assert timestamps.day_of(late) == date(2027, 1, 1)
    assert timestamps.wire_day(date(2027, 1, 1)) == 1_798_761_600.0
    assert timestamps.from_days(timestamps.to_days(date(1969, 12, 31))) == date(1969, 12, 31)


KEY = KmsKey(ACCOUNT, REGION, "1234abcd", KeyManager.CUSTOMER, KeyState.ENABLED, 1, NOW)


@pytest.mark.parametrize(
    ("text", "key_id", "alias"),
    [
        (None, None, "alias/aws/secretsmanager"),
        ("", None, "alias/aws/secretsmanager"),
        ("alias/mine", None, "alias/mine"),
        ("1234abcd-12ab-34cd-56ef-1234567890ab", "1234abcd-12ab-34cd-56ef-1234567890ab", None),
        (f"arn:aws:kms:{REGION}:{ACCOUNT}:key/abc", "abc", None),
        (f"arn:aws:kms:{REGION}:{ACCOUNT}:alias/mine", None, "alias/mine"),
    ],
)
def test_all_four_forms_of_a_key_are_understood(text: str | None, key_id: str | None, alias: str | None) -> None:
    reference = kms_key.parse_reference(text, account_id=ACCOUNT, region=REGION)
    assert (reference.key_id, reference.alias) == (key_id, alias)


def test_a_key_of_another_region_is_refused() -> None:
    with pytest.raises(InvalidParameterException) as caught:
        kms_key.parse_reference(f"arn:aws:kms:us-east-1:{ACCOUNT}:key/abc", account_id=ACCOUNT, region=REGION)
    assert caught.value.message == "The operation failed because of an invalid KMS key: Invalid arn us-east-1"


@pytest.mark.parametrize(
    ("state", "text"),
    [
        (KeyState.DISABLED, "is disabled. (Service: AWSKMS; Status Code: 400; Error Code: DisabledException)"),
        (
            KeyState.PENDING_DELETION,
            "is pending deletion. (Service: AWSKMS; Status Code: 400; Error Code: KMSInvalidStateException)",
        ),
    ],
)
def test_a_key_that_is_not_enabled_says_so(state: KeyState, text: str) -> None:
    key = KmsKey(ACCOUNT, REGION, "1234abcd", KeyManager.CUSTOMER, state, 1, NOW)
    reference = kms_key.parse_reference("1234abcd", account_id=ACCOUNT, region=REGION)
    assert str(kms_key.refusal(key, reference)) == f"{key.arn} {text}"
    assert kms_key.refusal(KEY, reference) is None
