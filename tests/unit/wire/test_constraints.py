"""AWS's sentence about violated limits, to the letter."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Annotated, Any

import pytest

from strongroom.errors import ValidationException
from strongroom.operations import OPERATIONS
from strongroom.operations.base import REQUIRED, Request, Shape, limits
from strongroom.wire import awsjson, constraints

TOKEN = "00000001-0000-4000-8000-000000000000"
ONE = "1 validation error detected: "
VALID = {
    "CreateSecret": {"Name": "db"},
    "PutSecretValue": {"SecretId": "db", "ClientRequestToken": TOKEN},
    "TagResource": {"SecretId": "db", "Tags": []},
    "UntagResource": {"SecretId": "db", "TagKeys": ["a"]},
    "UpdateSecretVersionStage": {"SecretId": "db", "VersionStage": "A"},
    "ListSecretVersionIds": {"SecretId": "db"},
    "ListSecrets": {},
    "GetRandomPassword": {},
}


def check(operation, **members: Any):
    body = json.dumps(VALID.get(operation, {}) | members).encode()
    constraints.check(awsjson.decode(body, OPERATIONS[operation].request))


def refused(sentence, operation, **members: Any):
    with pytest.raises(ValidationException) as caught:
        check(operation, **members)
    assert caught.value.message == sentence


@pytest.mark.parametrize("operation", VALID)
def test_a_request_within_its_limits_passes(operation):
    check(operation)


# Required members


@pytest.mark.parametrize(
    ("operation", "path"),
    [
        ("GetSecretValue", "secretId"),
        ("DescribeSecret", "secretId"),
        ("DeleteSecret", "secretId"),
        ("RestoreSecret", "secretId"),
        ("UpdateSecret", "secretId"),
    ],
)
def test_a_missing_required_member_is_null(operation, path):
    sentence = f"{ONE}Value null at '{path}' failed to satisfy constraint: Member must not be null"
    refused(sentence, operation)
    refused(sentence, operation, SecretId=None)


@pytest.mark.parametrize(
    ("operation", "paths"),
    [
        ("CreateSecret", ["name"]),
        ("GetRandomPassword", []),
        ("ListSecrets", []),
        ("PutSecretValue", ["secretId"]),
        ("TagResource", ["secretId", "tags"]),
        ("UntagResource", ["secretId", "tagKeys"]),
        ("UpdateSecretVersionStage", ["secretId", "versionStage"]),
    ],
)
def test_everything_that_an_empty_request_lacks_is_told_at_once(operation, paths):
    sentences = [f"Value null at '{path}' failed to satisfy constraint: Member must not be null" for path in paths]
    request = awsjson.decode(b"", OPERATIONS[operation].request)
    if not paths:
        constraints.check(request)
        return
    with pytest.raises(ValidationException) as caught:
        constraints.check(request)
    assert str(caught.value).partition(" detected: ")[2].split("; ") == sentences


# One limit at a time


@pytest.mark.parametrize(
    ("operation", "member", "value", "path", "constraint"),
    [
        ("ListSecretVersionIds", "SecretId", "", "secretId", "length greater than or equal to 1"),
        ("ListSecretVersionIds", "SecretId", "x" * 2_049, "secretId", "length less than or equal to 2048"),
        ("CreateSecret", "Name", "", "name", "length greater than or equal to 1"),
        ("CreateSecret", "Name", "x" * 513, "name", "length less than or equal to 512"),
        ("CreateSecret", "ClientRequestToken", "x" * 31, "clientRequestToken", "length greater than or equal to 32"),
        ("CreateSecret", "ClientRequestToken", "x" * 65, "clientRequestToken", "length less than or equal to 64"),
        ("GetRandomPassword", "PasswordLength", 0, "passwordLength", "value greater than or equal to 1"),
        ("GetRandomPassword", "PasswordLength", 4_097, "passwordLength", "value less than or equal to 4096"),
        ("GetRandomPassword", "PasswordLength", 10**30, "passwordLength", "value less than or equal to 4096"),
        ("ListSecrets", "MaxResults", -1, "maxResults", "value greater than or equal to 1"),
        ("ListSecrets", "MaxResults", 101, "maxResults", "value less than or equal to 100"),
        (
            "CreateSecret",
            "CrossAccountPrimaryARN",
            "arn",
            "crossAccountPrimaryARN",
            "length greater than or equal to 20",
        ),
    ],
)
def test_length_and_value_out_of_range_are_named_with_the_value(operation, member, value, path, constraint):
    shown = str(value)[:1_024]
    sentence = f"{ONE}Value '{shown}' at '{path}' failed to satisfy constraint: Member must have {constraint}"
    refused(sentence, operation, **{member: value})


@pytest.mark.parametrize(
    ("operation", "member", "value"),
    [
        ("CreateSecret", "Name", "x"),
        ("CreateSecret", "Name", "x" * 512),
        ("CreateSecret", "Description", ""),
        ("CreateSecret", "Description", "x" * 2_048),
        ("CreateSecret", "ClientRequestToken", "x" * 32),
        ("CreateSecret", "ClientRequestToken", "x" * 64),
        ("CreateSecret", "SecretString", "x" * 65_536),
        ("GetRandomPassword", "PasswordLength", 1),
        ("GetRandomPassword", "PasswordLength", 4_096),
        ("GetRandomPassword", "ExcludeCharacters", ""),
        ("ListSecrets", "SortBy", "name"),
        ("ListSecrets", "Filters", [{"Key": "name", "Values": ["!a b:_@/+=.-!"]}] * 10),
        ("ListSecrets", "Filters", []),
    ],
)
def test_the_limits_themselves_are_allowed(operation, member, value):
    check(operation, **{member: value})


def test_a_value_outside_an_enumeration_is_told_its_members():
    refused(
        f"{ONE}Value 'up' at 'sortOrder' failed to satisfy constraint: Member must satisfy enum value set: [asc, desc]",
        "ListSecrets",
        SortOrder="up",
    )


def test_an_enumeration_is_case_sensitive():
    refused(
        f"{ONE}Value 'Name' at 'sortBy' failed to satisfy constraint: Member must satisfy enum value set: "
        "[created-date, last-accessed-date, last-changed-date, name]",
        "ListSecrets",
        SortBy="Name",
    )


def test_a_pattern_is_shown_as_the_model_has_it():
    refused(
        f"{ONE}Value 'Frankfurt' at 'addReplicaRegions.1.member.region' failed to satisfy constraint: "
        r"Member must satisfy regular expression pattern: ^([a-z]+-)+\d+$",
        "CreateSecret",
        AddReplicaRegions=[{"Region": "Frankfurt"}],
    )


def test_a_pattern_must_match_to_the_end_a_line_feed_included():
    refused(
        f"{ONE}Value 'eu-central-1\n' at 'addReplicaRegions.1.member.region' failed to satisfy constraint: "
        r"Member must satisfy regular expression pattern: ^([a-z]+-)+\d+$",
        "CreateSecret",
        AddReplicaRegions=[{"Region": "eu-central-1\n"}],
    )


# Sensitive members


@pytest.mark.parametrize(
    ("member", "value", "path", "constraint"),
    [
        ("SecretString", "", "secretString", "Member must have length greater than or equal to 1"),
        ("SecretString", "s3cret" * 11_000, "secretString", "Member must have length less than or equal to 65536"),
        ("SecretBinary", "", "secretBinary", "Member must have length greater than or equal to 1"),
        ("SecretBinary", "QUJD" * 21_846, "secretBinary", "Member must have length less than or equal to 65536"),
        ("RotationToken", "s3cret", "rotationToken", "Member must have length greater than or equal to 36"),
        (
            "RotationToken",
            "s3cret_" * 6,
            "rotationToken",
            r"Member must satisfy regular expression pattern: ^[a-zA-Z0-9\-]+$",
        ),
    ],
)
def test_a_sensitive_member_is_refused_without_its_value(member, value, path, constraint):
    sentence = f"{ONE}Value at '{path}' failed to satisfy constraint: {constraint}"
    refused(sentence, "PutSecretValue", **{member: value})


def test_a_secret_of_65536_characters_keeps_the_limit_however_many_bytes_they_take():
    check("PutSecretValue", SecretString="é" * 65_536)


# Lists


def test_members_of_structures_in_lists_are_named_by_position_from_one():
    keys = "description, name, tag-key, tag-value, primary-region, owning-service, all"
    refused(
        f"{ONE}Value 'colour' at 'filters.1.member.key' failed to satisfy constraint: "
        f"Member must satisfy enum value set: [{keys}]",
        "ListSecrets",
        Filters=[{"Key": "colour", "Values": ["a"]}],
    )
    refused(
        f"{ONE}Value '{'x' * 257}' at 'tags.2.member.value' failed to satisfy constraint: "
        "Member must have length less than or equal to 256",
        "TagResource",
        Tags=[{"Key": "a", "Value": "b"}, {"Key": "b", "Value": "x" * 257}],
    )


def test_an_empty_list_below_its_minimum_is_shown_as_brackets():
    refused(
        f"{ONE}Value '[]' at 'versionStages' failed to satisfy constraint: "
        "Member must have length greater than or equal to 1",
        "PutSecretValue",
        VersionStages=[],
    )


def test_a_list_above_its_maximum_is_shown_with_its_texts():
    labels = [f"label{number}" for number in range(21)]
    refused(
        f"{ONE}Value '[{', '.join(labels)}]' at 'versionStages' failed to satisfy constraint: "
        "Member must have length less than or equal to 20",
        "PutSecretValue",
        VersionStages=labels,
    )


def test_a_bad_text_in_a_list_names_the_list_and_every_limit_of_its_items():
    refused(
        f"{ONE}Value '[a, ]' at 'tagKeys' failed to satisfy constraint: Member must satisfy constraint: "
        "[Member must have length less than or equal to 128, Member must have length greater than or equal to 1]",
        "UntagResource",
        TagKeys=["a", ""],
    )


def test_a_bad_filter_value_names_length_before_pattern():
    refused(
        f"{ONE}Value '[#]' at 'filters.3.member.values' failed to satisfy constraint: Member must satisfy constraint: "
        "[Member must have length less than or equal to 512, "
        r"Member must satisfy regular expression pattern: ^\!?[a-zA-Z0-9 :_@\/\+\=\.\-\!]*$]",
        "ListSecrets",
        Filters=[{"Key": "name", "Values": ["a"]}, {"Key": "all", "Values": ["b"]}, {"Key": "name", "Values": ["#"]}],
    )


def test_several_bad_texts_in_one_list_are_one_violation():
    with pytest.raises(ValidationException, match=r"^1 validation error detected: Value '\[, , \]'"):
        check("UntagResource", TagKeys=["", "", ""])


# Several violations


def test_all_violations_are_told_at_once():
    refused(
        "3 validation errors detected: "
        "Value '' at 'name' failed to satisfy constraint: Member must have length greater than or equal to 1; "
        "Value 'short' at 'clientRequestToken' failed to satisfy constraint: "
        "Member must have length greater than or equal to 32; "
        "Value at 'secretString' failed to satisfy constraint: Member must have length greater than or equal to 1",
        "CreateSecret",
        Name="",
        ClientRequestToken="short",
        SecretString="",
    )


def test_length_and_pattern_of_one_member_are_two_violations():
    with pytest.raises(ValidationException, match=r"^2 validation errors detected: "):
        check("CreateSecret", AddReplicaRegions=[{"Region": "X" * 129}])


def test_the_message_about_a_long_list_of_bad_items_stays_short():
    with pytest.raises(ValidationException) as caught:
        check("TagResource", Tags=[{"Key": ""}] * 50_000)
    assert str(caught.value).startswith(f"{constraints.MAX_VIOLATIONS} validation errors detected: ")
    assert len(str(caught.value)) < 10_000


def test_a_long_value_is_shown_in_part():
    with pytest.raises(ValidationException) as caught:
        check("CreateSecret", Description="d" * 100_000)
    assert f"'{'d' * constraints.MAX_VALUE_SHOWN}'" in str(caught.value)
    assert "d" * (constraints.MAX_VALUE_SHOWN + 1) not in str(caught.value)


# NUL


@pytest.mark.parametrize(
    ("operation", "members", "path"),
    [
        ("CreateSecret", {"Name": "a\0b"}, "name"),
        ("CreateSecret", {"Description": "a\0b"}, "description"),
        ("TagResource", {"Tags": [{"Key": "a\0b"}]}, "tags.1.member.key"),
        ("ListSecretVersionIds", {"NextToken": "a\0b"}, "nextToken"),
        ("GetRandomPassword", {"ExcludeCharacters": "a\0b"}, "excludeCharacters"),
    ],
)
def test_text_with_nul_is_refused(operation, members, path):
    refused(
        f"{ONE}Value 'a\0b' at '{path}' failed to satisfy constraint: "
        r"Member must satisfy regular expression pattern: [^\u0000]*",
        operation,
        **members,
    )


def test_nul_in_a_text_of_a_list_is_named_beside_the_declared_limits():
    with pytest.raises(ValidationException, match=r"equal to 1, Member must satisfy .* pattern: \[\^\\u0000\]\*\]$"):
        check("UntagResource", TagKeys=["a\0b"])


def test_a_secret_may_hold_nul():
    check("PutSecretValue", SecretString="a\0b")


# What no operation has yet


class Colour(StrEnum):
    RED = "red"


class Inner(Shape, kw_only=True):
    colour: Annotated[str, limits(enum=Colour)] | None = None
    days: Annotated[int, limits(1, 3)] = REQUIRED


class Outer(Request, kw_only=True):
    inner: Inner | None = None
    many: list[Inner] | None = None
    words: list[Annotated[str, limits(2, 3, sensitive=True)]] | None = None


def outer_refused(sentence, body):
    with pytest.raises(ValidationException) as caught:
        constraints.check(awsjson.decode(body, Outer))
    assert caught.value.message == sentence


def test_members_of_a_single_structure_are_checked():
    outer_refused(
        "2 validation errors detected: Value 'blue' at 'inner.colour' failed to satisfy constraint: "
        "Member must satisfy enum value set: [red]; Value '4' at 'inner.days' failed to satisfy constraint: "
        "Member must have value less than or equal to 3",
        b'{"Inner": {"Colour": "blue", "Days": 4}}',
    )


def test_a_required_member_of_a_structure_in_a_list_is_required():
    outer_refused(
        f"{ONE}Value null at 'many.2.member.days' failed to satisfy constraint: Member must not be null",
        b'{"Many": [{"Days": 1}, {}]}',
    )


def test_a_list_of_sensitive_texts_is_not_shown():
    outer_refused(
        f"{ONE}Value at 'words' failed to satisfy constraint: Member must satisfy constraint: "
        "[Member must have length less than or equal to 3, Member must have length greater than or equal to 2]",
        b'{"Words": ["s3cret"]}',
    )


def test_what_is_not_a_message_is_a_programming_error():
    with pytest.raises(TypeError, match="is not a message"):
        constraints.check(object())


# Patterns are Java's


class Named(Request, kw_only=True):
    name: Annotated[str, limits(pattern=r"[\w+=,.@-]*")] | None = None
    tag: Annotated[str, limits(pattern=r"[\p{L}\p{Z}\p{N}_.:/=+\-@]*")] | None = None


@pytest.mark.parametrize("name", ["work_1+=,.@-", ""])
def test_word_characters_are_those_of_ascii(name):
    constraints.check(Named(name=name))


@pytest.mark.parametrize("name", ["wörk", "٣", "a b"])
def test_word_characters_of_other_scripts_are_none(name):
    with pytest.raises(ValidationException, match="at 'name' failed"):
        constraints.check(Named(name=name))


@pytest.mark.parametrize("tag", ["Größe Ⅷ", "東京\u3000٣", "a_b.c:d/e=f+g-h@i", "\u00a0"])
def test_letters_numbers_and_spaces_of_unicode_are_those_of_every_script(tag):
    constraints.check(Named(tag=tag))


@pytest.mark.parametrize("tag", ["a\tb", "a\n", "a*b", "😀", "a\u200bb", "$"])
def test_what_is_neither_letter_nor_number_nor_space_is_refused(tag):
    with pytest.raises(ValidationException, match="at 'tag' failed"):
        constraints.check(Named(tag=tag))
