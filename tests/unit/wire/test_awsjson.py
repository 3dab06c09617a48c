"""Bodies that clients send, and bodies that nobody should: read, or refused as SerializationException."""

from __future__ import annotations

import json

import pytest
from msgspec import UNSET

from strongroom.errors import SerializationException, UnknownOperationException
from strongroom.operations import OPERATIONS
from strongroom.operations.get_random_password import GetRandomPasswordResponse
from strongroom.operations.get_secret_value import GetSecretValueResponse
from strongroom.operations.list_secrets import ListSecretsResponse, SecretListEntry
from strongroom.wire import awsjson

DEPTH_BOMB = 100_000
NOT_JSON = "The request body is not valid JSON."


def decode(operation, body):
    return awsjson.decode(body if isinstance(body, bytes) else body.encode(), OPERATIONS[operation].request)


def refused(operation, body):
    with pytest.raises(SerializationException) as caught:
        decode(operation, body)
    return caught.value.message


# Targets and media types


def test_a_target_names_an_operation():
    assert awsjson.operation_of(b"secretsmanager.GetSecretValue") is OPERATIONS["GetSecretValue"]


@pytest.mark.parametrize(
    "target",
    [
        None,
        "",
        "secretsmanager",
        "secretsmanager.",
        "GetSecretValue",
        "SecretsManager.GetSecretValue",
        "secretsmanager.getSecretValue",
        "secretsmanager.GetSecretValue ",
        " secretsmanager.GetSecretValue",
        "secretsmanager.secretsmanager.GetSecretValue",
        "secretsmanager.RotateSecrets",
        "TrentService.Encrypt",
        "secretsmanager.__class__",
    ],
)
def test_another_target_is_unknown_without_a_text(target):
    with pytest.raises(UnknownOperationException) as caught:
        awsjson.operation_of(None if target is None else target.encode())
    assert caught.value.message is None


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        b"application/x-amz-json-1.1",
        b"application/x-amz-json-1.1; charset=utf-8",
        b"Application/JSON",
        b"application/x-amz-json-1.0",
    ],
)
def test_media_types_of_the_protocol(content_type):
    assert awsjson.is_json_request(content_type)


@pytest.mark.parametrize(
    "content_type", [b"", b"text/plain", b"application/x-www-form-urlencoded", b"application/json-patch+json", b"*/*"]
)
def test_media_types_of_other_protocols(content_type):
    assert not awsjson.is_json_request(content_type)


# Bodies that are read


@pytest.mark.parametrize("body", ["", "{}", " { } ", "\n{}\n"])
def test_an_absent_or_empty_body_has_no_members(body):
    request = decode("GetSecretValue", body)
    assert (request.secret_id, request.version_id, request.version_stage) == (UNSET, None, None)


@pytest.mark.parametrize(
    "body",
    [
        '{"SecretId": null, "VersionId": null}',
        '{"VersionId": null, "Unknown": null}',
        '{"SecretId": null, "Unknown": [{"a": null}]}',
    ],
)
def test_a_null_member_is_an_absent_one(body):
    request = decode("GetSecretValue", body)
    assert (request.secret_id, request.version_id) == (UNSET, None)


def test_a_null_member_of_a_structure_in_a_list_is_an_absent_one():
    (tag,) = decode("TagResource", '{"SecretId": null, "Tags": [{"Key": "a", "Value": null}]}').tags
    assert (tag.key, tag.value) == ("a", None)


def test_nulls_beside_values_leave_the_values_alone():
    request = decode("UpdateSecret", '{"SecretId": "db", "Description": "", "SecretBinary": "AP8=", "KmsKeyId": null}')
    assert (request.secret_id, request.description, request.kms_key_id) == ("db", "", None)
    assert request.secret_binary == b"\x00\xff"
    request = decode("TagResource", '{"SecretId": null, "Tags": [{"Key": "é", "Value": ""}]}')
    assert (request.tags[0].key, request.tags[0].value) == ("é", "")


def test_unknown_members_are_ignored_whatever_they_hold():
    body = '{"SecretId": "db", "New": {"a": [1, "b", null, true, 1.5, {}]}, "secretId": "x", "": 0}'
    assert decode("GetSecretValue", body).secret_id == "db"


def test_the_last_of_two_equal_members_counts_also_when_one_is_escaped_or_null():
    assert decode("GetSecretValue", '{"SecretId": "a", "SecretId": "b"}').secret_id == "b"
    assert decode("GetSecretValue", r'{"SecretId": "a", "\u0053ecretId": "b"}').secret_id == "b"
    assert decode("GetSecretValue", '{"SecretId": null, "SecretId": "b"}').secret_id == "b"


@pytest.mark.parametrize("text", ["pässwörd", "密码", "🔑", "\0", "\u2028", "\ufeff", '"\\/\b\f\n\r\t'])
@pytest.mark.parametrize("ensure_ascii", [True, False], ids=["escaped", "raw"])
def test_unicode_is_the_same_escaped_and_raw(text, ensure_ascii):
    body = json.dumps({"SecretString": text}, ensure_ascii=ensure_ascii)
    assert decode("PutSecretValue", body).secret_string == text


def test_bytes_are_base64():
    assert decode("PutSecretValue", '{"SecretBinary": "AAEC/w=="}').secret_binary == b"\x00\x01\x02\xff"
    assert decode("PutSecretValue", '{"SecretBinary": ""}').secret_binary == b""


# Bodies that are refused


@pytest.mark.parametrize(
    "body",
    [
        "{",
        "{]",
        '{"SecretId": "db"',
        '{"SecretId": "db",}',
        '{"SecretId": "db"} {}',
        '{"SecretId": "db"}x',
        "{'SecretId': 'db'}",
        "{SecretId: 1}",
        '{"SecretId" "db"}',
        '{"SecretId": "a\x01b"}',
        r'{"SecretId": "\x41"}',
        r'{"SecretId": "\u00g0"}',
        '{"SecretId": NaN}',
        '{"Unknown": NaN}',
        '{"Unknown": Infinity}',
        '{"Unknown": 01}',
        '{"Unknown": +1}',
        "\ufeff{}",
        "//\n{}",
        "\0",
    ],
)
def test_what_is_not_json_is_refused_without_repeating_it(body):
    assert refused("GetSecretValue", body) == NOT_JSON


@pytest.mark.parametrize(
    "escape", [r"\ud800", r"\udfff", r"\ud800A", r"\ud800\u0041", r"\udc00\ud800", r"a\ud83d", r"\ud83d\ud83d"]
)
def test_a_lone_surrogate_is_refused_in_any_member(escape):
    assert refused("PutSecretValue", f'{{"SecretString": "{escape}"}}') == NOT_JSON
    assert refused("PutSecretValue", f'{{"Unknown": "{escape}"}}') == NOT_JSON
    assert refused("PutSecretValue", f'{{"SecretId": null, "{escape}": 1}}') == NOT_JSON


@pytest.mark.parametrize("text", [b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82", b"\x80"])
def test_invalid_utf_8_is_refused(text):
    assert refused("GetSecretValue", b'{"SecretId": "' + text + b'"}') == NOT_JSON


def test_other_encodings_of_unicode_are_refused():
    assert refused("GetSecretValue", '{"SecretId": "db"}'.encode("utf-16")) == NOT_JSON
    assert refused("GetSecretValue", '{"SecretId": "db"}'.encode("utf-32")) == NOT_JSON


@pytest.mark.parametrize(
    ("opening", "closing"), [("[", "]"), ('{"a":', "}"), ('[{"Tags":', "}]")], ids=["lists", "objects", "mixed"]
)
@pytest.mark.parametrize("member", ["Unknown", "SecretId", "Tags"])
def test_a_depth_bomb_is_refused(opening, closing, member):
    bomb = opening * DEPTH_BOMB + "1" + closing * DEPTH_BOMB
    refused("TagResource", f'{{"SecretId": "db", "{member}": {bomb}}}')
    refused("TagResource", f'{{"SecretId": null, "{member}": {bomb}}}')
    refused("TagResource", bomb)
    refused("TagResource", opening * DEPTH_BOMB)


def test_a_body_with_nulls_is_read_to_the_declared_depth_only():
    def body(depth):
        return '{"SecretId": null, "Unknown": ' + "[" * depth + "]" * depth + "}"

    decode("TagResource", body(awsjson.MAX_DEPTH - 2))
    assert refused("TagResource", body(awsjson.MAX_DEPTH)) == NOT_JSON


@pytest.mark.parametrize("number", ["9" * 100_000, "-" + "9" * 100_000, "1e400", "1e999999999", "1." + "0" * 100_000])
def test_huge_numbers_are_refused_where_a_number_counts(number):
    assert refused("DeleteSecret", f'{{"RecoveryWindowInDays": {number}}}')


def test_a_long_integer_within_reason_is_left_to_the_limits():
    assert decode("DeleteSecret", f'{{"RecoveryWindowInDays": {10**30}}}').recovery_window_in_days == 10**30


@pytest.mark.parametrize("text", ["!", "YQ", "YQ=", "YQ===", "Y Q=", "YW\\nJj", "_-8=", "é===", "=", "A"])
def test_what_is_not_base64_is_refused(text):
    message = refused("PutSecretValue", f'{{"SecretBinary": "{text}"}}')
    assert message == "Invalid base64 encoded string - at `$.SecretBinary`"


@pytest.mark.parametrize(
    ("operation", "member", "values"),
    [
        ("GetSecretValue", "SecretId", ["1", "1.5", "true", "[]", "{}", '["db"]']),
        ("DeleteSecret", "RecoveryWindowInDays", ['"7"', "7.5", "true", "[7]", "{}"]),
        ("DeleteSecret", "ForceDeleteWithoutRecovery", ['"true"', "1", "0", "[]", "{}"]),
        ("PutSecretValue", "SecretBinary", ["1", "true", "[1]", "{}"]),
        ("PutSecretValue", "VersionStages", ['"a"', "1", '{"a": 1}', "[1]", "[null]", '[["a"]]']),
        ("TagResource", "Tags", ['"a"', '{"Key": "a"}', '["a"]', "[null]", "[[]]", '[{"Key": 1}]']),
    ],
)
def test_a_wrong_type_is_refused_and_named_by_its_place(operation, member, values):
    for value in values:
        message = refused(operation, f'{{"{member}": {value}}}')
        assert f"`$.{member}" in message, value


@pytest.mark.parametrize("body", ["null", "[]", "[{}]", '"{}"', "1", "true"])
def test_a_body_that_is_not_an_object_is_refused(body):
    assert refused("GetSecretValue", body).startswith("Expected `object`")


def test_a_refusal_never_repeats_what_was_sent():
    for body in (
        '{"SecretString": {"hunter2": "hunter2"}}',
        '{"SecretBinary": "hunter2"}',
        '{"SecretString": "hunter2',
    ):
        assert "hunter2" not in refused("PutSecretValue", body)


# Answers


def test_an_operation_without_output_answers_an_empty_body():
    assert awsjson.encode(None) == b""


def test_members_without_a_value_are_left_out_but_empty_lists_stay():
    assert awsjson.encode(GetRandomPasswordResponse()) == b"{}"
    body = awsjson.encode(ListSecretsResponse(secret_list=[SecretListEntry(arn="a", tags=[], rotation_enabled=False)]))
    assert json.loads(body) == {"SecretList": [{"ARN": "a", "Tags": [], "RotationEnabled": False}]}


def test_an_answer_holds_bytes_as_base64_and_unicode_as_itself():
    body = awsjson.encode(GetSecretValueResponse(secret_binary=b"\x00\xff", name="é\0"))
    assert json.loads(body) == {"SecretBinary": "AP8=", "Name": "é\0"}


# Nothing prints a request or an answer


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_no_request_and_no_answer_shows_its_values(operation):
    for message_type in (operation.request, operation.response):
        if message_type is None:
            continue
        message = message_type(**dict.fromkeys(message_type.__struct_fields__, "hunter2"))
        for shown in (repr(message), str(message), f"{message}", f"{message!r}", f"{[message]}", "%s" % message):  # noqa: UP031
            assert "hunter2" not in shown
            assert message_type.__name__ in shown
        assert list(message.__rich_repr__()) == []


def test_no_structure_inside_a_message_shows_its_values():
    (tag,) = decode("TagResource", '{"Tags": [{"Key": "a", "Value": "hunter2"}]}').tags
    (entry,) = decode("ListSecrets", '{"Filters": [{"Key": "name", "Values": ["hunter2"]}]}').filters
    assert (repr(tag), str([entry])) == ("Tag(...)", "[Filter(...)]")
