"""PostgreSQL's shared transactions: calls that wait together, and what becomes of each when one of them fails."""

from __future__ import annotations

import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from msgspec.structs import replace

from strongroom.storage.base import Foreseen, NotBroughtError, StorageError, WantedVersion, WrappedKey
from strongroom.storage.postgresql_foresight import Foresight
from strongroom.storage.sql import load
from strongroom.storage.transaction import SqlTransaction
from support.factories import ACCOUNT_ID, REGION, make_secret
from support.on_loop import OnLoop, running_loop
from support.storages import (
    JournalRefused,
    await_all,
    insert_secret,
    make_job,
    make_kms_key,
    make_version,
    opened,
    run_sql,
)

WAIT_SECONDS = 30
VERSION_ID = make_version(2).version_id


class Failed(Exception):
    """What a call raises."""


def foreseen(name, version_id=VERSION_ID):
    return Foreseen(WantedVersion(ACCOUNT_ID, REGION, name, None, version_id, None), None)


def find(tx, name):
    return tx.find_secret(ACCOUNT_ID, REGION, name)


def describe(name, description):
    """Return a change of a secret that reads only what is brought."""

    def work(tx):
        secret = find(tx, name)
        tx.put_secret(replace(secret, type=description))
        tx.journal(description.encode())
        return description

    return work


def types_in(storage):
    return {name: storage.read(lambda tx, name=name: find(tx, name).type) for name in "abc"}


@pytest.fixture(params=["thread", "loop"])
def storage(request, postgresql, journal):
    for name in "abc":
        insert_secret(postgresql, name=name)
    if request.param == "thread":
        yield postgresql
        return
    with running_loop() as loop:
        on_loop = OnLoop(postgresql, loop)
        on_loop.await_lanes(foreseen("a"))
        journal.batches.clear()
        yield on_loop


class Gate:
    """A call that keeps the writer busy until it is opened, so that the calls behind it wait together."""

    def __init__(self, storage) -> None:
        self._entered, self._opened = threading.Event(), threading.Event()
        self._call = storage.submit(self._wait, foreseen("gate"))
        assert self._entered.wait(WAIT_SECONDS)

    def _wait(self, _tx):
        self._entered.set()
        assert self._opened.wait(WAIT_SECONDS)

    def open(self):
        self._opened.set()
        self._call.result(WAIT_SECONDS)


def submitted_together(storage, works):
    """Submit works by the secrets they are about, have them wait together, and return their futures."""
    gate = Gate(storage)
    futures = {name: storage.submit(work, foreseen(name)) for name, work in works.items()}
    gate.open()
    await_all(futures.values())
    return futures


def test_calls_that_wait_together_share_one_journal_batch_and_one_commit(storage, journal, postgres_url):
    futures = submitted_together(storage, {name: describe(name, f"new {name}") for name in "abc"})
    assert {name: future.result() for name, future in futures.items()} == {name: f"new {name}" for name in "abc"}
    assert journal.batches == [((b"new a", b"new b", b"new c"), True)]
    assert types_in(storage) == {name: f"new {name}" for name in "abc"}
    assert run_sql(postgres_url, "SELECT COUNT(DISTINCT CAST(xmin AS TEXT)) FROM secrets WHERE type IS NOT NULL") == [
        (1,)
    ]


def test_changes_of_one_secret_that_wait_together_are_made_in_the_order_they_came(storage, journal):
    def append(number):
        def work(tx):
            secret = find(tx, "a")
            tx.put_secret(replace(secret, type=f"{secret.type or ''}{number}"))
            tx.journal(b"%d" % number)

        return work

    gate = Gate(storage)
    futures = [storage.submit(append(number), foreseen("a")) for number in range(9)]
    gate.open()
    for future in futures:
        future.result(WAIT_SECONDS)
    assert storage.read(lambda tx: find(tx, "a")).type == "012345678"
    assert [entries for entries, _ in journal.batches] == [tuple(b"%d" % number for number in range(9))]


def test_a_failing_call_takes_neither_the_answers_nor_the_changes_of_its_neighbours(storage, journal):
    def fail_after_changing(tx):
        describe("b", "never")(tx)
        raise Failed

    futures = submitted_together(storage, {"a": describe("a", "x"), "b": fail_after_changing, "c": describe("c", "x")})
    assert isinstance(futures["b"].exception(), Failed)
    assert (futures["a"].result(), futures["c"].result()) == ("x", "x")
    assert types_in(storage) == {"a": "x", "b": None, "c": "x"}
    assert journal.batches == [((b"x", b"never", b"x"), True)]


def test_a_call_that_reads_more_than_was_brought_is_made_alone_and_leaves_no_entry_of_the_first_try(storage, journal):
    def read_more(tx):
        describe("b", "x")(tx)
        return len(tx.list_versions(find(tx, "b")))

    futures = submitted_together(storage, {"a": describe("a", "x"), "b": read_more})
    assert (futures["a"].result(), futures["b"].result()) == ("x", 0)
    assert types_in(storage) == {"a": "x", "b": "x", "c": None}
    assert journal.batches == [((b"x",), True)] * 2


def test_a_secret_that_is_held_keeps_only_its_own_call_waiting(storage, postgres_url):
    with psycopg.connect(postgres_url) as holder:
        holder.execute("SELECT FROM secrets WHERE name = 'b' FOR UPDATE")
        gate = Gate(storage)
        free, held = (
            storage.submit(describe("a", "x"), foreseen("a")),
            storage.submit(describe("b", "x"), foreseen("b")),
        )
        gate.open()
        assert free.result(WAIT_SECONDS) == "x"
        assert not held.done()
        holder.execute("UPDATE secrets SET type = 'held' WHERE name = 'b'")
        holder.commit()
        assert held.result(WAIT_SECONDS) == "x"
    assert types_in(storage) == {"a": "x", "b": "x", "c": None}


def test_a_name_that_another_node_takes_meanwhile_undoes_nobody_elses_change(storage, journal, postgres_url):
    def create(tx):
        if find(tx, "d") is not None:
            tx.journal(b"seen")
            return "seen"
        if not journal.entries:
            with opened(postgres_url) as other:
                insert_secret(other, name="d", arn="arn:other")
        tx.insert_secret(make_secret(name="d", arn="arn:own"))
        tx.journal(b"made")
        return "made"

    futures = submitted_together(storage, {"a": describe("a", "x"), "d": create})
    assert (futures["a"].result(), futures["d"].result()) == ("x", "seen")
    assert sorted(journal.entries) == [b"seen", b"x"]
    assert types_in(storage)["a"] == "x"


def test_a_refusing_journal_fails_all_that_share_a_transaction_and_no_later_one(storage, journal):
    journal.refusing = True
    futures = submitted_together(storage, {"a": describe("a", "never"), "b": describe("b", "never")})
    assert all(isinstance(future.exception(), JournalRefused) for future in futures.values())
    assert journal.refused == 1
    journal.refusing = False
    assert types_in(storage) == dict.fromkeys("abc")
    assert storage.submit(describe("a", "x"), foreseen("a")).result(WAIT_SECONDS) == "x"


def test_a_connection_that_is_lost_before_the_commit_has_every_call_made_again(storage, journal, postgres_url):
    lost = []

    def lose(tx):
        if not lost:
            lost.append(1)
            ours = "datname = current_database() AND pid <> pg_backend_pid() AND state = 'idle in transaction'"
            run_sql(postgres_url, f"SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE {ours}")
        return describe("b", "x")(tx)

    futures = submitted_together(storage, {"a": describe("a", "x"), "b": lose, "c": describe("c", "x")})
    assert [future.result() for future in futures.values()] == ["x"] * 3
    assert journal.batches == [((b"x",), True)] * 3
    assert types_in(storage) == dict.fromkeys("abc", "x")
    futures = submitted_together(storage, {name: describe(name, "y") for name in "abc"})
    assert [future.result() for future in futures.values()] == ["y"] * 3
    assert journal.batches[3:] == [((b"y",) * 3, True)]


OURS = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start IS NOT NULL"


def test_a_commit_that_is_lost_is_a_failure_and_is_not_made_again(storage, journal, postgres_url):
    """The server is stopped before it is sent and ended afterwards, so that nobody knows what it did."""

    def end(pid):
        lane = storage._writer._lane
        while lane is not None and not lane._commit.is_recorded:
            time.sleep(0.01)
        time.sleep(0.2)
        os.kill(pid, signal.SIGTERM)
        os.kill(pid, signal.SIGCONT)

    def lose(entries, durable):
        journal(entries, durable)
        [(pid,)] = run_sql(postgres_url, f"SELECT pid {OURS}")
        os.kill(pid, signal.SIGSTOP)
        threads.submit(end, pid)

    storage.attach_journal(lose)
    with ThreadPoolExecutor(1) as threads:
        future = storage.submit(describe("a", "never"), foreseen("a"))
        assert isinstance(future.exception(WAIT_SECONDS), StorageError)
    storage.attach_journal(journal)
    assert types_in(storage) == dict.fromkeys("abc")
    assert journal.entries == [b"never"]


def test_a_connection_that_is_lost_while_the_journal_is_put_on_disk_has_every_call_made_again(
    postgresql, journal, postgres_url
):
    """The journal has each of them twice then: what was recorded first did not count, and is of the same event."""

    def lose(entries, durable):
        journal(entries, durable)
        if len(journal.batches) == 1:
            run_sql(postgres_url, f"SELECT pg_terminate_backend(pid, 10000) {OURS}")

    for name in "abc":
        insert_secret(postgresql, name=name)
    with running_loop() as loop:
        storage = OnLoop(postgresql, loop)
        storage.await_lanes(foreseen("a"))
        journal.batches.clear()
        storage.attach_journal(lose)
        futures = submitted_together(storage, {name: describe(name, "x") for name in "abc"})
        assert [future.result() for future in futures.values()] == ["x"] * 3
        assert types_in(storage) == dict.fromkeys("abc", "x")
        assert journal.batches == [((b"x",) * 3, True)] + [((b"x",), True)] * 3


def test_a_change_that_is_refused_while_the_journal_is_put_on_disk_is_not_committed(postgresql, journal):
    """PostgreSQL passes over the COMMIT that follows it, and every call is made again alone."""

    def clash(tx):
        tx.insert_version(find(tx, "a"), make_version(7))
        tx.journal(b"clash")

    for name in "abc":
        insert_secret(postgresql, name=name)
    postgresql.write(clash)
    with running_loop() as loop:
        storage = OnLoop(postgresql, loop)
        storage.await_lanes(foreseen("a"))
        journal.batches.clear()
        futures = submitted_together(storage, {"a": clash, "b": describe("b", "x")})
        assert isinstance(futures["a"].exception(), StorageError)
        assert futures["b"].result() == "x"
        assert types_in(storage) == {"a": None, "b": "x", "c": None}
        assert storage.submit(describe("a", "y"), foreseen("a")).result(WAIT_SECONDS) == "y"


def test_a_caller_that_gave_up_does_not_silence_the_others(storage):
    gate = Gate(storage)
    gone, waiting = storage.submit(describe("a", "x"), foreseen("a")), storage.submit(describe("b", "x"), foreseen("b"))
    gone.add_done_callback(lambda _: 1 / 0)
    gate.open()
    assert waiting.result(WAIT_SECONDS) == "x"


def test_a_storage_that_is_closed_takes_nothing_and_has_finished_what_it_took(postgres_url):
    with opened(postgres_url) as storage:
        insert_secret(storage, name="a")
        future = storage.submit(describe("a", "x"), foreseen("a"))
        storage.close()
        assert future.result(0) == "x"
        with pytest.raises(StorageError, match="closed"):
            storage.submit(describe("a", "y"), foreseen("a"))


def test_nodes_and_lone_calls_that_change_the_same_secrets_lose_no_change(postgresql, postgres_url):
    names, rounds = ["left", "middle", "right"], 40
    for name in names:
        insert_secret(postgresql, name=name, description="0")

    def count(name):
        def work(tx):
            secret = find(tx, name)
            tx.put_secret(replace(secret, revision=secret.revision + 1))
            tx.journal(name.encode())

        return work

    with opened(postgres_url) as second, ThreadPoolExecutor(2) as threads:
        futures = [
            node.submit(count(name), expected)
            for _ in range(rounds)
            for name in names
            for node, expected in ((postgresql, foreseen(name)), (second, foreseen(name)))
        ]
        lone = threads.map(lambda name: postgresql.write(count(name)), names * rounds)
        for future in futures:
            future.result(WAIT_SECONDS)
        list(lone)
    revisions = [postgresql.read(lambda tx, name=name: find(tx, name).revision) for name in names]
    assert revisions == [3 * rounds] * len(names)


@pytest.fixture
def given_transaction(storage):
    """A transaction on what was brought of secret `a` with version 1, without a database behind it."""
    secret, kept = storage.read(lambda tx: find(tx, "a")), []
    storage.write(lambda tx: tx.insert_version(secret, make_version(1)))

    def keep(tx):
        kept.append(tx._execute.__self__)
        return find(tx, "a")

    storage.submit(keep, foreseen("a", make_version(1).version_id)).result(WAIT_SECONDS)
    assert isinstance(kept[0], Foresight)
    return SqlTransaction(kept[0].execute, load("postgresql"), writable=True), secret


def test_what_is_brought_is_what_the_database_has(given_transaction, storage):
    tx, secret = given_transaction
    assert find(tx, "a") == secret
    assert tx.find_version(secret, make_version(1).version_id) == make_version(1)
    assert (tx.count_versions(secret), tx.stages(secret), tx.policies(secret), tx.list_replicas(secret)) == (
        1,
        {},
        {},
        [],
    )


@pytest.mark.parametrize(
    ("change", "read"),
    [
        (lambda tx, secret: tx.put_secret(secret), lambda tx, _: find(tx, "a")),
        (lambda tx, secret: tx.insert_version(secret, make_version(9)), lambda tx, secret: tx.count_versions(secret)),
        (lambda tx, secret: tx.put_stages(secret, {}, {"x": "1"}), lambda tx, secret: tx.stages(secret)),
        (lambda tx, secret: tx.delete_policies(secret), lambda tx, secret: tx.policies(secret)),
    ],
)
def test_what_a_call_has_changed_itself_is_not_read_from_what_was_brought(given_transaction, change, read):
    tx, secret = given_transaction
    find(tx, "a")
    read(tx, secret)
    change(tx, secret)
    with pytest.raises(NotBroughtError):
        read(tx, secret)


@pytest.mark.parametrize(
    "change",
    [
        lambda tx: tx.put_job(make_job()),
        lambda tx: tx.finish_job(make_job()),
        lambda tx: tx.insert_kms_key(make_kms_key(), WrappedKey(1, b"", "1")),
    ],
)
def test_what_others_may_hold_is_not_changed_in_a_shared_transaction(given_transaction, change):
    tx, _ = given_transaction
    with pytest.raises(NotBroughtError):
        change(tx)
