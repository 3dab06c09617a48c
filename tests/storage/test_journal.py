"""No audit, no change: entries reach the journal before the commit, or there is no commit."""

from __future__ import annotations

import pytest

from strongroom.storage.base import StorageError, WriteRequiredError
from support.factories import ACCOUNT_ID, REGION, make_secret
from support.storages import JournalRefused, insert_secret, open_database, opened, run_sql

SECRET = make_secret(name="journalled")


class Failed(Exception):
    """What a call raises."""


def insert_and_journal(tx):
    tx.insert_secret(SECRET)
    tx.journal(b"inserted")
    return "done"


def is_stored(storage):
    return storage.read(lambda tx: tx.find_secret(ACCOUNT_ID, REGION, SECRET.name)) is not None


def test_entries_of_a_change_are_asked_to_be_on_disk(storage, journal):
    def work(tx):
        tx.journal(b"one")
        tx.journal(b"two")

    storage.write(work)
    assert journal.batches == [((b"one", b"two"), True)]


def test_entries_of_a_read_need_not_be_on_disk_yet(storage, journal):
    assert storage.read(lambda tx: (tx.journal(b"read"), 7)[1]) == 7
    assert journal.batches == [((b"read",), False)]


def test_entries_reach_the_journal_before_the_commit(database_url):
    seen = []

    def journal(entries, durable):
        seen.append(run_sql(database_url, "SELECT name FROM secrets"))

    storage = open_database(database_url)
    storage.attach_journal(journal)
    try:
        storage.write(insert_and_journal)
    finally:
        storage.close()
    assert seen == [[]], "another connection did not see the change when the journal was written"
    assert run_sql(database_url, "SELECT name FROM secrets") == [(SECRET.name,)]


@pytest.mark.parametrize("verb", ["read", "write"])
def test_entries_reach_the_journal_when_the_call_fails(storage, journal, verb):
    def work(tx):
        tx.journal(b"refused")
        raise Failed

    with pytest.raises(Failed):
        getattr(storage, verb)(work)
    assert journal.entries == [b"refused"]


def test_a_failed_call_changes_nothing_though_it_is_journalled(storage, journal):
    def work(tx):
        insert_and_journal(tx)
        raise Failed

    with pytest.raises(Failed):
        storage.write(work)
    assert journal.entries == [b"inserted"]
    assert not is_stored(storage)


def test_a_journal_that_refuses_undoes_the_change_and_fails_the_call(storage, journal):
    journal.refusing = True
    with pytest.raises((StorageError, JournalRefused)):
        storage.write(insert_and_journal)
    assert journal.refused == 1, "the journal is not asked again for a call that is undone"
    assert not is_stored(storage)
    journal.refusing = False
    assert storage.write(insert_and_journal) == "done"
    assert is_stored(storage)


@pytest.mark.parametrize("verb", ["read", "write"])
def test_a_journal_that_refuses_takes_the_answer_of_a_call_that_changed_nothing(storage, journal, verb):
    journal.refusing = True
    with pytest.raises((StorageError, JournalRefused)):
        getattr(storage, verb)(lambda tx: tx.journal(b"read"))


def test_a_journal_that_refuses_spares_calls_without_entries(storage, journal):
    journal.refusing = True
    insert_secret(storage, name="silent")
    assert storage.read(lambda tx: tx.find_secret(ACCOUNT_ID, REGION, "silent")) is not None


@pytest.mark.parametrize("verb", ["read", "write"])
def test_entries_without_a_journal_fail_the_call(database_url, verb):
    storage = open_database(database_url)
    try:
        with pytest.raises(StorageError, match="no journal is attached"):
            getattr(storage, verb)(lambda tx: tx.journal(b"lost"))
    finally:
        storage.close()


def test_a_read_that_must_be_repeated_as_a_write_is_journalled_once(storage, journal):
    with pytest.raises(WriteRequiredError):
        storage.read(lambda tx: (tx.journal(b"first of the day"), insert_and_journal(tx)))
    assert journal.entries == []


@pytest.mark.parametrize("verb", ["read", "write"])
def test_a_closed_storage_says_so(database_url, verb):
    with opened(database_url) as storage:
        pass
    with pytest.raises(StorageError, match="closed"):
        getattr(storage, verb)(lambda tx: tx.list_jobs())
    with pytest.raises(StorageError, match="closed"):
        storage.submit(lambda tx: tx.list_jobs())
    storage.close()


def test_what_was_submitted_before_closing_is_finished(database_url):
    with opened(database_url) as storage:
        futures = [
            storage.submit(lambda tx, number=number: tx.insert_secret(make_secret(name=f"n{number}")))
            for number in range(20)
        ]
    assert all(future.done() and future.exception() is None for future in futures)
    assert run_sql(database_url, "SELECT COUNT(*) FROM secrets") == [(20,)]
