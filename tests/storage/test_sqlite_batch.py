"""On SQLite what calls of one commit change of their secrets is told together, and each call is as if it were alone."""

from __future__ import annotations

import contextlib
import threading

import apsw
import pytest
from msgspec.structs import replace
from test_databases_agree import NAMES, REGIONS, RandomCalls, whole_content

from strongroom.domain.staging import CURRENT, PREVIOUS
from strongroom.storage import sqlite_batch
from strongroom.storage.base import StorageError
from support.clock import NOW
from support.factories import ACCOUNT_ID, REGION
from support.storages import await_all, insert_secret, make_job, make_version, opened, run_sql

WAIT_SECONDS = 30
NAMES_OF_A_FEW = "abcdef"


class Failed(Exception):
    """What a call raises."""


class Recording:
    """A connection that remembers what it was asked to run, and fails where it is told to."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self.ran: list[str] = []
        self.failing: dict[str, Exception] = {}

    def __getattr__(self, name) -> object:
        return getattr(self._connection, name)

    def execute(self, text, values=()) -> object:
        self._note(text)
        return self._connection.execute(text, values)

    def executemany(self, text, rows) -> object:
        self._note(text)
        return self._connection.executemany(text, rows)

    def _note(self, text):
        self.ran.append(text)
        for start, error in self.failing.items():
            if text.startswith(start):
                raise error


@pytest.fixture
def connection(sqlite, monkeypatch):
    recording = Recording(sqlite._writer._connection)
    monkeypatch.setattr(sqlite._writer, "_connection", recording)
    return recording


def together(storage, works):
    """Have works done in one commit, and return their futures."""
    entered, go_on = threading.Event(), threading.Event()
    storage.submit(lambda _tx: (entered.set(), go_on.wait(WAIT_SECONDS)))
    assert entered.wait(WAIT_SECONDS)
    futures = [storage.submit(work) for work in works]
    go_on.set()
    await_all(futures)
    return futures


def put(name, number, *, journal=True):
    """Return what a PutSecretValue does."""
    version = make_version(number)

    def work(tx):
        secret = tx.find_secret(ACCOUNT_ID, REGION, name, version.version_id)
        known, count, before = tx.find_version(secret, version.version_id), tx.count_versions(secret), tx.stages(secret)
        assert tx.list_replicas(secret) == []
        tx.insert_version(secret, version)
        after = {CURRENT: version.version_id}
        if CURRENT in before:
            after[PREVIOUS] = before[CURRENT]
        tx.put_stages(secret, before, after)
        tx.put_secret(replace(secret, revision=secret.revision + 1))
        if journal:
            tx.journal(f"{name}{number}".encode())
        return known, count, before

    return work


def insert_a_few(storage):
    for name in NAMES_OF_A_FEW:
        insert_secret(storage, name=name)


def test_what_calls_change_of_different_secrets_is_told_in_one_go_without_a_savepoint_for_each(sqlite, connection):
    insert_a_few(sqlite)
    together(sqlite, [put(name, 1) for name in NAMES_OF_A_FEW])
    connection.ran.clear()
    futures = together(sqlite, [put(name, 2) for name in NAMES_OF_A_FEW])
    one = make_version(1).version_id
    assert [future.result() for future in futures] == [(None, 1, {CURRENT: one})] * len(NAMES_OF_A_FEW)
    started = [" ".join(text.split()[:3]) for text in connection.ran]
    assert started[-6:] == [
        "SAVEPOINT call",
        "INSERT INTO versions",
        "INSERT INTO stages",
        "UPDATE secrets SET",
        "RELEASE call",
        "COMMIT",
    ]
    assert started.count("SAVEPOINT call") == 1


def test_a_call_reads_what_calls_before_it_in_the_same_commit_have_made_of_its_secret(sqlite, sqlite_url):
    insert_a_few(sqlite)
    futures = together(sqlite, [put("a", 1), put("b", 1), put("a", 2), put("a", 3)])
    ids = [make_version(number).version_id for number in (1, 2)]
    assert [future.result() for future in futures] == [
        (None, 0, {}),
        (None, 0, {}),
        (None, 1, {CURRENT: ids[0]}),
        (None, 2, {CURRENT: ids[1], PREVIOUS: ids[0]}),
    ]
    assert run_sql(sqlite_url, "SELECT revision FROM secrets WHERE name = 'a'") == [(3,)]


def test_a_call_that_asks_for_a_secret_by_its_arn_reads_them_too(sqlite):
    arn = insert_secret(sqlite, name="a").arn

    def count(tx):
        return tx.count_versions(tx.find_secret_by_arn(ACCOUNT_ID, REGION, arn))

    _, counted = together(sqlite, [put("a", 1), count])
    assert counted.result() == 1


def test_a_call_that_fails_has_changed_nothing_and_its_neighbours_have(sqlite, journal, sqlite_url):
    insert_a_few(sqlite)
    journal.batches.clear()

    def fail(tx):
        put("b", 1)(tx)
        raise Failed

    first, failed, last = together(sqlite, [put("a", 1), fail, put("c", 1)])
    assert isinstance(failed.exception(), Failed)
    assert (first.exception(), last.exception()) == (None, None)
    assert run_sql(sqlite_url, "SELECT COUNT(DISTINCT arn), COUNT(*) FROM versions") == [(2, 2)]
    assert journal.entries == [b"a1", b"b1", b"c1"]


def test_a_call_whose_changes_the_database_refuses_is_refused_alone(sqlite, journal, sqlite_url):
    insert_a_few(sqlite)
    journal.batches.clear()

    def twice(tx):
        secret = tx.find_secret(ACCOUNT_ID, REGION, "b")
        tx.insert_version(secret, make_version(1))
        tx.insert_version(secret, make_version(1))
        tx.journal(b"twice")

    first, refused, last = together(sqlite, [put("a", 1), twice, put("c", 1)])
    assert isinstance(refused.exception(), StorageError)
    assert [future.result() for future in (first, last)] == [(None, 0, {})] * 2
    assert run_sql(sqlite_url, "SELECT COUNT(DISTINCT arn), COUNT(*) FROM versions") == [(2, 2)]
    assert sorted(journal.entries) == [b"a1", b"c1"], "what it journaled before it was refused is not kept"
    assert len(journal.batches) == 1


def test_a_call_may_change_things_in_an_order_of_its_own(sqlite):
    secret = insert_secret(sqlite, make_version(1), name="a")
    one = make_version(1).version_id

    def put_and_take_away(tx):
        found = tx.find_secret(ACCOUNT_ID, REGION, "a")
        tx.put_stages(found, {}, {"x": one, "y": one})
        tx.put_stages(found, {"x": one, "y": one}, {"y": one})

    together(sqlite, [put_and_take_away])
    assert sqlite.read(lambda tx: tx.stages(secret)) == {"y": one}


def test_a_call_reads_its_own_changes(sqlite):
    insert_a_few(sqlite)

    def work(tx):
        secret = tx.find_secret(ACCOUNT_ID, REGION, "a", make_version(1).version_id)
        assert (tx.count_versions(secret), tx.stages(secret), tx.policies(secret)) == (0, {}, {})
        tx.insert_version(secret, make_version(1))
        tx.put_stages(secret, {}, {"x": make_version(1).version_id})
        found = tx.find_version(secret, make_version(1).version_id)
        return found, tx.count_versions(secret), tx.stages(secret)

    (told,) = together(sqlite, [work])
    assert told.result() == (make_version(1), 1, {"x": make_version(1).version_id})


def test_a_call_that_does_more_is_undone_with_all_it_did(sqlite, sqlite_url):
    insert_a_few(sqlite)

    def fail(tx):
        put("b", 1)(tx)
        tx.put_job(make_job("b"))
        raise Failed

    _, failed, _ = together(sqlite, [put("a", 1), fail, put("c", 1)])
    assert isinstance(failed.exception(), Failed)
    assert run_sql(sqlite_url, "SELECT COUNT(*) FROM jobs") == [(0,)]
    assert run_sql(sqlite_url, "SELECT COUNT(DISTINCT arn), COUNT(*) FROM versions") == [(2, 2)]


def test_changes_are_told_when_they_are_many(sqlite, connection, monkeypatch):
    monkeypatch.setattr(sqlite_batch, "MOST_KEPT", 2)
    insert_a_few(sqlite)
    connection.ran.clear()
    together(sqlite, [put(name, 1) for name in NAMES_OF_A_FEW])
    assert connection.ran.count("SAVEPOINT call") == len(NAMES_OF_A_FEW) // 2


def test_a_change_that_cannot_even_be_put_to_the_database_fails_its_call_alone(sqlite, sqlite_url):
    insert_a_few(sqlite)

    def too_large(tx):
        put("b", 1)(tx)
        tx.put_secret(replace(tx.find_secret(ACCOUNT_ID, REGION, "c"), revision=2**64))

    def too_large_alone(tx):
        tx.put_secret(replace(tx.find_secret(ACCOUNT_ID, REGION, "c"), revision=2**64))

    futures = together(sqlite, [put("a", 1), too_large, too_large_alone, put("d", 1)])
    assert [type(future.exception()) for future in futures] == [type(None), OverflowError, OverflowError, type(None)]
    assert run_sql(sqlite_url, "SELECT COUNT(*) FROM versions") == [(2,)]


@pytest.mark.parametrize("failing", ["INSERT INTO versions", "SAVEPOINT", "RELEASE"])
def test_what_cannot_be_told_or_undone_fails_every_call_of_the_commit(sqlite, connection, sqlite_url, failing):
    """As where a disk is full. Also if the call that had it told passes over that, and the next try would succeed."""
    insert_a_few(sqlite)

    def pass_over(tx):
        connection.failing[failing] = apsw.FullError("the disk is full")
        connection.failing["ROLLBACK TO"] = apsw.SQLError("no such savepoint: call")
        with contextlib.suppress(Exception):
            tx.find_secret(ACCOUNT_ID, REGION, "a")  # has the changes of the first call told before
        connection.failing.clear()

    futures = together(sqlite, [put("a", 1), pass_over, put("b", 1)])
    assert [type(future.exception()) for future in futures] == [StorageError] * 3
    assert run_sql(sqlite_url, "SELECT COUNT(*) FROM versions") == [(0,)]
    assert sqlite.write(put("a", 1)) == (None, 0, {})


@pytest.mark.parametrize("telling", [True, False], ids=["whoever-told", "and-passed-over"])
def test_a_transaction_that_is_gone_fails_every_call_of_the_commit(sqlite, connection, sqlite_url, telling):
    insert_a_few(sqlite)

    def lose(_tx):
        connection._connection.execute("ROLLBACK")
        if telling:
            raise StorageError("IOError: disk I/O error")

    futures = together(sqlite, [put("a", 1), lose, put("b", 1)])
    assert [type(future.exception()) for future in futures] == [StorageError] * 3
    assert run_sql(sqlite_url, "SELECT COUNT(*) FROM versions") == [(0,)]


def random_work(calls):
    """Return a work of several calls, some of which first look for the secret they change, and some of which fail."""
    name, region = calls.random.choice(NAMES), calls.random.choice(REGIONS)
    version_id = calls.random.choice([None, make_version(calls.random.randrange(4)).version_id])
    drawn = [calls.draw()[1] for _ in range(calls.random.randrange(1, 4))]
    fails = calls.random.random() < 0.2
    number = calls.random.randrange(4, 256)
    asks = calls.random.random() < 0.5

    def change(tx, secret):
        stages = tx.stages(secret)
        if number % 3:
            tx.insert_version(secret, make_version(number))
            stages |= {CURRENT: make_version(number).version_id}
        tx.put_stages(secret, tx.stages(secret), stages)
        tx.put_secret(replace(secret, revision=secret.revision + 1, last_changed_at=NOW))
        if asks:
            return (
                tx.stages(secret),
                tx.count_versions(secret),
                tx.find_version(secret, make_version(number).version_id),
            )
        return None

    def work(tx):
        secret = tx.find_secret(ACCOUNT_ID, region, name, version_id)
        told = []
        if secret is not None:
            known = None if version_id is None else tx.find_version(secret, version_id)
            told += [secret, tx.stages(secret), tx.count_versions(secret), tx.list_replicas(secret), known]
            told.append(change(tx, secret))
        if secret is None or number % 2:
            told += [call(tx) for call in drawn]
        if fails:
            raise Failed
        return told

    return work


@pytest.mark.parametrize("seed", range(6))
def test_random_calls_of_one_commit_answer_as_calls_alone_do_on_the_other_database(sqlite_url, postgres_url, seed):
    calls = RandomCalls(seed)
    done = 0
    with opened(sqlite_url) as sqlite, opened(postgres_url) as postgresql:
        for number in range(30):
            works = [random_work(calls) for _ in range(8)]
            for place, (work, told) in enumerate(zip(works, together(sqlite, works), strict=True)):
                of_sqlite = outcome_of(told.result)
                assert of_sqlite == outcome_of(lambda work=work: postgresql.write(work)), (
                    f"batch {number}, call {place}"
                )
                done += of_sqlite is not None
        assert sqlite.read(whole_content) == postgresql.read(whole_content)
    assert 60 < done < 220, "a mix of calls that succeed and calls that do not"


def outcome_of(perform):
    """Return what a call told; None for one that failed, by itself or because the database refused what it changed.

    Which of the two it was depends on when changes are told.
    """
    try:
        return perform()
    except (StorageError, Failed):
        return None
