"""What a write costs, in statements, round trips and flushes. Not in time: that is the machine's."""

from __future__ import annotations

import re
import threading

import pytest

from strongroom.operations import OPERATIONS
from strongroom.storage.base import Foreseen, WantedVersion
from strongroom.storage.postgresql import POOL_SIZE
from strongroom.storage.postgresql_session import Session
from strongroom.storage.sql import load
from strongroom.storage.sqlite import SqliteStorage
from strongroom.wire import awsjson
from support.deployment import config_for, deployed, token
from support.factories import ACCOUNT_ID, REGION, make_secret
from support.on_loop import OnLoop, running_loop
from support.storages import await_all, insert_secret, run_sql

WAIT_SECONDS = 60
CALLS = 40


class CountingLibpq:
    """A connection that counts how often an answer is waited for."""

    def __init__(self, libpq, counted) -> None:
        self._libpq, self._counted = libpq, counted

    def __getattr__(self, name) -> object:
        if name in {"exec_", "exec_prepared", "pipeline_sync"}:
            self._counted.append(name)
        return getattr(self._libpq, name)


@pytest.fixture
def round_trips(monkeypatch):
    counted, make = [], Session.__init__
    monkeypatch.setattr(Session, "__init__", lambda self, libpq: make(self, CountingLibpq(libpq, counted)))
    return counted


def put(deployment, number):
    deployment.put("app/db", number)


def create(deployment, number):
    deployment.create(f"app/{number}")


def update(deployment, number):
    deployment.call("UpdateSecret", SecretId="app/db", SecretString="x", ClientRequestToken=token(number))


@pytest.mark.parametrize(
    ("call", "most"), [(put, {"sqlite": 8, "postgresql": 13}), (create, {"sqlite": 8, "postgresql": 8})]
)
def test_a_write_runs_no_more_statements_than_it_needs(deployment, statements, call, most):
    deployment.create()
    for number in (2, 3):
        statements.clear()
        call(deployment, number)
    assert len(statements) <= most["sqlite" if isinstance(deployment.node.storage, SqliteStorage) else "postgresql"]
    assert len(set(statements) - {"put_stage"}) == len([name for name in statements if name != "put_stage"]), (
        "nothing is read twice"
    )


@pytest.mark.parametrize("call", [put, create, update])
def test_on_postgresql_a_write_waits_for_what_it_reads_for_what_it_changes_and_for_its_commit(
    round_trips, postgres_url, tmp_path, call
):
    with deployed(config_for(postgres_url, tmp_path)) as deployment:
        deployment.create()
        for number in range(2, 2 + POOL_SIZE):  # every connection has its statements prepared by then
            call(deployment, number)
        round_trips.clear()
        call(deployment, 2 + POOL_SIZE)
        assert len(round_trips) == 3, round_trips


def grown_by_puts_that_wait_together(deployment, secrets):
    """Put a value into each secret while one other call keeps the writer busy, and return what was counted."""
    node, operation = deployment.node, OPERATIONS["PutSecretValue"]
    metrics = node.service.metrics
    entered, go_on = threading.Event(), threading.Event()
    first = Foreseen(WantedVersion(ACCOUNT_ID, REGION, "first", None, None, None), None)
    node.storage.submit(lambda _tx: (entered.set(), go_on.wait(WAIT_SECONDS)), first)
    assert entered.wait(WAIT_SECONDS)
    before = {name: metrics.value(name) for name in ("trail_syncs_total", "commits_total", "committed_calls_total")}
    body = b'{"SecretId":"%s","SecretString":"x","ClientRequestToken":"%s"}'
    futures = [
        node.service.begin(
            operation,
            awsjson.decode(body % (secret.encode(), token(number).encode()), operation.request),
            deployment.caller(),
        )
        for number, secret in enumerate(secrets, start=2)
    ]
    go_on.set()
    await_all(futures)
    assert [future.exception() for future in futures] == [None] * len(secrets)
    return {name: metrics.value(name) - count for name, count in before.items()}


@pytest.mark.parametrize("names", [1, CALLS], ids=["of-one-secret", "of-many-secrets"])
def test_calls_that_wait_together_share_commits_and_flushes_and_the_counters_tell(deployment, names):
    secrets = [f"app/{number % names}" for number in range(CALLS)]
    for secret in dict.fromkeys(secrets):
        deployment.create(secret)
    grown = grown_by_puts_that_wait_together(deployment, secrets)
    assert grown["committed_calls_total"] == CALLS + 1
    assert grown["commits_total"] == 2
    assert grown["trail_syncs_total"] == 1


def test_on_postgresql_writes_that_wait_together_wait_no_more_often_than_one(round_trips, postgres_url, tmp_path):
    with deployed(config_for(postgres_url, tmp_path)) as deployment:
        secrets = [f"app/{number}" for number in range(CALLS)]
        for secret in secrets:
            deployment.create(secret)
            deployment.put(secret, 1_000)
        round_trips.clear()
        grown_by_puts_that_wait_together(deployment, secrets)
        assert len(round_trips) == 3 + 3, "the three of the one call, and the three of all others"


@pytest.mark.parametrize(("is_new", "trips"), [(False, 2), (True, 3)], ids=["of-a-secret", "that-makes-one"])
def test_on_a_loop_the_changes_and_their_commit_are_one_round_trip_unless_a_name_may_be_taken(
    round_trips, postgresql, journal, is_new, trips
):
    def change(tx):
        found = tx.find_secret(ACCOUNT_ID, REGION, "app")
        tx.insert_secret(make_secret(name="app")) if found is None else tx.put_secret(found)
        tx.journal(b"changed")

    foreseen = Foreseen(WantedVersion(ACCOUNT_ID, REGION, "app", None, None, None), None)
    if not is_new:
        insert_secret(postgresql, name="app")
    with running_loop() as loop:
        storage = OnLoop(postgresql, loop)
        storage.await_lanes(foreseen)
        round_trips.clear()
        storage.submit(change, foreseen).result(WAIT_SECONDS)
        assert len(round_trips) == trips, round_trips


@pytest.mark.parametrize("query", ["find_secret", "find_secret_by_arn", "count_versions"])
def test_versions_are_counted_without_a_look_at_their_rows_which_hold_values(sqlite, sqlite_url, query):
    text = load("sqlite").writing[query].text.replace("?", "'x'")
    plan = run_sql(sqlite_url, f"EXPLAIN QUERY PLAN {text}")
    steps = [step for *_, step in plan if "versions" in step and "version_id=?" not in step]
    assert len(steps) == 2, plan
    assert all("COVERING INDEX" in step for step in steps), steps


def test_a_put_leaves_the_indexes_of_dates_alone_that_did_not_change(sqlite, sqlite_url):
    changed = set(re.findall(r"(\w+) = \?", load("sqlite").writing["put_secret_in_place"].text)) - {"arn"}
    rows = run_sql(sqlite_url, "SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND tbl_name = 'secrets'")
    indexes = {name: set(re.findall(r"\w+", text)) for name, text in rows if text is not None}
    assert len(indexes) > 3
    assert {name for name, words in indexes.items() if words & changed} == {"secrets_by_change"}


def test_each_change_of_a_secret_names_no_more_columns_than_it_must(deployment, statements):
    def stored(operation, members):
        statements.clear()
        deployment.call(operation, SecretId="app/db", **members)
        return {name for name in statements if name in {"touch_secret", "put_secret_in_place", "put_secret"}}

    deployment.create()
    assert stored("PutSecretValue", {"SecretString": "x", "ClientRequestToken": token(2)}) == {"touch_secret"}
    assert stored("UpdateSecret", {"Description": "another"}) == {"put_secret_in_place"}
    assert stored("DeleteSecret", {}) == {"put_secret"}
