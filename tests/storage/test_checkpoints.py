"""SQLite's write-ahead log: how it is kept short, and how it forgets the keys of what was deleted."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from contextlib import closing
from typing import ClassVar

import apsw
import pytest

from strongroom.storage import sqlite as sqlite_module
from strongroom.storage import sqlite_checkpoint
from strongroom.storage.sqlite_checkpoint import Checkpointer
from strongroom.storage.sqlite_turn import Turn
from support.factories import make_secret
from support.storages import insert_secret, make_version, sqlite_path

WAIT_SECONDS = 30
PAGE = 4_096 + 24


class FakeConnection:
    """A connection whose checkpoints do what the test says, and are remembered."""

    def __init__(self, *, rest: int = 0, error: Exception | None = None) -> None:
        self.modes = []
        self.rest, self.error = rest, error
        self.ran = threading.Event()

    def set_wal_hook(self, hook):
        self.commit = hook

    def set_busy_timeout(self, _milliseconds):
        pass

    def wal_checkpoint(self, *, mode):
        self.modes.append(mode)
        self.ran.set()
        if self.error is not None:
            raise self.error
        return 1_000, 1_000 - self.rest

    def close(self):
        pass


def insert(number):
    return lambda tx: tx.insert_secret(make_secret(name=f"n{number:04d}"))


@pytest.fixture
def patient(monkeypatch):
    """A thread that leaves the rest to the writer for longer than any test lasts."""
    monkeypatch.setattr(sqlite_checkpoint, "IDLE_SECONDS", WAIT_SECONDS)
    monkeypatch.setattr(sqlite_checkpoint, "ERASE_AFTER_SECONDS", 0)


def log_of(sqlite_url):
    path = sqlite_path(sqlite_url)
    return path.with_name(path.name + "-wal")


def content_of(sqlite_url):
    path = sqlite_path(sqlite_url)
    return b"".join(file.read_bytes() for file in path.parent.glob(path.name + "*"))


@pytest.fixture
def turn(tmp_path):
    return Turn(tmp_path / "database")


def test_a_checkpoint_that_fails_is_logged_and_ends_neither_thread(caplog, turn):
    connection = FakeConnection(error=apsw.FullError("database or disk is full"))
    checkpointer = Checkpointer(connection, lambda: connection, turn, busy_timeout_ms=1)
    connection.commit(None, "main", sqlite_checkpoint.CHECKPOINT_AT_PAGES)
    with caplog.at_level(logging.ERROR):
        checkpointer.after_commit()
        assert connection.ran.wait(WAIT_SECONDS)
        checkpointer.after_commit()
        checkpointer.stop()
    assert len(connection.modes) >= 2
    assert "A checkpoint failed" in caplog.text


def test_a_disk_that_does_not_flush_leaves_nothing_to_the_writer_and_ends_neither_thread(caplog, turn):
    def flush():
        raise OSError("the disk fails")

    writer, own = FakeConnection(), FakeConnection()
    checkpointer = Checkpointer(writer, lambda: own, turn, busy_timeout_ms=1, flush=flush)
    writer.commit(None, "main", sqlite_checkpoint.CHECKPOINT_AT_PAGES)
    with caplog.at_level(logging.ERROR):
        while len(own.modes) < 3:
            checkpointer.after_commit()
        checkpointer.stop()
    assert writer.modes == []
    assert "A checkpoint failed" in caplog.text


def test_a_short_log_is_left_alone(turn):
    connection = FakeConnection()
    checkpointer = Checkpointer(connection, lambda: connection, turn, busy_timeout_ms=1)
    connection.commit(None, "main", sqlite_checkpoint.CHECKPOINT_AT_PAGES - 1)
    checkpointer.after_commit()
    assert not checkpointer._wanted.is_set()
    checkpointer.stop()


def test_the_writer_moves_the_rest_only_and_never_waits_for_the_whole(patient, turn):
    writer, own = FakeConnection(), FakeConnection()
    checkpointer = Checkpointer(writer, lambda: own, turn, busy_timeout_ms=1)
    writer.commit(None, "main", 1_000_000)
    checkpointer.after_commit()
    assert own.ran.wait(WAIT_SECONDS)
    while not writer.modes:
        checkpointer.after_commit()
    assert own.modes == [apsw.SQLITE_CHECKPOINT_PASSIVE]
    assert writer.modes == [apsw.SQLITE_CHECKPOINT_PASSIVE], "no mode that waits for readers"
    checkpointer.after_commit()
    assert len(writer.modes) == 1, "once is enough"
    checkpointer.stop()


def test_more_than_a_short_rest_is_not_left_to_the_writer(monkeypatch, turn):
    monkeypatch.setattr(sqlite_checkpoint, "IDLE_SECONDS", 0.01)
    monkeypatch.setattr(sqlite_checkpoint, "ERASE_AFTER_SECONDS", 0)
    writer, own = FakeConnection(), FakeConnection(rest=sqlite_checkpoint.REST_PAGES + 1)
    checkpointer = Checkpointer(writer, lambda: own, turn, busy_timeout_ms=1)
    checkpointer.after_commit(erases=True)
    while len(own.modes) < 3 * sqlite_checkpoint.MAX_ROUNDS:
        checkpointer.after_commit()
    assert writer.modes == [], "it would be busy for as long as the backup was that kept the log"
    assert set(own.modes) == {apsw.SQLITE_CHECKPOINT_PASSIVE}
    own.rest = sqlite_checkpoint.REST_PAGES
    while checkpointer._erasing:
        checkpointer.after_commit()
    assert apsw.SQLITE_CHECKPOINT_TRUNCATE in (writer.modes or own.modes), "nor is it forgotten that it is to be erased"
    checkpointer.stop()


@pytest.mark.parametrize(("pages", "is_left"), [(201 * sqlite_checkpoint.REST_SHARE, True), (12_000, False)])
def test_of_a_very_long_log_a_longer_rest_is_left_lest_it_grows_for_ever(pages, is_left, monkeypatch, turn):
    connection = FakeConnection()
    monkeypatch.setattr(connection, "wal_checkpoint", lambda *, mode: (pages, pages - 201))
    checkpointer = Checkpointer(connection, FakeConnection, turn, busy_timeout_ms=1)
    assert checkpointer._catch_up(connection) is is_left
    checkpointer.stop()


def test_a_log_that_grows_as_fast_as_it_is_moved_is_tried_a_bounded_number_of_times(turn):
    connection, flushed = FakeConnection(rest=sqlite_checkpoint.REST_PAGES + 1), []
    checkpointer = Checkpointer(connection, FakeConnection, turn, busy_timeout_ms=1, flush=lambda: flushed.append(1))
    checkpointer._catch_up(connection)
    assert len(connection.modes) == len(flushed) == sqlite_checkpoint.MAX_ROUNDS
    checkpointer.stop()


def test_a_long_log_begins_anew_while_the_writer_goes_on(sqlite, monkeypatch):
    monkeypatch.setattr(sqlite_checkpoint, "CHECKPOINT_AT_PAGES", 10)
    pages = []
    monkeypatch.setattr(
        Checkpointer,
        "_pages",
        property(lambda _: pages[-1] if pages else 0, lambda _, page: pages.append(page)),
        raising=False,
    )
    for number in range(10_000):
        sqlite.write(insert(number))
        if pages[-1] < max(pages):
            return
    raise AssertionError(f"the log never began anew; it has {pages[-1]} pages")


@pytest.mark.parametrize(
    "delete",
    [
        lambda tx, secret: (tx.delete_wrapped_keys(secret), tx.delete_versions(secret), tx.delete_secret(secret)),
        lambda tx, secret: tx.put_version(secret, make_version(5, sealed=None)),
    ],
    ids=["purge", "clean-up"],
)
def test_the_wrapped_keys_of_what_was_deleted_are_gone_from_database_and_log_after_one_checkpoint(
    sqlite, sqlite_url, patient, delete
):
    version = make_version(5)
    needles = [version.sealed.wrapped_key[:32], version.sealed.ciphertext[:30]]
    secret = insert_secret(sqlite, version)
    sqlite.write(insert(1))
    assert all(needle in content_of(sqlite_url) for needle in needles), "they were there to begin with"
    sqlite.write(lambda tx: delete(tx, secret))
    commits = 0
    while log_of(sqlite_url).stat().st_size and commits < 10_000:
        sqlite.write(lambda tx: tx.list_jobs())  # the writer passes by, and cuts the log when it is its turn
        commits += 1
    assert not any(needle in content_of(sqlite_url) for needle in needles)


def test_an_idle_writer_is_not_waited_for(sqlite, sqlite_url, monkeypatch):
    monkeypatch.setattr(sqlite_checkpoint, "ERASE_AFTER_SECONDS", 0)
    cut = threading.Event()
    move = Checkpointer._move_rest
    monkeypatch.setattr(Checkpointer, "_move_rest", lambda self, connection: (move(self, connection), cut.set()))
    secret = insert_secret(sqlite, make_version(5))
    sqlite.write(lambda tx: tx.delete_wrapped_keys(secret))
    assert cut.wait(WAIT_SECONDS)
    assert log_of(sqlite_url).stat().st_size == 0
    assert make_version(5).sealed.wrapped_key[:32] not in content_of(sqlite_url)


def test_a_log_in_use_by_a_long_reader_is_erased_when_the_reader_has_ended(sqlite, sqlite_url, monkeypatch):
    monkeypatch.setattr(sqlite_checkpoint, "ERASE_AFTER_SECONDS", 0)
    tried, cut = threading.Event(), threading.Event()
    move = Checkpointer._move_rest

    def observed(self, connection):
        try:
            move(self, connection)
            cut.set()
        finally:
            tried.set()

    monkeypatch.setattr(Checkpointer, "_move_rest", observed)
    secret = insert_secret(sqlite, make_version(5))
    with closing(sqlite_module._open(sqlite_path(sqlite_url))) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT COUNT(*) FROM versions").fetchall()
        sqlite.write(lambda tx: tx.delete_wrapped_keys(secret))
        assert tried.wait(WAIT_SECONDS)
        assert not cut.is_set()
        sqlite.write(insert(1))
        reader.execute("COMMIT")
    assert cut.wait(WAIT_SECONDS)
    assert make_version(5).sealed.wrapped_key[:32] not in content_of(sqlite_url)


class CountingFile(apsw.VFSFile):
    """A file of the log or the database that counts how often it is put on disk."""

    syncs: ClassVar[Counter[str]] = Counter()

    def __init__(self, name, flags) -> None:
        self._name = "" if name is None else (name if isinstance(name, str) else name.filename())
        super().__init__("unix", name, flags)

    def xSync(self, flags):  # noqa: N802 - SQLite's name
        self.syncs["log" if self._name.endswith("-wal") else "database"] += 1
        return super().xSync(flags)


class CountingDisk(apsw.VFS):
    def __init__(self) -> None:
        super().__init__("counting", "", makedefault=True)

    def xOpen(self, name, flags):  # noqa: N802 - SQLite's name
        return CountingFile(name, flags)


def test_a_batch_of_calls_is_put_on_disk_once(tmp_path):
    disk = CountingDisk()
    try:
        storage = sqlite_module.SqliteStorage(tmp_path / "strongroom.db")
        storage.attach_journal(lambda _entries, _durable: None)
        storage.write(insert(0))
        entered, go_on = threading.Event(), threading.Event()
        busy = storage.submit(lambda _tx: (entered.set(), go_on.wait(WAIT_SECONDS)))
        assert entered.wait(WAIT_SECONDS)
        futures = [storage.submit(insert(number)) for number in range(1, 65)]
        CountingFile.syncs.clear()
        go_on.set()
        for future in (busy, *futures):
            future.result(WAIT_SECONDS)
        assert CountingFile.syncs == {"log": 1}, "the one call before them changed nothing"
        storage.close()
    finally:
        disk.unregister()
