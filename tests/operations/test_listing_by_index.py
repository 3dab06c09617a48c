"""What the index narrows is what looking at every secret would find, in every order, and it follows every change."""

from __future__ import annotations

from datetime import date, timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from strongroom.domain.filtering import Filter, FilterKey, compile_filters
from strongroom.domain.listing import SortBy, position_of
from strongroom.domain.secret import Secret, Tag
from strongroom.operations import list_secrets, ways
from strongroom.storage import sql_listings
from strongroom.storage.sql import Query
from support.clock import NOW
from support.deployment import Deployment
from support.factories import make_secret

AWAY = "us-east-1"
PARTS = ["a", "b", "aB", "Ab", "1", "a1", "é", "ß", "AB", "app", "x" * 70, "x" * 70 + "y"]
SMALL = {
    list_secrets: {"MAX_EXAMINED": 12},
    ways: {"FEW_CANDIDATES": 2, "MAX_CANDIDATES": 9, "MAX_TERMS": 3, "SHORT_STRETCH": 5, "CHUNK": 4},
    sql_listings: {"MAX_PASSED": 7},
}
"""Limits so low that some dozens of secrets reach every one of them."""


def random_secrets(random: Random) -> list[Secret]:
    def text() -> str:
        return random.choice(["/", " ", "-", ""]).join(random.choices(PARTS, k=random.randrange(3)))

    def tags() -> tuple[Tag, ...] | None:
        return random.choice([None, (), tuple(Tag(text(), text()) for _ in range(random.randrange(3)))])

    return [
        make_secret(
            name=f"{text().replace('é', 'e').replace('ß', 's')}{number}",
            arn=f"arn:{number * 7 % 60:02d}",
            created_at=NOW + timedelta(seconds=random.randrange(20)),
            last_changed_at=NOW + timedelta(seconds=random.randrange(20)),
            last_accessed_on=random.choice([None, date(2030, 1, 1), date(2030, 1, 2)]),
            description=text(),
            tags=tags(),
            purge_at=random.choice([None, None, NOW]),
            primary_region=random.choice([None, "eu-central-1"]),
            owning_service=random.choice([None, "rds"]),
        )
        for number in range(60)
    ]


@pytest.fixture
def crowded(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> tuple[Deployment, list[Secret]]:
    secrets = random_secrets(Random(7))
    elsewhere = [make_secret(name=secret.name, region=AWAY, tags=secret.tags) for secret in secrets]
    deployment.node.storage.write(lambda tx: [tx.insert_secret(secret) for secret in (*elsewhere, *secrets)])
    for module, limits in SMALL.items():
        for name, value in limits.items():
            monkeypatch.setattr(module, name, value)
    return deployment, secrets


VALUES = st.builds(
    str.__add__,
    st.sampled_from(["", "", "", "!"]),
    st.sampled_from(["", "a", "A", "b", "1", "a b", "app", "+", "x" * 70, "x" * 70 + "y", "eu-", "rds", "aB/1"]),
)
FILTERS = st.lists(
    st.builds(Filter, st.sampled_from(FilterKey), st.lists(VALUES, min_size=1, max_size=3).map(tuple)), max_size=3
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(FILTERS, st.sampled_from(SortBy), st.booleans(), st.booleans(), st.integers(1, 9))
def test_pages_hold_what_the_predicate_lets_pass_in_order(crowded, filters, order, descending, scheduled, size):
    deployment, secrets = crowded
    passes = compile_filters(filters)
    expected = [secret for secret in secrets if passes(secret) and (scheduled or secret.purge_at is None)]
    expected.sort(key=lambda secret: (position_of(secret, order).value, secret.name), reverse=descending)
    members: dict[str, Any] = {
        "Filters": [{"Key": each.key.value, "Values": list(each.values)} for each in filters],
        "SortBy": order.value,
        "SortOrder": "desc" if descending else "asc",
        "IncludePlannedDeletion": scheduled,
        "MaxResults": size,
    }
    page = deployment.call("ListSecrets", **members)
    found = [page["SecretList"]]
    while "NextToken" in page:
        page = deployment.call("ListSecrets", **members, NextToken=page["NextToken"])
        found.append(page["SecretList"])
    assert [entry["ARN"] for entries in found for entry in entries] == [secret.arn for secret in expected]
    assert all(len(entries) <= size for entries in found)


def found_by(deployment: Deployment, key: str, value: str, **members: Any) -> list[str]:
    answer = deployment.call("ListSecrets", Filters=[{"Key": key, "Values": [value]}], **members)
    return [entry["Name"] for entry in answer["SecretList"]]


EVERY_TERM = Query("every_term", "SELECT name, term FROM secret_terms", tuple)


def indexed(deployment: Deployment) -> list[tuple[str, str]]:
    """Return the index's own rows."""
    rows = deployment.node.storage.read(lambda tx: tx._execute(EVERY_TERM, {}))
    return sorted(tuple(row) for row in rows)


def test_tags_and_words_follow_every_change(deployment: Deployment) -> None:
    deployment.create("app", None, Description="old words", Tags=[{"Key": "team", "Value": "Blue"}])
    deployment.call("TagResource", SecretId="app", Tags=[{"Key": "stage", "Value": "test"}])
    assert found_by(deployment, "tag-key", "sta") == found_by(deployment, "all", "test") == ["app"]
    deployment.call("TagResource", SecretId="app", Tags=[{"Key": "team", "Value": "Green"}])
    assert found_by(deployment, "tag-value", "Blue") == found_by(deployment, "all", "blue") == []
    assert found_by(deployment, "tag-value", "Gr") == ["app"]
    deployment.call("UntagResource", SecretId="app", TagKeys=["team", "stage"])
    assert found_by(deployment, "tag-key", "team") == found_by(deployment, "all", "stage") == []
    deployment.call("UpdateSecret", SecretId="app", Description="new words")
    assert found_by(deployment, "description", "old") == []
    assert found_by(deployment, "description", "new wor") == found_by(deployment, "all", "new") == ["app"]
    assert indexed(deployment) == [("app", "dnew"), ("app", "dwords"), ("app", "wapp")]


def test_the_index_follows_replication_and_promotion(deployment: Deployment) -> None:
    deployment.create("app", None, Description="copied", AddReplicaRegions=[{"Region": AWAY}])
    deployment.run_jobs()
    away = deployment.elsewhere(region=AWAY)
    assert found_by(away, "description", "copied") == found_by(away, "primary-region", "eu-") == ["app"]
    deployment.call("UpdateSecret", SecretId="app", Description="moved")
    deployment.run_jobs()
    assert (found_by(away, "description", "copied"), found_by(away, "description", "moved")) == ([], ["app"])
    away.call("StopReplicationToReplica", SecretId="app")
    assert found_by(away, "primary-region", "eu-") == []


def test_a_purge_leaves_no_terms_and_a_scheduled_secret_keeps_them(deployment: Deployment) -> None:
    deployment.create("app", None, Description="gone", Tags=[{"Key": "team", "Value": "Blue"}])
    deployment.create("app2", None)
    deployment.call("DeleteSecret", SecretId="app")
    assert found_by(deployment, "description", "gone") == []
    assert found_by(deployment, "description", "gone", IncludePlannedDeletion=True) == ["app"]
    deployment.clock.advance_seconds(31 * 86_400)
    deployment.run_jobs()
    assert indexed(deployment) == [("app2", "w2"), ("app2", "wapp")]
    deployment.create("app", None)
    assert found_by(deployment, "description", "gone") == []


def test_a_name_taken_again_by_force_has_only_its_new_terms(deployment: Deployment) -> None:
    deployment.create("app", None, Description="first")
    deployment.call("DeleteSecret", SecretId="app", ForceDeleteWithoutRecovery=True)
    deployment.run_jobs()
    deployment.create("app", None, Description="second")
    assert indexed(deployment) == [("app", "dsecond"), ("app", "wapp")]


def test_batch_get_secret_value_reads_what_a_filter_finds(deployment: Deployment) -> None:
    for number in range(30):
        deployment.create(f"app/{number:02d}", f"value {number}", Description="odd" if number % 2 else "even")
    members: dict[str, Any] = {"Filters": [{"Key": "description", "Values": ["odd"]}], "MaxResults": 10}
    first = deployment.call("BatchGetSecretValue", **members)
    rest = deployment.call("BatchGetSecretValue", **members, NextToken=first["NextToken"])
    read = [entry["Name"] for page in (first, rest) for entry in page["SecretValues"]]
    assert read == [f"app/{number:02d}" for number in range(1, 30, 2)]
    assert "NextToken" not in rest


FOUND_BY_INDEX = [
    ("name", "s0001"),
    ("tag-key", "rare"),
    ("tag-value", "Rare"),
    ("all", "zebra"),
    ("description", "ze"),
]


@pytest.mark.parametrize("order", SortBy)
@pytest.mark.parametrize(("key", "value"), FOUND_BY_INDEX)
def test_what_the_index_finds_is_all_that_is_looked_at(deployment, monkeypatch, key, value, order):
    crowd = [make_secret(name=f"s{number:04d}", created_at=NOW - timedelta(seconds=number)) for number in range(300)]
    members = {"description": "a zebra", "tags": (Tag("rare", "Rare"),)}
    secrets = [*crowd, make_secret(name="s0001x", **members), make_secret(name="s00011", **members)]
    deployment.node.storage.write(lambda tx: [tx.insert_secret(secret) for secret in secrets])
    looked_at = watch(monkeypatch)
    wanted = {"s0001", "s00011", "s0001x"} if key == "name" else {"s00011", "s0001x"}
    assert set(found_by(deployment, key, value, SortBy=order.value)) == wanted
    assert sorted(looked_at) == sorted(wanted)


def test_a_page_of_live_secrets_looks_at_no_scheduled_ones(deployment, monkeypatch):
    scheduled = [
        make_secret(name=f"s{number:04d}", purge_at=None if number in {0, 299} else NOW) for number in range(300)
    ]
    deployment.node.storage.write(lambda tx: [tx.insert_secret(secret) for secret in scheduled])
    for order in SortBy:
        looked_at = watch(monkeypatch)
        answer = deployment.call("ListSecrets", SortBy=order.value, MaxResults=2)
        assert {entry["Name"] for entry in answer["SecretList"]} == set(looked_at) == {"s0000", "s0299"}
        assert "NextToken" not in answer


def test_a_common_filter_looks_at_little_more_than_the_page_holds(deployment, monkeypatch):
    secrets = [make_secret(name=f"s{number:04d}", tags=(Tag("team", "Blue"),)) for number in range(700)]
    deployment.node.storage.write(lambda tx: [tx.insert_secret(secret) for secret in secrets])
    for key, value in (("name", "s"), ("tag-key", "te"), ("all", "blue")):
        looked_at = watch(monkeypatch)
        assert len(found_by(deployment, key, value)) == 100
        assert len(looked_at) == 101


def watch(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the names, as they come, of the secrets that ListSecrets asks its predicate about."""
    looked_at: list[str] = []
    original = list_secrets.filtering.compile_filters

    def compile_and_watch(filters: Any) -> Any:
        passes = original(filters)
        return lambda secret: looked_at.append(secret.name) or passes(secret)

    monkeypatch.setattr(list_secrets.filtering, "compile_filters", compile_and_watch)
    return looked_at


@pytest.mark.parametrize(
    "filters", [[], [("tag-key", "team")], [("all", "blue")], [("name", "s")]], ids=["none", "tag", "word", "name"]
)
def test_the_number_of_statements_does_not_grow_with_the_page(deployment, filters):
    secrets = [make_secret(name=f"s{number:04d}", tags=(Tag("team", "Blue"),)) for number in range(120)]
    deployment.node.storage.write(lambda tx: [tx.insert_secret(secret) for secret in secrets])
    wire = [{"Key": key, "Values": [value]} for key, value in filters]
    assert statements(deployment, Filters=wire, MaxResults=2) == statements(deployment, Filters=wire, MaxResults=100)


def statements(deployment: Deployment, **members: Any) -> int:
    """Return how many statements a listing runs."""
    storage = deployment.node.storage
    texts: list[str] = []
    original = storage.read

    def read(work: Any, given: Any = None) -> Any:
        def counted(tx: Any) -> Any:
            execute = tx._execute
            tx._execute = lambda query, params: texts.append(query.name) or execute(query, params)
            return work(tx)

        return original(counted, given)

    storage.read = read
    try:
        deployment.call("ListSecrets", **members)
    finally:
        del storage.read
    return len(texts)
