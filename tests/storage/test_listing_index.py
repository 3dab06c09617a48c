"""The index of terms: what it lets through, how far a statement reads, and that it keeps nothing of what is gone."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from msgspec import structs

from strongroom.domain.listing import Listing, SortBy, position_of
from strongroom.domain.narrowing import Narrowing, terms_of
from strongroom.domain.secret import Tag
from strongroom.storage import sql_listings, term_index
from strongroom.storage.listings import Stretch
from strongroom.storage.sql import load
from strongroom.storage.sqlite import SqliteStorage
from support.clock import NOW
from support.factories import ACCOUNT_ID, REGION, make_secret
from support.storages import RecordingJournal, insert_secret, run_sql, sqlite_path

BY_CREATION = Listing(ACCOUNT_ID, REGION, SortBy.CREATED_DATE)


def find_names(storage, narrowing, limit=10):
    names = storage.read(lambda tx: tx.listings.find_names(BY_CREATION, narrowing, limit))
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
    secrets.sort(key=lambda secret: (position_of(secret, order).value, secret.name), reverse=descending)
    some = [f"{'ab'[number % 2]}{number}" for number in range(0, 20, 3)]

    def listed(after, among=None, *, include_scheduled=True, **narrowed: Any):
        listing = Listing(ACCOUNT_ID, REGION, order, descending=descending, include_scheduled=include_scheduled)
        if among is not None:
            return storage.read(lambda tx: tx.listings.among(listing, among, after, 6)).secrets
        return storage.read(lambda tx: tx.listings.page(listing, after, 6, **narrowed)).secrets

    for start in (0, 4, 13):
        after = position_of(secrets[start - 1], order) if start else None
        rest = secrets[start:]
        live = [secret for secret in rest if secret.purge_at is None]
        assert listed(after) == rest[:6]
        assert listed(after, include_scheduled=False) == live[:6]
        assert listed(after, among=some) == [secret for secret in rest if secret.name in some][:6]
        assert listed(after, among=some, include_scheduled=False) == [one for one in live if one.name in some][:6]
        assert listed(after, among=[]) == []
        bounded = [secret for secret in rest if order is SortBy.LAST_ACCESSED_DATE or secret.name.startswith("b")]
        assert listed(after, name_prefix="b") == bounded[:6]


@pytest.mark.parametrize("descending", [False, True], ids=["ascending", "descending"])
def test_the_secrets_of_terms_follow_each_other_in_the_order_of_creation(storage, descending):
    """Several secrets were created at one instant, and some are under two of the terms."""
    secrets = [
        make_secret(
            name=f"n{number:02d}",
            created_at=NOW + timedelta(seconds=number * 7 % 5),
            purge_at=NOW if number % 4 == 0 else None,
            tags=tuple(Tag(key, "x") for key in ("even", "every") if key == "every" or number % 2 == 0),
        )
        for number in range(20)
    ]
    elsewhere = make_secret(name="n", region="us-east-1", tags=(Tag("every", "x"),))
    storage.write(lambda tx: [tx.insert_secret(secret) for secret in (elsewhere, *secrets)])
    secrets.sort(key=lambda secret: (secret.created_at, secret.name), reverse=descending)
    listing = replace(BY_CREATION, descending=descending)
    for terms, expected in (
        (["keven", "kevery"], secrets),
        (["keven", "knone"], [secret for secret in secrets if len(secret.tags) == 2]),
        (["knone"], []),
    ):
        for limit in (1, 3, 20, 21):
            assert all_of(storage, "with_terms", listing, terms, limit=limit) == expected


def all_of(storage, verb, *what: Any, limit: int, **narrowed: Any):
    """Return the secrets of every stretch, from the first to the end of the order."""
    found, after = [], None
    while True:
        stretch = storage.read(lambda tx, after=after: getattr(tx.listings, verb)(*what, after, limit, **narrowed))
        assert len(stretch.secrets) <= limit
        found += stretch.secrets
        if stretch.end is None:
            return found
        assert stretch.end != after
        after = stretch.end


@pytest.mark.parametrize("scheduled", [False, True], ids=["live", "all"])
@pytest.mark.parametrize("descending", [False, True], ids=["ascending", "descending"])
@pytest.mark.parametrize("order", [SortBy.CREATED_DATE, SortBy.LAST_CHANGED_DATE])
def test_names_that_begin_otherwise_are_passed_over_and_so_many_at_a_time(
    storage, monkeypatch, order, descending, scheduled
):
    monkeypatch.setattr(sql_listings, "MAX_PASSED", 4)
    secrets = [
        make_secret(
            name=f"{'a' if number in {0, 1, 2, 15, 19} else 'b'}{number:02d}",
            created_at=NOW + timedelta(seconds=number // 3),
            last_changed_at=NOW + timedelta(seconds=number // 2),
            purge_at=NOW if number % 4 == 1 else None,
        )
        for number in range(20)
    ]
    storage.write(lambda tx: [tx.insert_secret(secret) for secret in secrets])
    secrets.sort(key=lambda secret: (position_of(secret, order).value, secret.name), reverse=descending)
    listing = Listing(ACCOUNT_ID, REGION, order, descending=descending, include_scheduled=scheduled)
    for prefix in ("a", "b", "b1", "c"):
        expected = [s for s in secrets if s.name.startswith(prefix) and (scheduled or s.purge_at is None)]
        for limit in (1, 2, 4, 9):
            assert all_of(storage, "page", listing, limit=limit, name_prefix=prefix) == expected
    assert storage.read(lambda tx: tx.listings.page(listing, None, 5, name_prefix="c")) != Stretch([], None)


def test_the_terms_in_use_are_told_if_they_are_few(storage):
    for number in range(5):
        insert_secret(storage, name=f"n{number}", tags=(Tag(f"team{number % 3}", "a"), Tag("other", "b")))

    def terms(limit, *prefixes: str, names=()):
        return storage.read(lambda tx: tx.listings.find_terms(BY_CREATION, Narrowing(names, prefixes), limit))

    assert terms(3, "kteam") == ["kteam0", "kteam1", "kteam2"]
    assert terms(2, "kteam") is None
    assert terms(2, "kteam1", "kother") == ["kteam1", "kother"]
    assert terms(1, "kteam1", "kother") is None
    assert terms(9, "kzebra") == []
    assert terms(9, "kteam", names=("n",)) is None, "a name is no term"


def test_a_put_without_a_change_of_what_is_indexed_leaves_the_index_alone(storage, database_url):
    secret = insert_secret(storage, name="app", description="Main")
    run_sql(database_url, "DELETE FROM secret_terms")
    storage.write(lambda tx: tx.put_secret(structs.replace(secret, kms_key_id="alias/k", purge_at=NOW, deleted_at=NOW)))
    assert index_of(database_url) == []
    storage.write(lambda tx: tx.put_secret(structs.replace(secret, description="Main too")))
    assert index_of(database_url) == [("app", "dtoo")], "and a change writes what differs"


def test_what_was_indexed_by_other_rules_is_deleted_all_the_same(storage, database_url, monkeypatch):
    monkeypatch.setattr(term_index, "terms_of", lambda secret: (*terms_of(secret), "wolder"))
    first, second = insert_secret(storage, name="app"), insert_secret(storage, name="other")
    monkeypatch.undo()
    storage.write(lambda tx: (tx.delete_secret(first), tx.put_secret(structs.replace(second, description="new"))))
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
    changed = [structs.replace(secret, description="short") for secret in secrets[::2]]
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
ORDERS = ["creation", "creation_desc", "change", "change_desc"]
ANYWHERE = {"account_id": ACCOUNT_ID, "region": REGION, "row_limit": 101, "scheduled": 0}
BOUNDS = ANYWHERE | {
    "floor": "a",
    "ceiling": "b",
    "value": 5,
    "texts": '["a"]',
    "name": "a",
    "term": "ka",
    "created_at": 5,
    "passed": 7,
    "skipped": 6,
}


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


PASSED = [
    *(("names_by_" + order, "secrets_by_" + order.removesuffix("_desc")) for order in ORDERS),
    *(("place_by_" + order, "secrets_by_" + order.removesuffix("_desc")) for order in ORDERS),
    *((f"names_of_term_by_creation{direction}", "secret_terms_pkey") for direction in ("", "_desc")),
]


@pytest.mark.parametrize(("query", "index"), PASSED)
def test_places_are_passed_over_in_an_index_alone(sqlite, postgresql, query, index):
    planned = sqlite_plan(sqlite, query)
    covering = "PRIMARY KEY" if index.endswith("pkey") else f"COVERING INDEX {index}"
    assert re.search(rf"SEARCH secret(s|_terms) USING {covering} \(.*\(\w+,name\)[<>]\(\?,\?\)", planned)
    assert "TEMP B-TREE" not in planned
    planned = postgresql_plan(postgresql, query)
    assert re.search(rf"Index Only Scan (Backward )?using {index} ", planned)
    assert "Sort" not in planned


def test_the_terms_in_use_are_found_by_steps_in_the_index(sqlite, postgresql):
    assert "SCAN secret_terms" not in sqlite_plan(sqlite, "terms_with_prefix")
    planned = postgresql_plan(postgresql, "terms_with_prefix")
    assert re.search(r"Limit [^/]* / +->  Index Only Scan using secret_terms_pkey", planned)
    assert not re.search("Sort|Aggregate", planned)


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
