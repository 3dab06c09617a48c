"""The index of terms: what it lets through, how far a statement reads, and that it keeps nothing of what is gone."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from strongroom.domain.listing import SortBy, position_of
from strongroom.domain.narrowing import Narrowing, terms_of
from strongroom.domain.secret import Tag
from strongroom.storage import listing
from strongroom.storage.sql import load
from strongroom.storage.sqlite import SqliteStorage
from support.clock import NOW
from support.factories import ACCOUNT_ID, REGION, make_secret
from support.storages import RecordingJournal, insert_secret, run_sql, sqlite_path

BLUE = Narrowing(terms=("kteam",))


def find_names(storage, narrowing, limit=10):
    names = storage.read(lambda tx: tx.find_names(ACCOUNT_ID, REGION, narrowing, limit))
    return None if names is None else sorted(names)


def index_of(database_url):
    return sorted(run_sql(database_url, "SELECT name, term FROM secret_terms"))


def test_names_are_found_by_the_beginning_of_a_name_or_a_term_in_their_own_place_only(storage):
    for name in ("app", "app/db", "apq", "a", "zap"):
        insert_secret(storage, name=name, description="Main database", tags=(Tag("team", "x"),))
    insert_secret(storage, name="app/far", region="us-east-1", description="Main")
    insert_secret(storage, name="app/their", account_id="000000000001", description="Main")
    everyone = ["a", "app", "app/db", "apq", "zap"]
    assert find_names(storage, Narrowing(names=("app",))) == ["app", "app/db"]
    assert find_names(storage, Narrowing(names=("app/", "z"))) == ["app/db", "zap"]
    assert find_names(storage, Narrowing(terms=("dmain",))) == find_names(storage, Narrowing(terms=("d",))) == everyone
    assert find_names(storage, Narrowing(terms=("wdb", "wz"))) == ["app/db", "zap"]
    assert find_names(storage, Narrowing(terms=("dMain",))) == find_names(storage, Narrowing()) == []


def test_more_names_than_the_limit_are_not_told(storage):
    for number in range(4):
        insert_secret(storage, name=f"n{number}", tags=(Tag("team", "a"), Tag("other", "b")))
    assert find_names(storage, Narrowing(terms=("kteam",)), 4) == ["n0", "n1", "n2", "n3"]
    assert find_names(storage, Narrowing(terms=("kteam",)), 3) is None
    assert find_names(storage, Narrowing(terms=("kteam", "kother")), 8) == ["n0", "n1", "n2", "n3"]
    assert find_names(storage, Narrowing(terms=("kteam", "kother")), 7) is None
    assert find_names(storage, Narrowing(names=("n",)), 3) is None


@pytest.mark.parametrize("descending", [False, True], ids=["ascending", "descending"])
@pytest.mark.parametrize("order", SortBy)
def test_listings_among_names_and_of_live_secrets_are_parts_of_the_whole(storage, order, descending):
    secrets = [
        make_secret(
            name=f"{'ab'[number % 2]}{number}",
            arn=f"arn:{number * 7 % 20:02d}",
            created_at=NOW + timedelta(seconds=number % 5),
            purge_at=NOW if number % 3 else None,
        )
        for number in range(20)
    ]
    storage.write(lambda tx: [tx.insert_secret(secret) for secret in secrets])
    secrets.sort(key=lambda secret: (position_of(secret, order).value, secret.arn), reverse=descending)
    some = [f"{'ab'[number % 2]}{number}" for number in range(0, 20, 3)]

    def listed(after, **narrowed: Any):
        return storage.read(
            lambda tx: tx.list_secrets(ACCOUNT_ID, REGION, order, after, 6, descending=descending, **narrowed)
        )

    for start in (0, 4, 13):
        after = position_of(secrets[start - 1], order) if start else None
        rest = secrets[start:]
        live = [secret for secret in rest if secret.purge_at is None]
        assert listed(after) == rest[:6]
        assert listed(after, include_scheduled=False) == live[:6]
        assert listed(after, among=some) == [secret for secret in rest if secret.name in some][:6]
        assert listed(after, among=some, include_scheduled=False) == [one for one in live if one.name in some][:6]
        assert listed(after, among=[]) == []
        bounded = [secret for secret in rest if order is not SortBy.NAME or secret.name.startswith("b")]
        assert listed(after, name_prefix="b") == bounded[:6]


def test_a_put_without_a_change_of_what_is_indexed_leaves_the_index_alone(storage, database_url):
    secret = insert_secret(storage, name="app", description="Main")
    run_sql(database_url, "DELETE FROM secret_terms")
    storage.write(lambda tx: tx.put_secret(replace(secret, kms_key_id="alias/k", purge_at=NOW, deleted_at=NOW)))
    assert index_of(database_url) == []
    storage.write(lambda tx: tx.put_secret(replace(secret, description="Main too")))
    assert index_of(database_url) == [("app", "dtoo")], "and a change writes what differs"


def test_what_was_indexed_by_other_rules_is_deleted_all_the_same(storage, database_url, monkeypatch):
    monkeypatch.setattr(listing, "terms_of", lambda secret: (*terms_of(secret), "wolder"))
    first, second = insert_secret(storage, name="app"), insert_secret(storage, name="other")
    monkeypatch.undo()
    storage.write(lambda tx: (tx.delete_secret(first), tx.put_secret(replace(second, description="new"))))
    assert index_of(database_url) == [("other", "dnew"), ("other", "wother")]


def test_a_secret_that_is_not_there_puts_and_deletes_nothing(storage, database_url):
    storage.write(lambda tx: (tx.put_secret(make_secret()), tx.delete_secret(make_secret())))
    assert index_of(database_url) == []


def test_a_text_too_long_for_an_index_is_indexed_by_its_beginning(storage):
    insert_secret(storage, name="n" * 512, description="é" * 2_048, tags=(Tag("ü" * 128, "\U00020000" * 256),))
    assert find_names(storage, Narrowing(terms=("d" + "é" * 64,))) == ["n" * 512]


@pytest.mark.parametrize("deleting", [True, False], ids=["deleted", "kept"])
def test_after_a_deletion_no_word_of_the_secret_is_left_in_the_file(sqlite_url, deleting):
    """Thousands of terms come and go, so that pages split and merge; without a deletion all of them are there."""
    path = sqlite_path(sqlite_url)
    secrets = [
        make_secret(
            name=f"name{number:04d}",
            description=" ".join(f"needle{'abcdefghij'[part]}{number:04d}" for part in range(10)),
            tags=(Tag("team", f"tagneedle{number:04d}"),),
        )
        for number in range(600)
    ]
    storage = SqliteStorage(path)
    storage.attach_journal(RecordingJournal())
    storage.write(lambda tx: [tx.insert_secret(secret) for secret in secrets])
    changed = [replace(secret, description="short") for secret in secrets[::2]]
    if deleting:
        storage.write(lambda tx: [tx.put_secret(secret) for secret in changed])
        storage.write(lambda tx: [tx.delete_secret(secret) for secret in secrets])
    storage.close()
    content = b"".join(file.read_bytes() for file in path.parent.glob(path.name + "*"))
    assert (re.search(rb"(?i)(tag)?needle[a-j]?", content) is None) is deleting


STRETCHES = {
    "list_by_name": "secrets_by_name",
    "list_by_creation": "secrets_by_creation",
    "list_by_change": "secrets_by_change",
    "list_by_access": "secrets_by_access",
}
SEEKS = [
    *((query + direction, index) for query, index in STRETCHES.items() for direction in ("", "_desc")),
    *((f"list_by_access{direction}_ties", "secrets_by_access") for direction in ("", "_desc")),
]
ANYWHERE = {"account_id": ACCOUNT_ID, "region": REGION, "row_limit": 101, "scheduled": 0}
BOUNDS = ANYWHERE | {"floor": "a", "ceiling": "b", "value": 5, "arn": "arn:", "texts": '["a"]', "name": "a"}


def sqlite_plan(sqlite, query):
    asked = load("sqlite").writing[query]
    asked = replace(asked, text="EXPLAIN QUERY PLAN " + asked.text)
    return " / ".join(row[3] for row in sqlite.read(lambda tx: tx._execute(asked, BOUNDS)))


def postgresql_plan(postgresql, query):
    asked = load("postgresql").writing[query]
    asked = replace(asked, text="EXPLAIN " + asked.text)
    costs = "SELECT set_config(name, 'off', true) FROM unnest(ARRAY['enable_seqscan', 'enable_bitmapscan']) AS name"

    def explain(tx):
        tx._execute(replace(asked, text=costs), {})  # tables this small would be read whole
        return tx._execute(asked, BOUNDS)

    return " / ".join(row[0] for row in postgresql.read(explain))


@pytest.mark.parametrize(("query", "index"), SEEKS)
def test_a_stretch_of_an_order_is_read_from_its_index_and_never_sorted(sqlite, postgresql, query, index):
    planned = sqlite_plan(sqlite, query)
    assert f"USING INDEX {index} (account_id=? AND region=? AND <expr>=? AND" in planned
    assert "TEMP B-TREE" not in planned
    planned = postgresql_plan(postgresql, query)
    assert re.search(rf"Index Scan (Backward )?using {index} ", planned)
    assert "Sort" not in planned


@pytest.mark.parametrize("query", ["names_with_prefix", "names_with_term"])
def test_an_index_is_read_from_a_beginning_on_and_never_sorted(sqlite, postgresql, query):
    planned = sqlite_plan(sqlite, query)
    assert re.search(r"SEARCH secret(s|_terms) USING (COVERING INDEX \S+|PRIMARY KEY)", planned)
    assert ">? AND" in planned
    assert "TEMP B-TREE" not in planned
    planned = postgresql_plan(postgresql, query)
    assert "Index Only Scan using secret" in planned
    assert "Sort" not in planned


LOOK_UPS = [
    *(f"list_among{query.removeprefix('list')}" for query in STRETCHES),
    "stages_of_many",
    "delete_terms",
]


@pytest.mark.parametrize("query", LOOK_UPS)
def test_what_is_given_is_looked_up_one_by_one(sqlite, postgresql, query):
    planned = sqlite_plan(sqlite, query)
    assert re.search(r"SEARCH (secrets|stages|secret_terms) USING", planned)
    assert not re.search(r"SCAN (secrets|stages|secret_terms)", planned)
    assert re.search(r"Index (Only )?Scan using (secrets|stages|secret_terms)_pkey", postgresql_plan(postgresql, query))
