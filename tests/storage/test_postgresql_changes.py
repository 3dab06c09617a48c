"""Changes of several calls told together: the same rows as told one by one, in fewer statements."""

from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec.structs import replace

from strongroom.domain.secret import RotationSettings, Tag
from strongroom.storage.postgresql_changes import combined
from strongroom.storage.rows import touched_params
from strongroom.storage.sql import load
from strongroom.storage.transaction import SqlTransaction
from support.clock import NOW
from support.factories import make_secret
from support.storages import make_version, run_sql, sealed_value

QUERIES = load("postgresql")

PLAIN = make_secret(name="plain")
FULL = make_secret(
    name="full",
    description='quotes " and \\ and \U0001f511',
    kms_key_id="alias/mine",
    tags=(Tag("team", 'a"b'), Tag("empty", "")),
    last_accessed_on=NOW.date(),
    deleted_at=NOW,
    purge_at=NOW + timedelta(days=7),
    owning_service="rds",
    primary_region="eu-west-1",
    type="kind",
    cross_account_primary="arn:other",
)
ROTATION = RotationSettings(enabled=True, lambda_arn='quotes " and \\')
EMPTY_VERSION = make_version(2, sealed=None, kms_key_id="key", last_accessed_on=NOW.date(), deleted_at=NOW)
LARGE_VERSION = make_version(3, sealed=sealed_value(3, size=90_000))


def changes_of(work):
    """Return what a work changes, as a call on what was brought collects it."""
    collected = []

    def collect(query, params):
        if not query.text.startswith("SELECT"):
            collected.append((query, params))
        return []

    work(SqlTransaction(collect, QUERIES, writable=True))
    return collected


def make(secret, versions):
    def work(tx):
        tx.insert_secret(secret)
        for version in versions:
            tx.insert_version(secret, version)
        tx.put_stages(secret, {}, {f"label{number}": version.version_id for number, version in enumerate(versions)})

    return changes_of(work)


def relabel(secret, version):
    def work(tx):
        tx.insert_version(secret, version)
        tx.put_stages(secret, {"label0": "old", "label1": "gone"}, {"label0": version.version_id})
        tx.put_secret(replace(secret, description="changed", revision=9))

    return changes_of(work)


def told(postgresql, changes):
    postgresql.write(lambda tx: [tx._execute(query, params) for query, params in changes])


def rows_of(postgres_url):
    tables = {"secrets": "arn", "versions": "arn, version_id", "stages": "arn, label", "secret_terms": "name, term"}
    return {table: run_sql(postgres_url, f"SELECT * FROM {table} ORDER BY {order}") for table, order in tables.items()}


CALLS = [make(PLAIN, [make_version(1)]), make(FULL, [make_version(1), EMPTY_VERSION, LARGE_VERSION])]
LATER_CALLS = [relabel(PLAIN, make_version(5)), relabel(FULL, make_version(6))]


def test_rows_told_together_are_the_rows_told_one_by_one(postgresql, postgres_url):
    touches = [touch(PLAIN, 8), touch(FULL, 9)]
    for calls in (CALLS, LATER_CALLS, touches):
        told(postgresql, [change for changes in calls for change in changes])
    one_by_one = rows_of(postgres_url)
    told(postgresql, changes_of(lambda tx: [(tx.delete_versions(one), tx.delete_secret(one)) for one in (PLAIN, FULL)]))
    run_sql(postgres_url, "DELETE FROM secret_terms")
    for calls in (CALLS, LATER_CALLS, touches):
        told(postgresql, combined(QUERIES, calls))
    assert rows_of(postgres_url) == one_by_one
    assert all(one_by_one.values())


def touch(secret, number):
    """Return a new value of a secret."""

    def work(tx):
        tx.insert_version(secret, make_version(number))
        tx.put_stages(secret, {}, {"label0": make_version(number).version_id})

    changed = replace(secret, last_changed_at=NOW + timedelta(number), revision=number, rotation=ROTATION)
    return [*changes_of(work), (QUERIES.writing["touch_secret"], touched_params(changed))]


def test_new_values_of_many_secrets_take_three_statements():
    calls = [touch(make_secret(name=f"n{number}"), number + 1) for number in range(20)]
    names = [query.name for query, _ in combined(QUERIES, calls)]
    assert names == ["insert_version together", "put_stage together", "touch_secret together"]


def test_a_secret_that_is_changed_twice_by_a_call_is_changed_in_its_order():
    call = touch(PLAIN, 1) + changes_of(lambda tx: tx.put_secret(PLAIN))
    assert list(combined(QUERIES, [call])) == call


def test_each_table_takes_one_statement_however_many_calls_there_are():
    calls = [relabel(make_secret(name=f"n{number}"), make_version(number + 1)) for number in range(20)]
    names = [query.name for query, _ in combined(QUERIES, calls)]
    assert names[:2] == ["insert_version together", "put_stage together"]
    assert sorted(names[2:]) == ["delete_stage"] * 20 + ["put_secret"] * 20


def test_a_secret_comes_before_its_versions_and_they_before_their_labels():
    names = [query.name for query, _ in combined(QUERIES, CALLS)]
    assert names == ["insert_secret together", "insert_version together", "put_stage together"] + ["insert_terms"] * 2


@pytest.mark.parametrize(
    "work",
    [
        lambda tx: (tx.insert_version(PLAIN, make_version(1)), tx.delete_versions(PLAIN)),
        lambda tx: (tx.put_version(PLAIN, make_version(1)), tx.put_stages(PLAIN, {}, {"a": "1"})),
        lambda tx: (tx.delete_policies(PLAIN), tx.insert_secret(PLAIN)),
    ],
)
def test_where_the_order_might_matter_a_call_keeps_its_own(work):
    changes = changes_of(work)
    assert list(combined(QUERIES, [changes])) == changes


def test_nothing_changed_is_nothing_told():
    assert list(combined(QUERIES, [[], []])) == []


def test_every_query_for_many_rows_takes_as_many_values_as_that_for_one():
    for name, query in QUERIES.writing.items():
        if name.endswith(" together"):
            single = QUERIES.writing[name.removesuffix(" together")]
            assert query.text.count("value->>") == single.text.count("%("), name
