"""The mark of what is committed, on SQLite."""

from __future__ import annotations

import subprocess
import sys
from contextlib import closing

import apsw

from strongroom.storage.sqlite_mark import CommitMark
from support.clock import NOW
from support.storages import open_database, sqlite_path


def commit(storage, number):
    storage.write(lambda tx: tx.insert_account(f"{number:012}", NOW))


def test_every_commit_changes_the_mark_and_no_read_does(sqlite):
    marks = [sqlite.mark()]
    for number in range(20):
        commit(sqlite, number)
        marks.append(sqlite.mark())
        sqlite.read(lambda tx: tx.list_accounts())
        assert sqlite.mark() == marks[-1]
    assert None not in marks
    assert len(set(marks)) == len(marks)


def test_a_commit_of_another_connection_and_a_rewound_log_change_it_too(sqlite, sqlite_url):
    commit(sqlite, 1)
    before = sqlite.mark()
    with closing(apsw.Connection(str(sqlite_path(sqlite_url)))) as other:
        other.execute("INSERT INTO accounts (account_id, created_at) VALUES ('999999999999', 0)")
        after = sqlite.mark()
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        other.execute("INSERT INTO accounts (account_id, created_at) VALUES ('999999999998', 0)")
    assert len({before, after, sqlite.mark()}) == 3


def test_while_the_two_copies_differ_there_is_no_mark(sqlite, sqlite_url, monkeypatch):
    mark = CommitMark.of(sqlite_path(sqlite_url))
    try:
        monkeypatch.setattr(mark, "_memory", b"\1" * 48 + b"\2" * 48)
        assert mark.read() is None
    finally:
        monkeypatch.undo()
        mark.release()


def test_two_storages_of_one_file_have_one_mark(sqlite, sqlite_url):
    with closing(open_database(sqlite_url)) as other:
        commit(other, 5)
        assert other.mark() == sqlite.mark()


TAKES_IT_FOR_UNUSED = """
import fcntl, sys
with open(sys.argv[1] + "-shm", "r+b") as shared:
    fcntl.lockf(shared, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, 128)  # the lock that SQLite asks before it begins anew
"""


def is_taken_for_unused(database_url):
    command = [sys.executable, "-c", TAKES_IT_FOR_UNUSED, str(sqlite_path(database_url))]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


def test_no_other_process_takes_a_database_for_unused_while_a_storage_of_it_is_open(sqlite_url):
    with closing(open_database(sqlite_url)) as first:  # as a server's start makes one and closes it again
        commit(first, 1)
        first.read(lambda tx: tx.list_accounts())
        first.mark()
    with closing(open_database(sqlite_url)) as second:
        assert not is_taken_for_unused(sqlite_url)
        second.mark()
        with closing(open_database(sqlite_url)) as third:
            third.mark()
            third.read(lambda tx: tx.list_accounts())
            commit(third, 2)
            commit(second, 3)
        assert not is_taken_for_unused(sqlite_url)
        commit(second, 4)
        assert not is_taken_for_unused(sqlite_url)
    assert not sqlite_path(sqlite_url).with_suffix(".db-shm").exists(), "the last one out"
