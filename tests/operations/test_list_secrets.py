from __future__ import annotations

from typing import Any

import pytest

from strongroom.operations import list_secrets, ways
from support.clock import NOW
from support.deployment import token
from support.refusals import refusal

START = NOW.timestamp()
DAY = 86_400


def pages(deployment, **members: Any):
    """Return the names on every page."""
    page = deployment.call("ListSecrets", **members)
    found = [[entry["Name"] for entry in page["SecretList"]]]
    while "NextToken" in page:
        page = deployment.call("ListSecrets", **members, NextToken=page["NextToken"])
        found.append([entry["Name"] for entry in page["SecretList"]])
    return found


def names(deployment, **members: Any):
    return [name for page in pages(deployment, **members) for name in page]


def test_an_entry_is_the_description_of_the_secret_under_the_listings_own_name_for_labels(deployment):
    arn = deployment.create("app/db", "s3cr3t", Description="d", Tags=[{"Key": "a", "Value": "b"}])
    deployment.call("GetSecretValue", SecretId=arn)
    deployment.put(arn, 2)
    deployment.create("empty", None)
    listed = deployment.call("ListSecrets")
    assert listed == {
        "SecretList": [
            {
                "ARN": arn,
                "Name": "app/db",
                "Description": "d",
                "Tags": [{"Key": "a", "Value": "b"}],
                "SecretVersionsToStages": {token(1): ["AWSPREVIOUS"], token(2): ["AWSCURRENT"]},
                "CreatedDate": START + 1,
                "LastChangedDate": START + 3,
                "LastAccessedDate": START - START % DAY,
            },
            {
                "ARN": listed["SecretList"][1]["ARN"],
                "Name": "empty",
                "CreatedDate": START + 4,
                "LastChangedDate": START + 4,
            },
        ]
    }
    described = deployment.call("DescribeSecret", SecretId=arn)
    described["SecretVersionsToStages"] = described.pop("VersionIdsToStages")
    assert listed["SecretList"][0] == described


def test_no_secrets_are_an_empty_list(deployment):
    assert deployment.call("ListSecrets") == {"SecretList": []}


@pytest.fixture
def seven_secrets(deployment):
    """Created b, then A, a and Z at one instant, then three more; changed and read in other orders."""
    deployment.create("b", "v")
    deployment.create("A", "v")
    for name in ("a", "Z"):
        deployment.clock.advance_seconds(-1)
        deployment.create(name, "v")
    for name in ("/x", "_", "app"):
        deployment.create(name, "v")
    deployment.call("UpdateSecret", SecretId="A", Description="changed")
    deployment.call("GetSecretValue", SecretId="app")
    deployment.call("GetSecretValue", SecretId="b")
    deployment.clock.advance_seconds(DAY)
    deployment.call("GetSecretValue", SecretId="_")
    return deployment


ORDERS = {
    "created-date": [{"b"}, {"A", "a", "Z"}, {"/x"}, {"_"}, {"app"}],
    "last-changed-date": [{"b"}, {"a", "Z"}, {"/x"}, {"_"}, {"app"}, {"A"}],
    "last-accessed-date": [{"A", "a", "Z", "/x"}, {"app", "b"}, {"_"}],
    "name": [{"/x"}, {"A"}, {"Z"}, {"_"}, {"a"}, {"app"}, {"b"}],
}
"""Each order as groups of secrets that tie."""


def in_groups(listed, groups):
    """Return the listed names cut into sets of the groups' sizes."""
    rest, cut = list(listed), []
    for group in groups:
        cut.append(set(rest[: len(group)]))
        rest = rest[len(group) :]
    assert rest == []
    return cut


def test_every_order_holds_every_secret_once_and_descending_is_its_reverse(seven_secrets):
    for order, groups in ORDERS.items():
        ascending = names(seven_secrets, SortBy=order)
        assert in_groups(ascending, groups) == groups
        assert names(seven_secrets, SortBy=order, SortOrder="asc") == ascending
        assert names(seven_secrets, SortBy=order, SortOrder="desc") == ascending[::-1]


@pytest.mark.parametrize("direction", ["asc", "desc"])
def test_pages_of_any_size_follow_the_order(seven_secrets, direction):
    for order in ORDERS:
        whole = names(seven_secrets, SortBy=order, SortOrder=direction)
        for size in (1, 2, 3, 6, 7, 8):
            found = pages(seven_secrets, SortBy=order, SortOrder=direction, MaxResults=size)
            assert [name for page in found for name in page] == whole
            assert all(len(page) <= size for page in found)


def test_the_default_order_is_by_creation_oldest_first(seven_secrets):
    assert names(seven_secrets) == names(seven_secrets, SortBy="created-date", SortOrder="asc")
    assert names(seven_secrets, SortOrder="desc") == names(seven_secrets)[::-1]


def test_a_page_has_a_hundred_secrets_unless_fewer_are_asked_for(deployment):
    for number in range(101):
        deployment.create(f"s{number:03}", None)
    assert [len(page) for page in pages(deployment)] == [100, 1]
    assert [len(page) for page in pages(deployment, MaxResults=100)] == [100, 1]
    assert [len(page) for page in pages(deployment, MaxResults=40)] == [40, 40, 21]


def test_the_last_full_page_has_no_successor(seven_secrets):
    assert [len(page) for page in pages(seven_secrets, MaxResults=7)] == [7]
    filtered = {"Filters": [{"Key": "name", "Values": ["a", "b"]}], "MaxResults": 3}
    assert pages(seven_secrets, **filtered) == [["b", "a", "app"]]


def test_a_call_examines_a_bounded_number_of_secrets_and_its_page_may_be_empty(seven_secrets, monkeypatch):
    monkeypatch.setattr(list_secrets, "MAX_EXAMINED", 2)
    monkeypatch.setattr(ways, "CHUNK", 1)
    all_but_b = [{"Key": "name", "Values": ["!" + name]} for name in ("/", "A", "Z", "_", "a")]
    found = pages(seven_secrets, SortBy="name", Filters=all_but_b)
    assert found[:3] == [[], [], []]
    assert [name for page in found for name in page] == ["b"]


def test_scheduled_secrets_are_hidden_unless_asked_for(deployment):
    for name in ("a", "b", "c"):
        deployment.create(name, None)
    deleted = deployment.call("DeleteSecret", SecretId="b")
    assert names(deployment) == ["a", "c"]
    assert pages(deployment, MaxResults=1) == [["a"], ["c"]]
    assert names(deployment, IncludePlannedDeletion=False) == ["a", "c"]
    assert names(deployment, IncludePlannedDeletion=True) == ["a", "b", "c"]
    entries = deployment.call("ListSecrets", IncludePlannedDeletion=True)["SecretList"]
    assert [entry.get("DeletedDate") for entry in entries] == [None, deleted["DeletionDate"], None]
    deployment.call("RestoreSecret", SecretId="b")
    assert names(deployment) == ["a", "b", "c"]


def test_a_page_of_scheduled_secrets_does_not_end_the_listing(deployment):
    for number in range(8):
        deployment.create(f"s{number}", None)
        if number not in {0, 7}:
            deployment.call("DeleteSecret", SecretId=f"s{number}")
    assert names(deployment, MaxResults=1) == ["s0", "s7"]


@pytest.fixture
def secrets_to_filter(deployment):
    deployment.create("app/db", None, Description="the main database")
    deployment.create("app/web", None, Tags=[{"Key": "team", "Value": "BlueOcean"}])
    deployment.create("App", None)
    deployment.create("/root", None)
    deployment.create("plain", None, Description="Data of old")
    return deployment


FILTERS = [
    ([("name", "app")], {"app/db", "app/web"}),
    ([("name", "App")], {"App"}),
    ([("name", "/")], {"/root"}),
    ([("name", "!app")], {"App", "/root", "plain"}),
    ([("name", "db")], set()),
    ([("name", "app/db", "/")], {"app/db", "/root"}),
    ([("name", "app"), ("description", "database")], {"app/db"}),
    ([("name", "app"), ("name", "!app/w")], {"app/db"}),
    ([("description", "DATA")], {"app/db", "plain"}),
    ([("description", "main data")], {"app/db"}),
    ([("tag-key", "te")], {"app/web"}),
    ([("tag-key", "Te")], set()),
    ([("tag-value", "Blue")], {"app/web"}),
    ([("tag-key", "!team")], {"app/db", "App", "/root", "plain"}),
    ([("all", "blue")], {"app/web"}),
    ([("all", "web")], {"app/web"}),
    ([("primary-region", "eu")], set()),
    ([("owning-service", "rds")], set()),
]
"""Filters, each a key and its values, and the names they find."""


def test_filters_find(secrets_to_filter):
    for filters, expected in FILTERS:
        wire = [{"Key": key, "Values": values} for key, *values in filters]
        assert (filters, set(names(secrets_to_filter, Filters=wire))) == (filters, expected)
        assert (filters, set(names(secrets_to_filter, Filters=wire, MaxResults=1))) == (filters, expected)


def test_a_filter_needs_a_key_and_values(deployment):
    assert refusal(deployment, "ListSecrets", Filters=[{"Values": ["a"]}]) == (
        "InvalidParameterException",
        "Invalid filter key",
    )
    assert refusal(deployment, "ListSecrets", Filters=[{"Key": "name"}]) == (
        "InvalidParameterException",
        "Invalid filter values for key: name",
    )


def test_a_token_is_opaque_and_good_for_its_own_listing_only(seven_secrets):
    deployment = seven_secrets
    members = {"SortBy": "name", "Filters": [{"Key": "name", "Values": ["!zz"]}]}
    good = deployment.call("ListSecrets", **members, MaxResults=2)["NextToken"]
    deployment.put("b", 2)
    of_versions = deployment.call("ListSecretVersionIds", SecretId="b", MaxResults=1)["NextToken"]
    wrong: list[dict[str, Any]] = [
        {"NextToken": "1"},
        {"NextToken": "junk junk"},
        {"NextToken": "é"},
        {"NextToken": good[:-4]},
        {"NextToken": good + good},
        {"NextToken": of_versions},
        {"NextToken": good, "SortBy": "created-date"},
        {"NextToken": good, "SortOrder": "desc"},
        {"NextToken": good, "IncludePlannedDeletion": True},
        {"NextToken": good, "Filters": []},
        {"NextToken": good, "Filters": [{"Key": "name", "Values": ["!zz", "a"]}]},
    ]
    for changes in wrong:
        code, _ = refusal(deployment, "ListSecrets", **{**members, **changes})
        assert (changes, code) == (changes, "InvalidNextTokenException")
    for one in (deployment.elsewhere(region="us-east-1"), deployment.elsewhere(account_id="999988887777")):
        code, _ = refusal(one, "ListSecrets", **members, NextToken=good)
        assert code == "InvalidNextTokenException"
    rest = deployment.call("ListSecrets", **members, NextToken=good, MaxResults=100, SortOrder="asc")
    assert [entry["Name"] for entry in rest["SecretList"]] == ["Z", "_", "a", "app", "b"]


def test_a_listing_goes_on_when_secrets_come_and_go_between_its_pages(deployment):
    for name in ("a", "b", "c", "d"):
        deployment.create(name, None)
    first = deployment.call("ListSecrets", MaxResults=2)
    deployment.call("DeleteSecret", SecretId="b", ForceDeleteWithoutRecovery=True)
    deployment.call("DeleteSecret", SecretId="c")
    deployment.run_jobs()
    deployment.create("e", None)
    rest = deployment.call("ListSecrets", MaxResults=2, NextToken=first["NextToken"])
    assert [entry["Name"] for entry in rest["SecretList"]] == ["d", "e"]


def test_accounts_and_regions_do_not_see_each_other(deployment):
    deployment.create("here", None)
    deployment.elsewhere(region="us-east-1").create("there", None)
    deployment.elsewhere(account_id="999988887777").create("theirs", None)
    assert names(deployment) == ["here"]
    assert names(deployment.elsewhere(region="us-east-1")) == ["there"]
    assert names(deployment.elsewhere(account_id="999988887777")) == ["theirs"]
