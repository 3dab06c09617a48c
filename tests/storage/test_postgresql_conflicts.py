"""PostgreSQL: nodes meet on the same rows, and each call is still as if it were alone."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from msgspec.structs import replace

from strongroom.errors import OperatorError
from strongroom.storage import postgresql as postgresql_module
from strongroom.storage.base import StorageError
from strongroom.storage.postgresql import MAX_ATTEMPTS, PostgresqlStorage, _without_password
from strongroom.storage.sql import Query
from support.factories import ACCOUNT_ID, REGION, make_secret
from support.storages import insert_secret, opened, run_sql

WAIT_SECONDS = 30
CONFLICTS = [psycopg.errors.SerializationFailure, psycopg.errors.DeadlockDetected, psycopg.errors.UniqueViolation]


def find(tx, name):
    return tx.find_secret(ACCOUNT_ID, REGION, name)


@pytest.mark.parametrize("conflict", CONFLICTS)
def test_a_conflict_runs_the_function_again_and_leaves_no_entry_of_the_lost_attempt(postgresql, journal, conflict):
    attempts = []

    def work(tx):
        attempts.append(1)
        tx.journal(b"attempt %d" % len(attempts))
        tx.insert_secret(make_secret(name=f"attempt{len(attempts)}"))
        if len(attempts) == 1:
            raise conflict
        return "done"

    assert postgresql.write(work) == "done"
    assert journal.entries == [b"attempt 2"]
    assert postgresql.read(lambda tx: [find(tx, f"attempt{number}") is not None for number in (1, 2)]) == [False, True]


def test_a_conflict_that_does_not_end_becomes_a_failure(postgresql, journal):
    attempts = []

    def work(tx):
        attempts.append(1)
        tx.journal(b"never")
        raise psycopg.errors.SerializationFailure

    with pytest.raises(StorageError, match="SerializationFailure"):
        postgresql.write(work)
    assert len(attempts) == MAX_ATTEMPTS
    assert journal.entries == []


def test_of_two_that_insert_the_same_name_one_wins_and_the_other_sees_it(postgresql, journal):
    both_looked = threading.Barrier(2)

    def create(number):
        looked = []

        def work(tx):
            present = find(tx, "contested")
            if not looked:
                looked.append(1)
                both_looked.wait(WAIT_SECONDS)
            if present is not None:
                tx.journal(b"seen by %d" % number)
                return "seen"
            tx.insert_secret(make_secret(name="contested", arn=f"arn:{number}", description=str(number)))
            tx.journal(b"made by %d" % number)
            return "made"

        return postgresql.write(work)

    with ThreadPoolExecutor(2) as threads:
        outcomes = list(threads.map(create, (1, 2)))
    assert sorted(outcomes) == ["made", "seen"]
    winner, loser = outcomes.index("made") + 1, outcomes.index("seen") + 1
    assert sorted(journal.entries) == sorted([b"made by %d" % winner, b"seen by %d" % loser])
    assert postgresql.read(lambda tx: find(tx, "contested")).description == str(winner)


def test_changes_of_one_secret_are_made_one_after_the_other(postgresql):
    insert_secret(postgresql, name="counter", description="0")

    def count(_):
        def work(tx):
            secret = find(tx, "counter")
            tx.put_secret(replace(secret, description=str(int(secret.description) + 1)))

        postgresql.write(work)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(count, range(160)))
    assert postgresql.read(lambda tx: find(tx, "counter")).description == "160"


def test_a_change_waits_for_the_one_that_holds_the_secret_also_by_arn(postgresql, postgres_url):
    secret = insert_secret(postgresql, name="held", description="before")
    held, other_started = threading.Event(), threading.Event()

    def hold(tx):
        found = find(tx, "held")
        held.set()
        assert other_started.wait(WAIT_SECONDS)
        wait_for_a_blocked_session(postgres_url)
        tx.put_secret(replace(found, description="after"))

    def look(tx):
        other_started.set()
        return tx.find_secret_by_arn(ACCOUNT_ID, REGION, secret.arn).description

    first = postgresql.submit(hold)
    assert held.wait(WAIT_SECONDS)
    second = postgresql.submit(look)
    assert second.result(WAIT_SECONDS) == "after"
    first.result(WAIT_SECONDS)


def wait_for_a_blocked_session(postgres_url):
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        for _ in range(3_000):
            blocked = connection.execute(
                "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            ).fetchone()
            if blocked[0]:
                return
            connection.execute("SELECT pg_sleep(0.01)")
    raise AssertionError("no session waits for a lock")


def test_a_read_does_not_wait_for_a_change(postgresql):
    secret = insert_secret(postgresql, name="busy", description="before")
    held, go_on = threading.Event(), threading.Event()

    def hold(tx):
        tx.put_secret(replace(secret, description="after"))
        held.set()
        assert go_on.wait(WAIT_SECONDS)

    future = postgresql.submit(hold)
    assert held.wait(WAIT_SECONDS)
    assert postgresql.read(lambda tx: find(tx, "busy")).description == "before"
    go_on.set()
    future.result(WAIT_SECONDS)
    assert postgresql.read(lambda tx: find(tx, "busy")).description == "after"


def test_two_that_lock_in_opposite_order_both_end(postgresql, journal):
    insert_secret(postgresql, name="left"), insert_secret(postgresql, name="right")
    first_locks_taken = threading.Barrier(2)

    def lock(order):
        met = []

        def work(tx):
            find(tx, order[0])
            if not met:
                met.append(1)
                first_locks_taken.wait(WAIT_SECONDS)
            second = find(tx, order[1])
            tx.put_secret(replace(second, description=second.description + "x"))
            tx.journal(order[0].encode())

        postgresql.write(work)

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(lock, [("left", "right"), ("right", "left")]))
    assert sorted(journal.entries) == [b"left", b"right"]
    assert postgresql.read(lambda tx: (find(tx, "left").description, find(tx, "right").description)) == ("x", "x")


def test_a_lost_connection_fails_one_call_and_the_pool_recovers(postgresql, postgres_url):
    def kill_own_session(tx):
        tx._execute(Query("end", "SELECT CAST(pg_terminate_backend(pg_backend_pid()) AS TEXT)", dict), {})

    with pytest.raises(StorageError):
        postgresql.write(kill_own_session)
    for _ in range(20):
        postgresql.check()
    assert run_sql(postgres_url, "SELECT 1") == [(1,)]


def test_a_connection_is_kept_for_so_many_uses_while_nothing_goes_wrong_on_it(postgresql, monkeypatch):
    monkeypatch.setattr(postgresql_module, "USES_KEPT", 3)
    keeper = postgresql_module._Keeper(postgresql._pool)

    def lent():
        return int(postgresql._pool.get_stats().get("requests_num", 0))

    def fail(_session):
        raise ZeroDivisionError

    before = lent()
    for _ in range(7):
        keeper.use(lambda session: session.execute("SELECT CAST(1 AS BIGINT)", {}))
    assert lent() - before == 3
    with pytest.raises(ZeroDivisionError):
        keeper.use(fail)
    assert keeper.use(lambda session: session.execute("SELECT CAST(1 AS BIGINT)", {})) == [(1,)]
    assert lent() - before == 4
    keeper.give_back()


def test_a_server_that_cannot_be_reached_is_an_operators_error(tmp_path):
    with pytest.raises(OperatorError, match="cannot be used") as caught:
        PostgresqlStorage(f"postgresql://user:hidden@/db?host={tmp_path}")
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://user:hidden@db.example:5432/name", "db.example:5432/name"),
        ("postgresql://user:hidden@one:5432,two:5433/name?target_session_attrs=primary", "one,two:5432,5433/name"),
        ("postgresql://db.example/name?password=hidden", "db.example/name"),
        ("postgresql:///name", "a local socket/name"),
    ],
)
def test_a_database_is_described_without_its_password(url, shown):
    assert _without_password(url) == shown


@pytest.mark.parametrize("url", ["postgresql://user:hidden@[db/name", "postgresql://user:hid%zzden@db/name"])
def test_a_malformed_url_is_refused_without_being_shown(url):
    with pytest.raises(OperatorError, match="malformed") as caught:
        _without_password(url)
    assert "hid" not in str(caught.value).replace("hide", "")


def test_a_second_node_sees_a_change_as_soon_as_the_first_one_is_answered(postgresql, postgres_url):
    with opened(postgres_url) as second:
        for number in range(20):
            insert_secret(postgresql, name=f"n{number}")
            assert second.read(lambda tx, name=f"n{number}": find(tx, name)) is not None
