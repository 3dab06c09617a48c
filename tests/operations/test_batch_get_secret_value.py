"""BatchGetSecretValue: many values at once, what cannot be read beside them, one record for each (trap 28)."""

from __future__ import annotations

from typing import Any

import pytest

from strongroom.errors import ServiceError
from support.deployment import VALUE, token
from support.kms_keys import create_key
from support.refusals import (
    INVALID_NAME,
    MARKED_FOR_DELETION,
    SECRET_NOT_FOUND,
    Refusal,
    access_denied,
    refusal,
    stage_not_found,
)

OTHER_ACCOUNT = "999988887777"
ILLEGAL = "InvalidParameterException"
XOR = (ILLEGAL, "Either 'SecretIdList' or 'Filters' must be provided, but not both.")
BY_NAME = [{"Key": "name", "Values": ["app/"]}]


def batch(deployment, *secret_ids: str) -> dict[str, Any]:
    return deployment.call("BatchGetSecretValue", SecretIdList=list(secret_ids))


def values(answer: dict[str, Any]) -> dict[str, str]:
    return {entry["Name"]: entry["SecretString"] for entry in answer["SecretValues"]}


def errors(answer: dict[str, Any]) -> dict[str, Refusal]:
    return {entry["SecretId"]: (entry["ErrorCode"], entry["Message"]) for entry in answer["Errors"]}


def filters_needed(member: str) -> Refusal:
    return ILLEGAL, f"'Filters' not specified. 'Filters' must also be specified when '{member}' is provided."


def test_an_entry_has_what_get_secret_value_answers(deployment):
    arn = deployment.create("app/db", "old")
    deployment.put(arn, 2, "new", "AWSCURRENT", "blue")
    single = deployment.call("GetSecretValue", SecretId="app/db")
    assert batch(deployment, "app/db") == {"SecretValues": [single], "Errors": []}
    assert single.keys() == {"ARN", "Name", "VersionId", "SecretString", "VersionStages", "CreatedDate"}


def test_secrets_are_named_in_every_form_and_answered_in_the_order_asked(deployment):
    arns = [deployment.create(f"app/{number}", f"value {number}") for number in range(3)]
    answer = batch(deployment, arns[2], "app/0", arns[1][:-7])
    assert [entry["SecretString"] for entry in answer["SecretValues"]] == ["value 2", "value 0", "value 1"]


def test_bytes_are_answered_as_bytes(deployment):
    deployment.create("binary", None, SecretBinary=b"\x00\xff", ClientRequestToken=token(1))
    (entry,) = batch(deployment, "binary")["SecretValues"]
    assert entry["SecretBinary"] == "AP8="
    assert "SecretString" not in entry


def test_twenty_secrets_are_read_and_twenty_one_ids_refused(deployment):
    names = [f"app/{number:02}" for number in range(21)]
    for name in names[:20]:
        deployment.create(name, f"value of {name}")
    assert values(batch(deployment, *names[:20])) == {name: f"value of {name}" for name in names[:20]}
    code, text = refusal(deployment, "BatchGetSecretValue", SecretIdList=names)
    assert code == "ValidationException"
    assert str(text).endswith("Member must have length less than or equal to 20")
    code, text = refusal(deployment, "BatchGetSecretValue", SecretIdList=[])
    assert code == "ValidationException"
    assert str(text).endswith("Member must have length greater than or equal to 1")


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"Filters": []},
        {"SecretIdList": ["app/db"], "Filters": BY_NAME},
        {"MaxResults": 5},
        {"NextToken": "x"},
        {"SecretIdList": ["app/db"], "Filters": BY_NAME, "MaxResults": 5},
    ],
    ids=str,
)
def test_ids_or_filters_and_never_both(deployment, members):
    assert refusal(deployment, "BatchGetSecretValue", **members) == XOR


@pytest.mark.parametrize(("member", "value"), [("MaxResults", 5), ("NextToken", "x")])
def test_paging_needs_filters(deployment, member, value):
    refused = refusal(deployment, "BatchGetSecretValue", SecretIdList=["app/db"], **{member: value})
    assert refused == filters_needed(member)


def test_no_filters_beside_ids_are_as_absent(deployment):
    deployment.create("app/db")
    assert values(deployment.call("BatchGetSecretValue", SecretIdList=["app/db"], Filters=[])) == {"app/db": VALUE}


def test_what_cannot_be_read_is_an_entry_with_get_secret_values_own_error(deployment):
    deployment.create("app/db")
    deployment.create("empty", None)
    deployment.create("gone")
    deployment.call("DeleteSecret", SecretId="gone")
    deployment.create("denied")
    deny = '{"Statement": {"Effect": "Deny", "Principal": "*", "Action": "secretsmanager:GetSecretValue"}}'
    deployment.call("PutResourcePolicy", SecretId="denied", ResourcePolicy=deny)
    foreign = deployment.elsewhere(account_id=OTHER_ACCOUNT).create("theirs")
    asked = ["absent", "empty", "gone", "denied", foreign, "bad name"]
    answer = batch(deployment, *asked, "app/db")
    assert values(answer) == {"app/db": VALUE}
    assert [entry["SecretId"] for entry in answer["Errors"]] == asked
    expected = errors(answer)
    assert expected == {each: refusal(deployment, "GetSecretValue", SecretId=each) for each in asked}
    assert [expected[each] for each in ("absent", "empty", "gone", "bad name")] == [
        SECRET_NOT_FOUND,
        stage_not_found("AWSCURRENT"),
        MARKED_FOR_DELETION,
        INVALID_NAME,
    ]
    assert expected[foreign] == access_denied(deployment.account_id, "GetSecretValue", foreign)
    assert str(expected["denied"][1]).endswith("on resource: denied with an explicit deny in a resource-based policy")


def test_a_batch_of_which_nothing_can_be_read_succeeds(deployment):
    answer = batch(deployment, "absent")
    assert answer["SecretValues"] == []
    assert errors(answer) == {"absent": SECRET_NOT_FOUND}


def test_a_value_that_cannot_be_decrypted_fails_alone(deployment):
    key = create_key(deployment)
    broken = deployment.create("broken", KmsKeyId=key.key_id)
    deployment.create("app/db")

    def cut(tx):
        tx.delete_wrapped_keys(tx.find_secret_by_arn(deployment.account_id, deployment.region, broken))

    deployment.node.storage.write(cut)
    answer = batch(deployment, "broken", "app/db")
    assert values(answer) == {"app/db": VALUE}
    assert errors(answer)["broken"] == refusal(deployment, "GetSecretValue", SecretId="broken")
    assert errors(answer)["broken"][0] == "DecryptionFailure"


def test_only_the_current_version_is_answered(deployment):
    deployment.create("app/db", "current")
    deployment.put("app/db", 2, "pending", "AWSPENDING")
    (entry,) = batch(deployment, "app/db")["SecretValues"]
    assert (entry["SecretString"], entry["VersionStages"]) == ("current", ["AWSCURRENT"])


def test_an_id_named_twice_is_answered_twice(deployment):
    deployment.create("app/db")
    assert [entry["Name"] for entry in batch(deployment, "app/db", "app/db")["SecretValues"]] == ["app/db"] * 2
    assert [entry["SecretId"] for entry in batch(deployment, "absent", "absent")["Errors"]] == ["absent"] * 2


def test_another_accounts_secret_is_read_where_its_policy_allows(deployment):
    owner = deployment.elsewhere(account_id=OTHER_ACCOUNT)
    arn = owner.create("theirs", "shared", KmsKeyId=create_key(owner).key_id)
    allow = '{"Statement": {"Effect": "Allow", "Principal": {"AWS": "123456789012"}, "Action": "*", "Resource": "*"}}'
    owner.call("PutResourcePolicy", SecretId=arn, ResourcePolicy=allow)
    answer = batch(deployment, arn, "theirs")
    assert values(answer) == {"theirs": "shared"}
    assert errors(answer) == {"theirs": SECRET_NOT_FOUND}


# Filters


def test_filters_choose_the_secrets_as_list_secrets_would(deployment):
    for name in ("app/a", "app/b", "other"):
        deployment.create(name, f"value of {name}", Tags=[{"Key": "k", "Value": name}])
    answer = deployment.call("BatchGetSecretValue", Filters=BY_NAME)
    assert values(answer) == {"app/a": "value of app/a", "app/b": "value of app/b"}
    assert (answer["Errors"], "NextToken" in answer) == ([], False)
    narrower = [*BY_NAME, {"Key": "tag-value", "Values": ["!app/a"]}]
    assert values(deployment.call("BatchGetSecretValue", Filters=narrower)).keys() == {"app/b"}
    nothing = deployment.call("BatchGetSecretValue", Filters=[{"Key": "name", "Values": ["none"]}])
    assert nothing == {"SecretValues": [], "Errors": []}


def test_a_filter_that_list_secrets_refuses_is_refused(deployment):
    for filters in ([{"Values": ["x"]}], [{"Key": "name"}]):
        refused = refusal(deployment, "BatchGetSecretValue", Filters=filters)
        assert refused == refusal(deployment, "ListSecrets", Filters=filters)
        assert refused[0] == ILLEGAL


def test_filters_pass_over_scheduled_secrets_and_report_those_without_a_value(deployment):
    deployment.create("app/a")
    empty = deployment.create("app/empty", None)
    deployment.create("app/gone")
    deployment.call("DeleteSecret", SecretId="app/gone")
    answer = deployment.call("BatchGetSecretValue", Filters=BY_NAME)
    assert values(answer).keys() == {"app/a"}
    assert errors(answer) == {empty: stage_not_found("AWSCURRENT")}


def test_filters_never_find_another_accounts_secrets(deployment):
    owner = deployment.elsewhere(account_id=OTHER_ACCOUNT)
    arn = owner.create("app/theirs", KmsKeyId=create_key(owner).key_id)
    allow = '{"Statement": {"Effect": "Allow", "Principal": {"AWS": "123456789012"}, "Action": "*", "Resource": "*"}}'
    owner.call("PutResourcePolicy", SecretId=arn, ResourcePolicy=allow)
    assert deployment.call("BatchGetSecretValue", Filters=BY_NAME) == {"SecretValues": [], "Errors": []}


def test_pages_hold_every_secret_once_and_twenty_without_being_asked(deployment):
    names = [f"app/{number:02}" for number in range(23)]
    for name in names:
        deployment.create(name, f"value of {name}")
    first = deployment.call("BatchGetSecretValue", Filters=BY_NAME)
    rest = deployment.call("BatchGetSecretValue", Filters=BY_NAME, NextToken=first["NextToken"])
    assert ([*values(first)], [*values(rest)]) == (names[:20], names[20:])
    assert "NextToken" not in rest
    seen, more = [], {}
    while True:
        page = deployment.call("BatchGetSecretValue", Filters=BY_NAME, MaxResults=7, **more)
        seen += values(page)
        if "NextToken" not in page:
            break
        more = {"NextToken": page["NextToken"]}
    assert seen == names


def test_a_page_token_is_good_for_its_own_filters_only(deployment):
    for number in range(3):
        deployment.create(f"app/{number}")
    page = deployment.call("BatchGetSecretValue", Filters=BY_NAME, MaxResults=1)
    other = [{"Key": "name", "Values": ["other/"]}]
    for filters, next_token in ((other, page["NextToken"]), (BY_NAME, "junk")):
        code, _ = refusal(deployment, "BatchGetSecretValue", Filters=filters, NextToken=next_token)
        assert code == "InvalidNextTokenException"


@pytest.mark.parametrize("count", [0, 21])
def test_a_page_has_one_to_twenty_secrets(deployment, count):
    code, _ = refusal(deployment, "BatchGetSecretValue", Filters=BY_NAME, MaxResults=count)
    assert code == "ValidationException"


# The trail


def records_of(deployment, **members: Any) -> list[dict[str, Any]]:
    seen = len(deployment.trail())
    deployment.call("BatchGetSecretValue", **members)
    return deployment.trail()[seen:]


def test_every_secret_has_a_record_of_its_own_and_the_batch_one_more(deployment):
    deployment.create("app/db", "never-on-the-trail")
    for _ in range(2):  # the first read of the day has its date written down, the second has not
        records = records_of(deployment, SecretIdList=["app/db", "absent"])
        assert [record["eventName"] for record in records] == [
            "GetSecretValue",
            "GetSecretValue",
            "BatchGetSecretValue",
        ]
        assert [record["requestParameters"] for record in records] == [
            {"secretId": "app/db"},
            {"secretId": "absent"},
            {"secretIdList": ["app/db", "absent"]},
        ]
        assert [record.get("errorCode") for record in records] == [None, "ResourceNotFoundException", None]
        assert all(record["readOnly"] and record["responseElements"] is None for record in records)
        assert len({record["eventID"] for record in records}) == 3
        assert len({record["requestID"] for record in records}) == 1
        assert "never-on-the-trail" not in str(records)


def test_a_batch_by_filters_records_its_listing_too(deployment):
    arn = deployment.create("app/db")
    records = records_of(deployment, Filters=BY_NAME, MaxResults=3)
    assert [(record["eventName"], record["requestParameters"]) for record in records] == [
        ("ListSecrets", {"filters": [{"key": "name", "values": ["app/"]}], "maxResults": 3}),
        ("GetSecretValue", {"secretId": arn}),
        ("BatchGetSecretValue", {"filters": [{"key": "name", "values": ["app/"]}], "maxResults": 3}),
    ]


def test_an_id_named_twice_has_two_records_that_can_be_told_apart(deployment):
    deployment.create("app/db")
    for secret_id in ("app/db", "absent"):
        records = records_of(deployment, SecretIdList=[secret_id] * 2)
        assert len(records) == len({record["eventID"] for record in records}) == 3


def test_a_refused_batch_reads_nothing_and_has_one_record(deployment):
    deployment.create("app/db")
    seen = len(deployment.trail())
    with pytest.raises(ServiceError):
        deployment.call("BatchGetSecretValue", SecretIdList=["app/db"], MaxResults=1)
    (record,) = deployment.trail()[seen:]
    assert (record["eventName"], record["errorCode"], record["errorMessage"]) == (
        "BatchGetSecretValue",
        *filters_needed("MaxResults"),
    )
    assert "LastAccessedDate" not in deployment.call("DescribeSecret", SecretId="app/db")


def test_a_batch_is_an_access_of_each_secret_it_could_read(deployment):
    deployment.create("app/db")
    deployment.create("empty", None)
    batch(deployment, "app/db", "empty")
    assert deployment.call("DescribeSecret", SecretId="app/db")["LastAccessedDate"] % 86_400 == 0
    assert "LastAccessedDate" not in deployment.call("DescribeSecret", SecretId="empty")
