from __future__ import annotations

from typing import Any

import pytest

from support.clock import NOW
from support.deployment import token
from support.refusals import SECRET_NOT_FOUND, refusal

START = NOW.timestamp()


def listed(deployment, **members: Any):
    return deployment.call("ListSecretVersionIds", SecretId="app/db", **members)


def pages(deployment, **members: Any):
    """Return the version numbers of every page."""
    page = listed(deployment, **members)
    found = [[int(version["VersionId"][:8]) for version in page["Versions"]]]
    while "NextToken" in page:
        page = listed(deployment, **members, NextToken=page["NextToken"])
        found.append([int(version["VersionId"][:8]) for version in page["Versions"]])
    return found


@pytest.fixture
def five_versions(deployment):
    """Versions 1 to 3 are deprecated, 4 is previous, 5 current."""
    deployment.create()
    for number in range(2, 6):
        deployment.put("app/db", number)
    return deployment


def test_labelled_versions_are_listed_with_dates_and_keys(deployment):
    arn = deployment.create("app/db", "v")
    deployment.put(arn, 2)
    deployment.put(arn, 3)
    default = ["DefaultEncryptionKey"]
    assert deployment.call("ListSecretVersionIds", SecretId=arn) == {
        "ARN": arn,
        "Name": "app/db",
        "Versions": [
            {
                "VersionId": token(2),
                "VersionStages": ["AWSPREVIOUS"],
                "CreatedDate": START + 2,
                "KmsKeyIds": default,
            },
            {"VersionId": token(3), "VersionStages": ["AWSCURRENT"], "CreatedDate": START + 3, "KmsKeyIds": default},
        ],
    }


def test_deprecated_versions_appear_on_request_without_labels(deployment):
    deployment.create()
    deployment.put("app/db", 2)
    deployment.put("app/db", 3)
    versions = {version["VersionId"]: version for version in listed(deployment, IncludeDeprecated=True)["Versions"]}
    assert versions.keys() == {token(1), token(2), token(3)}
    assert versions[token(1)] == {
        "VersionId": token(1),
        "CreatedDate": START + 1,
        "KmsKeyIds": ["DefaultEncryptionKey"],
    }


def test_a_secret_without_a_value_has_an_empty_list(deployment):
    arn = deployment.create("app/db", None)
    assert listed(deployment) == {"ARN": arn, "Name": "app/db", "Versions": []}


def test_pages_hold_every_version_once(five_versions):
    cases: list[tuple[dict[str, Any], list[list[int]]]] = [
        ({}, [[4, 5]]),
        ({"MaxResults": 1}, [[4], [5]]),
        ({"MaxResults": 2}, [[4, 5]]),
        ({"IncludeDeprecated": True, "MaxResults": 2}, [[1, 2], [3, 4], [5]]),
        ({"IncludeDeprecated": True, "MaxResults": 5}, [[1, 2, 3, 4, 5]]),
        ({"IncludeDeprecated": True, "MaxResults": 100}, [[1, 2, 3, 4, 5]]),
    ]
    for members, expected in cases:
        assert (members, pages(five_versions, **members)) == (members, expected)


def test_versions_of_one_instant_are_paged_one_by_one(deployment):
    deployment.create()
    for number in (5, 3, 4, 2):
        deployment.clock.advance_seconds(-1)
        deployment.put("app/db", number)
    found = pages(deployment, IncludeDeprecated=True, MaxResults=1)
    assert sorted(found) == [[1], [2], [3], [4], [5]]


def test_a_token_is_good_for_its_own_listing_only(five_versions):
    deployment = five_versions
    deployment.create("other")
    for number in range(2, 4):
        deployment.put("other", number)
    page = listed(deployment, IncludeDeprecated=True, MaxResults=1)["NextToken"]
    secrets = deployment.call("ListSecrets", MaxResults=1)["NextToken"]
    wrong: list[dict[str, Any]] = [
        {"NextToken": page},
        {"NextToken": page, "IncludeDeprecated": True, "SecretId": "other"},
        {"NextToken": secrets, "IncludeDeprecated": True},
        {"NextToken": "1", "IncludeDeprecated": True},
        {"NextToken": "é", "IncludeDeprecated": True},
        {"NextToken": page[:-4], "IncludeDeprecated": True},
        {"NextToken": page.swapcase(), "IncludeDeprecated": True},
    ]
    for members in wrong:
        code, _ = refusal(deployment, "ListSecretVersionIds", **{"SecretId": "app/db", **members})
        assert (members, code) == (members, "InvalidNextTokenException")
    rest = listed(deployment, IncludeDeprecated=True, MaxResults=100, NextToken=page)
    assert len(rest["Versions"]) == 4


def test_a_scheduled_secret_is_listed_and_an_unknown_one_not_found(deployment):
    assert refusal(deployment, "ListSecretVersionIds", SecretId="app/db") == SECRET_NOT_FOUND
    deployment.create()
    deployment.call("DeleteSecret", SecretId="app/db")
    assert pages(deployment) == [[1]]
