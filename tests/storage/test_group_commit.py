"""SQLite's one writer: calls that wait together share a commit, and none pays for another's failure."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import apsw
import pytest

from strongroom.domain.kms_key import KeyState
from strongroom.storage import sqlite as sqlite_module
from strongroom.storage import sqlite_writer
from strongroom.storage.base import StorageError, WrappedKey
from strongroom.storage.sql import Query, load
from strongroom.storage.sqlite import SqliteStorage
from strongroom.storage.sqlite_watched import Watched
from strongroom.storage.sqlite_writer import MAX_BATCH
from support.storages import (
    JournalRefused,
    RecordingJournal,
    insert_secret,
    make_kms_key,
    make_version,
    run_sql,
    sqlite_path,
)
from support.storages import insert_numbered as insert
from support.storages import names_in_database as names

WAITING = 50
WAIT_SECONDS = 30
KEY = make_kms_key()


class Failed(Exception):
    """What a call raises."""


class Gate:
    """A call that keeps the writer busy until it is opened, so that the calls behind it wait together."""

    def __init__(self, storage) -> None:
        self._entered, self._opened = threading.Event(), threading.Event()
        self._call = storage.submit(self._wait)
        assert self._entered.wait(WAIT_SECONDS)

    def _wait(self, _tx):
        self._entered.set()
        assert self._opened.wait(WAIT_SECONDS)

    def open(self):
        self._opened.set()
        self._call.result(WAIT_SECONDS)


def test_calls_that_wait_together_share_one_journal_batch_and_one_commit(sqlite, journal, sqlite_url):
    gate = Gate(sqlite)
    futures = [sqlite.submit(insert(number)) for number in range(WAITING)]
    gate.open()
    assert [future.result(WAIT_SECONDS) for future in futures] == list(range(WAITING))
    assert [len(entries) for entries, _ in journal.batches] == [WAITING]
    assert len(names(sqlite_url)) == WAITING


def test_a_commit_waits_a_moment_for_as_many_calls_as_the_last_one_had(sqlite, journal, monkeypatch):
    monkeypatch.setattr(sqlite_writer, "GATHER_SECONDS", WAIT_SECONDS)
    gate = Gate(sqlite)
    pair = [sqlite.submit(insert(number)) for number in range(2)]
    gate.open()
    assert [future.result(WAIT_SECONDS) for future in pair] == [0, 1]
    first = sqlite.submit(insert(2))
    with pytest.raises(TimeoutError):
        first.result(0.1)
    sqlite.submit(insert(3)).result(WAIT_SECONDS)
    assert first.result(WAIT_SECONDS) == 2
    assert [len(entries) for entries, _ in journal.batches] == [2, 2]


def test_a_call_that_nobody_joins_is_done_alone_after_that(sqlite, journal):
    gate = Gate(sqlite)
    pair = [sqlite.submit(insert(number)) for number in range(2)]
    gate.open()
    assert [future.result(WAIT_SECONDS) for future in pair] == [0, 1]
    assert sqlite.submit(insert(2)).result(WAIT_SECONDS) == 2
    assert [len(entries) for entries, _ in journal.batches] == [2, 1]


def test_a_batch_has_a_greatest_length(sqlite, journal):
    gate = Gate(sqlite)
    futures = [sqlite.submit(lambda tx: tx.journal(b"x")) for _ in range(MAX_BATCH + 1)]
    gate.open()
    for future in futures:
        future.result(WAIT_SECONDS)
    assert [len(entries) for entries, _ in journal.batches] == [MAX_BATCH, 1]


def test_writers_on_many_threads_share_commits(sqlite, journal, sqlite_url):
    with ThreadPoolExecutor(16) as threads:
        list(threads.map(lambda number: sqlite.write(insert(number)), range(400)))
    assert len(names(sqlite_url)) == 400
    assert sorted(journal.entries) == sorted(b"%d" % number for number in range(400))
    assert len(journal.batches) < 400


def test_a_failing_call_takes_neither_the_answers_nor_the_changes_of_its_neighbours(sqlite, journal, sqlite_url):
    def fail_after_changing(tx):
        insert(900)(tx)
        raise Failed

    def break_a_rule(tx):
        insert(901)(tx)
        insert(0)(tx)

    gate = Gate(sqlite)
    first, failing = sqlite.submit(insert(0)), sqlite.submit(fail_after_changing)
    breaking, last = sqlite.submit(break_a_rule), sqlite.submit(insert(1))
    gate.open()
    assert (first.result(WAIT_SECONDS), last.result(WAIT_SECONDS)) == (0, 1)
    assert isinstance(failing.exception(WAIT_SECONDS), Failed)
    assert isinstance(breaking.exception(WAIT_SECONDS), StorageError)
    assert names(sqlite_url) == {"n000", "n001"}
    assert len(journal.batches) == 1


def test_a_refusing_journal_fails_the_whole_batch_and_no_later_one(sqlite, journal, sqlite_url):
    gate = Gate(sqlite)
    futures = [sqlite.submit(insert(number)) for number in range(5)]
    journal.refusing = True
    gate.open()
    failures = [future.exception(WAIT_SECONDS) for future in futures]
    assert all(isinstance(failure, StorageError) for failure in failures)
    assert all(isinstance(failure.__cause__, JournalRefused) for failure in failures)
    assert journal.refused == 1
    assert names(sqlite_url) == set()
    journal.refusing = False
    assert sqlite.write(insert(7)) == 7
    assert names(sqlite_url) == {"n007"}


def test_a_caller_that_gave_up_does_not_silence_the_others(sqlite):
    gate = Gate(sqlite)
    gone, waiting = sqlite.submit(insert(0)), sqlite.submit(insert(1))
    gone.add_done_callback(lambda _: 1 / 0)
    gate.open()
    assert waiting.result(WAIT_SECONDS) == 1


def test_a_change_is_seen_by_another_connection_when_its_future_completes(sqlite, sqlite_url):
    seen = []
    gate = Gate(sqlite)
    future = sqlite.submit(insert(3))
    future.add_done_callback(lambda _: seen.append(names(sqlite_url)))
    gate.open()
    future.result(WAIT_SECONDS)
    sqlite.close()  # the callback runs on the writer's thread, which has ended now
    assert seen == [{"n003"}]


def test_every_connection_flushes_its_commits_and_erases_what_it_frees(sqlite_url):
    connection = sqlite_module._open(sqlite_path(sqlite_url))
    full = 2
    assert connection.pragma("journal_mode") == "wal"
    assert connection.pragma("synchronous") == full
    assert connection.pragma("secure_delete") == 1
    assert connection.pragma("foreign_keys") == 1
    connection.close()


@pytest.mark.parametrize(("deleting", "left"), [(False, True), (True, False)], ids=["kept", "deleted"])
def test_bytes_of_deleted_rows_are_erased_from_the_file(sqlite_url, deleting, left):
    version = make_version(5)
    needles = [version.sealed.wrapped_key[:32], b"\x05\x00\xff" * 10]
    path = sqlite_path(sqlite_url)
    storage = SqliteStorage(path)
    storage.attach_journal(RecordingJournal())
    large = make_version(
        6,
        sealed=make_version(5).sealed.__class__(
            version.sealed.kind, version.sealed.key_arn, 1, version.sealed.wrapped_key, version.sealed.ciphertext * 600
        ),
    )
    secret = insert_secret(storage, version, large)
    storage.close()
    assert all(needle in path.read_bytes() for needle in needles), "they were there to begin with"
    storage = SqliteStorage(path)
    if deleting:
        storage.write(lambda tx: (tx.delete_wrapped_keys(secret), tx.delete_versions(secret), tx.delete_secret(secret)))
    storage.close()
    content = b"".join(file.read_bytes() for file in path.parent.glob(path.name + "*"))
    assert [needle in content for needle in needles] == [left, left]


def test_a_failed_commit_is_a_failed_call_and_the_next_one_works(sqlite, sqlite_url):
    """Another process holds the file for longer than a statement waits."""
    blocker = apsw.Connection(str(sqlite_path(sqlite_url)))
    sqlite.write(lambda tx: tx._execute(Query("busy", "PRAGMA busy_timeout = 1", tuple), {}))
    blocker.execute("BEGIN IMMEDIATE")
    with pytest.raises(StorageError, match="BusyError"):
        sqlite.write(insert(1))
    blocker.execute("COMMIT")
    blocker.close()
    assert sqlite.write(insert(2)) == 2
    assert names(sqlite_url) == {"n002"}


def find_key(tx):
    found = tx.find_kms_key(KEY.account_id, KEY.region, KEY.key_id)
    return None if found is None else found.state


def insert_key(tx):
    tx.insert_kms_key(KEY, WrappedKey(1, b"", "1"))


def disable_key(tx):
    tx.put_kms_key(replace(KEY, state=KeyState.DISABLED))


def insert_key_and_fail(tx):
    insert_key(tx)
    assert find_key(tx) is KeyState.ENABLED
    raise Failed


def together(sqlite, works):
    """Return what works return that share a commit; None for one that failed as it was to."""
    gate = Gate(sqlite)
    futures = [sqlite.submit(work) for work in works]
    gate.open()
    return [None if isinstance(future.exception(WAIT_SECONDS), Failed) else future.result() for future in futures]


def test_a_key_that_calls_of_one_commit_read_is_asked_for_once():
    asked: list[str] = []
    watched = Watched(lambda query, _params: asked.append(query.name) or [("a row",)])
    queries = load("sqlite").writing
    for _ in range(3):
        assert watched.execute(queries["find_kms_alias"], {"alias": "one"}) == [("a row",)]
        watched.execute(queries["put_stage"], {"arn": "x"})  # of a secret
    watched.execute(queries["find_kms_alias"], {"alias": "two"})
    watched.execute(queries["insert_kms_alias"], {})
    watched.execute(queries["find_kms_alias"], {"alias": "one"})
    assert [name for name in asked if name == "find_kms_alias"] == ["find_kms_alias"] * 3


def test_a_key_changed_by_a_call_is_read_anew_by_those_behind_it_in_the_same_commit(sqlite):
    sqlite.write(insert_key)
    assert together(sqlite, [find_key, disable_key, find_key]) == [KeyState.ENABLED, None, KeyState.DISABLED]


def test_a_key_of_a_call_that_was_undone_is_not_there_for_those_behind_it(sqlite):
    assert together(sqlite, [find_key, insert_key_and_fail, find_key]) == [None, None, None]


def test_a_key_changed_by_another_process_is_read_anew_by_the_next_commit(sqlite, sqlite_url):
    sqlite.write(insert_key)
    assert sqlite.write(find_key) is KeyState.ENABLED
    run_sql(sqlite_url, "UPDATE kms_keys SET state = :state", state=KeyState.DISABLED.value)
    assert sqlite.write(find_key) is KeyState.DISABLED
