"""Behaviour of AWS that emulators get wrong or leave out: one test per trap, its number in the docstring.

Traps about whole operations (28 and 30, and RotateSecret's part of 8) are in the tests of those; those about
HTTP are in the tests of `wire`. What depends on the database is tested on both databases next to its
operation; here one is enough.
"""

from __future__ import annotations

import json
import re
import string
from datetime import timedelta
from typing import Any

import pytest

from strongroom.errors import ServiceError
from strongroom.wire import faults
from support.deployment import VALUE, token
from support.refusals import (
    BOTH_VALUES,
    INVALID_NAME,
    MARKED_FOR_DELETION,
    NAME_SCHEDULED,
    SECRET_NOT_FOUND,
    TOKEN_MISSING,
    name_taken,
    refusal,
    stage_not_found,
    token_in_use,
    version_deleted,
    version_not_found,
)

pytestmark = pytest.mark.parametrize("deployment", ["sqlite"], indirect=True)

ILLEGAL = "InvalidParameterException"


def error_of(deployment, operation, **members: Any):
    with pytest.raises(ServiceError) as refused:
        deployment.call(operation, **members)
    return refused.value


def described(deployment, secret_id="app/db"):
    return deployment.call("DescribeSecret", SecretId=secret_id)


def read(deployment, **members: Any):
    return deployment.call("GetSecretValue", SecretId="app/db", **members)["SecretString"]


def move(deployment, label, to, source=None):
    members = {"RemoveFromVersionId": token(source)} if source else {}
    deployment.call(
        "UpdateSecretVersionStage", SecretId="app/db", VersionStage=label, MoveToVersionId=token(to), **members
    )


def test_every_client_error_is_http_400(deployment):
    """1: moto answers 404."""
    deployment.create()
    errors = [
        error_of(deployment, "GetSecretValue", SecretId="absent"),
        error_of(deployment, "GetSecretValue", SecretId="app/db", VersionId=token(1), VersionStage="X"),
        error_of(deployment, "CreateSecret", Name="app/db"),
        error_of(
            deployment.elsewhere(account_id="999988887777"), "GetSecretValue", SecretId=described(deployment)["ARN"]
        ),
    ]
    assert [error.status for error in errors] == [400] * 4


def test_a_modelled_error_has_a_message_with_a_capital_m(deployment):
    """2: moto, floci and ministack write it small."""
    body = json.loads(faults.body_of(error_of(deployment, "GetSecretValue", SecretId="absent")))
    assert body == {"__type": SECRET_NOT_FOUND[0], "Message": SECRET_NOT_FOUND[1]}
    body = json.loads(faults.body_of(error_of(deployment, "GetSecretValue", SecretId="bad name")))
    assert body == {"__type": INVALID_NAME[0], "message": INVALID_NAME[1]}


def test_a_message_is_the_bare_sentence(deployment):
    """3: moto puts "An error occurred (...)" before it and runs of blanks inside."""
    deployment.create()
    for operation, members in (
        ("GetSecretValue", {"SecretId": "absent"}),
        ("DeleteSecret", {"SecretId": "app/db", "RecoveryWindowInDays": 1}),
        ("UpdateSecretVersionStage", {"SecretId": "app/db", "VersionStage": "AWSCURRENT"}),
        ("GetRandomPassword", {"PasswordLength": 1}),
        ("CreateSecret", {"Name": "x", "SecretString": "v"}),
    ):
        text = error_of(deployment, operation, **members).message
        assert text is not None
        assert "  " not in text
        assert not re.search(r"error occurred|Exception|Error:", text)


def test_secret_stage_and_version_not_found_differ(deployment):
    """4: moto says "secret" for a stage, ministack adds a dot."""
    deployment.create()
    named = {"SecretId": "app/db"}
    assert refusal(deployment, "GetSecretValue", SecretId="absent") == SECRET_NOT_FOUND
    assert refusal(deployment, "GetSecretValue", **named, VersionStage="X") == stage_not_found("X")
    assert refusal(deployment, "GetSecretValue", **named, VersionId=token(2)) == version_not_found(token(2))


def test_a_scheduled_secret_is_marked_for_deletion(deployment):
    """5: clients match on the words; moto says "currently marked deleted"."""
    deployment.create()
    deployment.call("DeleteSecret", SecretId="app/db")
    for operation in ("GetSecretValue", "DeleteSecret"):
        assert refusal(deployment, operation, SecretId="app/db") == MARKED_FOR_DELETION


def test_a_scheduled_secret_is_not_written(deployment):
    """6: moto lets a put through, and it even rotates labels."""
    deployment.create()
    deployment.call("DeleteSecret", SecretId="app/db")
    before = described(deployment)
    for operation, members in (
        ("PutSecretValue", {"SecretString": "v", "ClientRequestToken": token(2)}),
        ("UpdateSecret", {"SecretString": "v", "ClientRequestToken": token(2)}),
        ("UpdateSecretVersionStage", {"VersionStage": "X", "MoveToVersionId": token(1)}),
        ("TagResource", {"Tags": [{"Key": "a", "Value": "b"}]}),
        ("UntagResource", {"TagKeys": ["a"]}),
    ):
        assert refusal(deployment, operation, SecretId="app/db", **members) == MARKED_FOR_DELETION
    assert described(deployment) == before


def test_a_scheduled_name_is_not_created_anew(deployment):
    """7: moto says that it exists, floci recreates it."""
    deployment.create()
    deployment.call("DeleteSecret", SecretId="app/db")
    create = {"Name": "app/db", "SecretString": "v", "ClientRequestToken": token(2)}
    assert refusal(deployment, "CreateSecret", **create) == NAME_SCHEDULED


def test_a_write_without_a_token_is_refused_not_given_one(deployment):
    """8: moto, floci and ministack invent a token."""
    deployment.create()
    for operation, named in (
        ("CreateSecret", {"Name": "new"}),
        ("PutSecretValue", {"SecretId": "app/db"}),
        ("UpdateSecret", {"SecretId": "app/db"}),
    ):
        assert refusal(deployment, operation, **named, SecretString="v") == TOKEN_MISSING


def test_a_repetition_succeeds_and_another_value_under_its_token_does_not(deployment):
    """9: floci ignores the token, ministack overwrites the value of a version."""
    members = {"SecretString": VALUE, "ClientRequestToken": token(1)}
    arn = deployment.create()
    for operation, named in (
        ("CreateSecret", {"Name": "app/db"}),
        ("PutSecretValue", {"SecretId": "app/db"}),
        ("UpdateSecret", {"SecretId": "app/db"}),
    ):
        assert deployment.call(operation, **named, **members)["VersionId"] == token(1)
        other = members | {"SecretString": "other"}
        assert refusal(deployment, operation, **named, **other) == token_in_use(token(1), arn)
        assert read(deployment) == VALUE
    assert refusal(deployment, "CreateSecret", Name="app/db") == name_taken("app/db")


def test_a_secret_without_a_value_has_no_phantom_version(deployment):
    """10: floci and ministack make an empty current version."""
    assert "VersionId" not in deployment.call("CreateSecret", Name="app/db")
    assert refusal(deployment, "GetSecretValue", SecretId="app/db") == stage_not_found("AWSCURRENT")
    deployment.put("app/db", 1)
    assert deployment.stages("app/db") == {token(1): {"AWSCURRENT"}}


def test_the_first_value_is_current_whatever_labels_it_names(deployment):
    """11: emulators attach only the labels asked for."""
    deployment.create("app/db", None)
    deployment.put("app/db", 1, "v", "X")
    assert deployment.stages("app/db") == {token(1): {"AWSCURRENT", "X"}}


def test_a_label_is_on_one_version_and_leaves_it_only_by_name(deployment):
    """12: moto and ministack leave custom labels on two versions."""
    deployment.create()
    deployment.put("app/db", 2, None, "L")
    deployment.put("app/db", 3, None, "AWSCURRENT", "L")
    assert deployment.stages("app/db") == {token(1): {"AWSPREVIOUS"}, token(3): {"AWSCURRENT", "L"}}
    for label in ("L", "AWSCURRENT"):
        members = {"SecretId": "app/db", "VersionStage": label, "MoveToVersionId": token(1)}
        code, text = refusal(deployment, "UpdateSecretVersionStage", **members)
        assert code == ILLEGAL
        assert text == (
            f"The parameter RemoveFromVersionId can't be empty. Staging label {label} is currently attached to version "
            f"{token(3)}, so you must explicitly reference that version in RemoveFromVersionId."
        )


def test_custom_labels_stay_on_a_demoted_version(deployment):
    """13: moto replaces all labels by AWSPREVIOUS."""
    deployment.create()
    deployment.put("app/db", 2, None, "AWSCURRENT", "K", "L")
    deployment.put("app/db", 3)
    assert deployment.stages("app/db") == {token(2): {"AWSPREVIOUS", "K", "L"}, token(3): {"AWSCURRENT"}}


def test_reading_follows_awscurrent_which_can_be_moved_but_not_removed(deployment):
    """14: moto returns the old value after a move; moto and ministack remove AWSCURRENT."""
    deployment.create()
    deployment.put("app/db", 2, "two")
    move(deployment, "AWSCURRENT", 1, source=2)
    assert read(deployment) == VALUE
    members = {"SecretId": "app/db", "VersionStage": "AWSCURRENT"}
    assert refusal(deployment, "UpdateSecretVersionStage", **members, RemoveFromVersionId=token(1)) == (
        ILLEGAL,
        "You can only move staging label AWSCURRENT to a different secret version. It can't be completely removed.",
    )
    code, _ = refusal(deployment, "UpdateSecretVersionStage", **members)
    assert code == ILLEGAL
    assert read(deployment) == VALUE


@pytest.mark.parametrize("operation", ["PutSecretValue", "UpdateSecret"])
def test_a_new_current_version_abandons_a_rotation(deployment, operation):
    """15: moto leaves AWSPENDING on the stale version."""
    deployment.create()
    deployment.put("app/db", 2, None, "AWSPENDING")
    deployment.call(operation, SecretId="app/db", SecretString="v", ClientRequestToken=token(3))
    assert deployment.stages("app/db") == {token(1): {"AWSPREVIOUS"}, token(3): {"AWSCURRENT"}}


def test_unlabelled_versions_are_hidden_and_readable_and_later_leave_a_tombstone(deployment):
    """16: moto shows them without labels, ministack deletes them at once, nobody has the tombstone."""
    deployment.create()
    for number in range(2, 104):
        deployment.put("app/db", number)
    assert deployment.stages("app/db").keys() == {token(102), token(103)}
    listed = deployment.call("ListSecretVersionIds", SecretId="app/db")["Versions"]
    assert {version["VersionId"] for version in listed} == {token(102), token(103)}
    assert read(deployment, VersionId=token(1)) == VALUE
    deployment.clock.advance(timedelta(days=1))
    deployment.run_jobs()
    gone = refusal(deployment, "GetSecretValue", SecretId="app/db", VersionId=token(1))
    assert gone == version_deleted(token(1))
    assert read(deployment, VersionId=token(2)) == "value 2"


def test_only_a_move_of_awscurrent_touches_awsprevious(deployment):
    """17: LocalStack dropped AWSPREVIOUS on any label operation."""
    deployment.create()
    deployment.put("app/db", 2)
    deployment.put("app/db", 3, None, "L")
    move(deployment, "L", 2, source=3)
    assert deployment.stages("app/db") == {token(1): {"AWSPREVIOUS"}, token(2): {"AWSCURRENT", "L"}}
    move(deployment, "AWSCURRENT", 3, source=2)
    assert deployment.stages("app/db") == {token(2): {"AWSPREVIOUS", "L"}, token(3): {"AWSCURRENT"}}


def test_version_ids_are_listed_with_the_real_arn_dates_and_keys_in_pages(deployment):
    """18: moto has none of these and dies on a missing secret."""
    arn = deployment.create()
    deployment.put("app/db", 2)
    page = deployment.call("ListSecretVersionIds", SecretId="app/db", MaxResults=1)
    assert (page["ARN"], page["Name"], len(page["Versions"])) == (arn, "app/db", 1)
    rest = deployment.call("ListSecretVersionIds", SecretId="app/db", MaxResults=1, NextToken=page["NextToken"])
    versions = page["Versions"] + rest["Versions"]
    assert versions[0]["CreatedDate"] != versions[1]["CreatedDate"]
    assert [version["KmsKeyIds"] for version in versions] == [["DefaultEncryptionKey"]] * 2
    assert refusal(deployment, "ListSecretVersionIds", SecretId="absent") == SECRET_NOT_FOUND


def test_members_without_a_value_are_left_out(deployment):
    """19: moto emits nulls, floci RotationEnabled and Tags always, ministack an empty Description."""
    deployment.create("app/db", None, Description="")
    assert described(deployment).keys() == {"ARN", "Name", "CreatedDate", "LastChangedDate"}
    entry = deployment.call("ListSecrets")["SecretList"][0]
    assert entry.keys() == {"ARN", "Name", "CreatedDate", "LastChangedDate"}
    assert deployment.call("TagResource", SecretId="app/db", Tags=[{"Key": "a", "Value": "b"}]) == {}
    deployment.call("UntagResource", SecretId="app/db", TagKeys=["a"])
    assert described(deployment)["Tags"] == []


def test_the_date_of_access_is_a_day_and_other_dates_have_milliseconds(deployment):
    """20: moto never sets the one and rounds the others."""
    deployment.create()
    assert "LastAccessedDate" not in described(deployment)
    read(deployment)
    shown = described(deployment)
    assert shown["LastAccessedDate"] % 86_400 == 0
    assert round(shown["CreatedDate"] % 1, 3) == round(shown["LastChangedDate"] % 1, 3) == 0.678


def test_deletion_knows_its_windows_and_forces_what_is_missing_or_scheduled(deployment):
    """21: floci takes any window, floci and ministack do not find the missing one."""
    deployment.create()
    code, _ = refusal(deployment, "DeleteSecret", SecretId="app/db", RecoveryWindowInDays=0)
    assert code == ILLEGAL
    both = {"RecoveryWindowInDays": 7, "ForceDeleteWithoutRecovery": True}
    code, _ = refusal(deployment, "DeleteSecret", SecretId="app/db", **both)
    assert code == ILLEGAL
    force = {"ForceDeleteWithoutRecovery": True}
    assert deployment.call("DeleteSecret", SecretId="absent", **force)["Name"] == "absent"
    deployment.call("DeleteSecret", SecretId="app/db")
    assert deployment.call("DeleteSecret", SecretId="app/db", **force)["Name"] == "app/db"


def test_a_partial_arn_finds_only_a_name_without_a_suffix_of_its_own(deployment):
    """22: moto resolves `...:secret:n-abcdef` and ARNs of other regions, ministack truncated ones."""
    plain, suffixed = deployment.create("plain"), deployment.create("n-abcdef")
    assert described(deployment, plain[:-7])["ARN"] == plain
    for secret_id in (suffixed[:-7], suffixed[:-7] + "-", plain[:-9], plain.replace(deployment.region, "us-east-1")):
        assert refusal(deployment, "DescribeSecret", SecretId=secret_id) == SECRET_NOT_FOUND


def test_illegal_characters_are_refused_and_the_exclamation_mark_is_legal(deployment):
    """23: moto and ministack store `bad name*`, LocalStack refuses `!`."""
    assert refusal(deployment, "CreateSecret", Name="bad name*", SecretString="v") == INVALID_NAME
    assert refusal(deployment, "DeleteSecret", SecretId="bad name*", ForceDeleteWithoutRecovery=True) == INVALID_NAME
    deployment.create("rds!db-1")
    assert described(deployment, "rds!db-1")["Name"] == "rds!db-1"


def test_a_value_is_text_or_bytes_within_limits_and_never_changed(deployment):
    """24: moto and ministack take both at once and 70,000 characters; fakecloud drops bad base64."""
    token_member = {"ClientRequestToken": token(1)}
    both = {"SecretString": "v", "SecretBinary": b"v"}
    assert refusal(deployment, "CreateSecret", Name="app/db", **token_member, **both) == BOTH_VALUES
    for value, limit in (("", "greater than or equal to 1"), ("x" * 65_537, "less than or equal to 65536")):
        assert refusal(deployment, "CreateSecret", Name="app/db", **token_member, SecretString=value) == (
            "ValidationException",
            (
                "1 validation error detected: Value at 'secretString' failed to satisfy constraint: "
                f"Member must have length {limit}"
            ),
        )
    for undecodable in ("not base64!", "Zm8"):
        members = {"Name": "app/db", "SecretBinary": undecodable, **token_member}
        code, _ = refusal(deployment, "CreateSecret", **members)
        assert code == "SerializationException"
    deployment.create("app/db", ' {"b":1, "a" : 2}\n')
    assert read(deployment) == ' {"b":1, "a" : 2}\n'


def test_an_update_keeps_what_is_absent_and_clears_what_is_empty(deployment):
    """25: moto ignores an empty Description and once made an empty version."""
    deployment.create(Description="d", KmsKeyId="alias/aws/secretsmanager")
    answer = deployment.call("UpdateSecret", SecretId="app/db", ClientRequestToken=token(2))
    assert "VersionId" not in answer
    assert (described(deployment)["Description"], described(deployment)["KmsKeyId"]) == (
        "d",
        "alias/aws/secretsmanager",
    )
    deployment.call("UpdateSecret", SecretId="app/db", Description="", KmsKeyId="")
    assert described(deployment).keys().isdisjoint({"Description", "KmsKeyId"})
    assert deployment.stages("app/db") == {token(1): {"AWSCURRENT"}}


def test_filters_have_case_words_negation_and_an_order(deployment):
    """26: ministack matches substrings, floci and LocalStack ignored filters or orders."""
    deployment.create("noval", None, Description="One and two")
    deployment.create("Nova", None, Tags=[{"Key": "a", "Value": "b"}])

    def found(*filters: tuple[str, ...], **members: Any):
        wire = [{"Key": key, "Values": values} for key, *values in filters]
        entries = deployment.call("ListSecrets", Filters=wire, **members)["SecretList"]
        return [entry["Name"] for entry in entries]

    assert found(("name", "OVA")) == found(("name", "ova")) == []
    assert found(("name", "nov")) == ["noval"]
    assert found(("description", "ONE TW")) == ["noval"]
    assert found(("all", "NOV")) == ["noval", "Nova"]
    assert found(("tag-key", "!a")) == ["noval"]
    assert found(("name", "N", "n"), ("description", "two")) == ["noval"]
    assert found(SortBy="name", SortOrder="desc") == ["noval", "Nova"]
    assert found(SortBy="name") == ["Nova", "noval"]


def test_a_page_token_is_opaque_and_junk_is_refused(deployment):
    """27: moto's token is an offset; ministack takes junk as page one."""
    for name in ("a", "b", "c"):
        deployment.create(name)
    page = deployment.call("ListSecrets", MaxResults=1)
    assert len(page["SecretList"]) == 1
    assert not page["NextToken"].isdigit()
    assert "VersionIdsToStages" not in page["SecretList"][0]
    for junk in ("1", "0", "-1", "junk", page["NextToken"][::-1]):
        code, _ = refusal(deployment, "ListSecrets", NextToken=junk)
        assert code == "InvalidNextTokenException"
    assert "NextToken" not in deployment.call("ListSecrets")


def test_random_passwords_are_shuffled_and_refused_with_three_texts(deployment):
    """29: moto needs four characters, always puts a space, and does not shuffle."""

    def password(**members: Any):
        return deployment.call("GetRandomPassword", **members)["RandomPassword"]

    assert len(password(PasswordLength=1, RequireEachIncludedType=False)) == 1
    assert len({password(PasswordLength=4)[3] in string.punctuation for _ in range(100)}) == 2
    assert " " not in "".join(password(PasswordLength=4, IncludeSpace=True) for _ in range(20))
    refusals = [
        refusal(deployment, "GetRandomPassword", PasswordLength=3),
        refusal(deployment, "GetRandomPassword", ExcludeCharacters=string.digits),
        refusal(deployment, "GetRandomPassword", ExcludeCharacters=string.printable),
    ]
    assert refusals == [
        (ILLEGAL, "Password length is too short based on the required types."),
        (ILLEGAL, "All characters of the desired type have been excluded."),
        (ILLEGAL, "All characters have been excluded from selection."),
    ]


def test_sixty_tags_and_reserved_keys_are_refused(deployment):
    """Left-over trap, tags: moto and ministack accept them."""
    deployment.create()
    for tags in ([{"Key": f"k{number}", "Value": "v"} for number in range(60)], [{"Key": "aws:x", "Value": "v"}]):
        code, _ = refusal(deployment, "TagResource", SecretId="app/db", Tags=tags)
        assert code == ILLEGAL


def test_an_arn_ends_in_six_characters_and_never_comes_back(deployment):
    """Left-over traps, ARN suffix and restart of the same name: five characters, or the same after recreation."""
    arns = []
    for _ in range(3):
        arns.append(deployment.create())
        deployment.call("DeleteSecret", SecretId="app/db", ForceDeleteWithoutRecovery=True)
        deployment.run_jobs()
    assert len(set(arns)) == 3
    assert all(re.fullmatch(r".*:secret:app/db-[A-Za-z0-9]{6}", arn) for arn in arns)
    assert all(refusal(deployment, "DescribeSecret", SecretId=arn) == SECRET_NOT_FOUND for arn in arns)


def test_a_secret_past_its_window_vanishes(deployment):
    """Left-over trap, scheduled purge: ministack and moto never purge."""
    deployment.create()
    deployment.call("DeleteSecret", SecretId="app/db", RecoveryWindowInDays=7)
    deployment.clock.advance(timedelta(days=7))
    assert deployment.run_jobs() == 1
    assert refusal(deployment, "DescribeSecret", SecretId="app/db") == SECRET_NOT_FOUND
