"""What commits changed, as readers that keep something learn it on SQLite: never less than was changed."""

from __future__ import annotations

import re
import struct
import sys
from contextlib import closing
from datetime import timedelta
from importlib.resources import files

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from strongroom.recall import subject_of
from strongroom.storage.base import TrailHead
from strongroom.storage.reach import OF_A_SECRET, OF_NO_ANSWER
from strongroom.storage.sql import load
from strongroom.storage.sqlite_changes import MAX_SECRETS, SLOTS, ChangeRing
from support.clock import NOW
from support.storages import insert_secret, open_database, sqlite_path

REACHES_ANYTHING = {
    "access_keys",
    "accounts",
    "group_members",
    "identities",
    "identity_attachments",
    "identity_policies",
    "key_terms",
    "kms_aliases",
    "kms_key_versions",
    "kms_keys",
    "policy_versions",
}


def mark_of(commits: int, life: int = 0) -> bytes:
    """Return a mark as SQLite has it after that many commits; its checksum depends on everything before."""
    return b"\0" * 8 + commits.to_bytes(4, sys.byteorder) + b"\0" * 28 + (commits * 7 + life).to_bytes(8, "little")


@pytest.fixture
def ring(tmp_path):
    with closing(ChangeRing(tmp_path / "database", writes=True)) as one:
        yield one


def add(storage, name):
    return insert_secret(storage, name=name)


def change(storage, one, description):
    storage.write(lambda tx: tx.put_secret(replace(one, description=description)))


# Tables and statements


def test_every_table_is_known_to_be_a_secrets_nobodys_or_anybodys():
    folder = files("strongroom.storage") / "migrations"
    schema = "\n".join(entry.read_text() for entry in folder.iterdir() if entry.name.endswith(".sql"))
    tables = set(re.findall(r"CREATE TABLE (\w+)", schema))
    assert tables == OF_A_SECRET | OF_NO_ANSWER | REACHES_ANYTHING
    assert not OF_A_SECRET & OF_NO_ANSWER


def test_every_statement_that_changes_a_secrets_rows_names_the_secret():
    for name, query in load("sqlite").writing.items():
        if query.changes in OF_A_SECRET:
            assert ":arn" in load("postgresql").writing[name].text.replace("%(arn)s", ":arn"), name


def test_every_statement_that_writes_is_known_to_write():
    for name, query in load("sqlite").writing.items():
        assert (query.changes is not None) == bool(re.search(r"\b(INSERT|UPDATE|DELETE)\b", query.text)), name


# The ring


def test_between_two_marks_are_the_secrets_of_all_commits_between_them(ring):
    for commit, arns in enumerate([["a"], [], ["b", "c"], ["d"]], start=7):
        ring.note(mark_of(commit - 1), arns)
    assert ring.between(mark_of(6), mark_of(9)) == {subject_of("a"), subject_of("b"), subject_of("c")}
    assert ring.between(mark_of(9), mark_of(10)) == {subject_of("d")}


@pytest.mark.parametrize(
    ("old", "new"),
    [(6, 8), (7, 9), (9, 8), (8, 8), (0, 8), (8, 8 + SLOTS)],
    ids=[
        "one before is missing",
        "one after is missing",
        "began anew",
        "no commit but another mark",
        "too far",
        "lost",
    ],
)
def test_where_a_commit_has_no_note_anything_may_have_changed(ring, old, new):
    ring.note(mark_of(7), ["a"])
    assert ring.between(mark_of(7), mark_of(8)) == {subject_of("a")}
    assert ring.between(mark_of(old), mark_of(new)) is None


def test_a_slot_of_the_first_layout_is_not_believed(ring):
    ring.note(mark_of(7), [])
    head = 8 * 2_048
    ring._memory[head : head + 16] = struct.pack("=II8s", 8, 0, mark_of(7)[40:48])
    assert ring.between(mark_of(7), mark_of(8)) is None


def test_a_commit_of_anything_and_one_of_too_many_secrets_may_have_changed_anything(ring):
    for arns in (None, [str(number) for number in range(MAX_SECRETS + 1)]):
        ring.note(mark_of(2), arns)
        assert ring.between(mark_of(2), mark_of(3)) is None
    ring.note(mark_of(2), [str(number) for number in range(MAX_SECRETS)])
    assert len(ring.between(mark_of(2), mark_of(3))) == MAX_SECRETS


def test_a_reader_that_is_half_the_ring_behind_is_not_told_what_is_being_overwritten(ring):
    for commit in range(1, SLOTS + 1):
        ring.note(mark_of(commit - 1), [str(commit)])
    assert ring.between(mark_of(SLOTS - SLOTS // 2), mark_of(SLOTS)) is not None
    assert ring.between(mark_of(SLOTS - SLOTS // 2 - 1), mark_of(SLOTS)) is None


@given(commits=st.lists(st.lists(st.sampled_from("abcdef"), max_size=4), max_size=40), start=st.integers(0, 40))
def test_a_secret_that_changed_is_always_told(tmp_path_factory, commits, start):
    with closing(ChangeRing(tmp_path_factory.mktemp("ring") / "database", writes=True)) as one:
        for number, arns in enumerate(commits, start=1):
            one.note(mark_of(number - 1), arns)
        begin = min(start, len(commits))
        told = one.between(mark_of(begin), mark_of(len(commits)))
    if begin < len(commits):
        assert told == {subject_of(arn) for arns in commits[begin:] for arn in arns}


def test_a_counter_that_began_anew_and_came_as_far_again_is_found_out(ring):
    for life in (1, 2):
        for commit in range(1, 9):
            ring.note(mark_of(commit - 1, life), ["a"])
    assert ring.between(mark_of(5, 2), mark_of(8, 2)) == {subject_of("a")}
    assert ring.between(mark_of(5, 1), mark_of(8, 2)) is None


# The storage


def test_a_commit_tells_the_secrets_that_it_changed_and_no_other(sqlite):
    first, second = add(sqlite, "first"), add(sqlite, "second")
    old = sqlite.mark()
    change(sqlite, first, "changed")
    between = sqlite.mark()
    change(sqlite, second, "changed too")
    assert sqlite.changed(old, between) == {subject_of(first.arn)}
    assert sqlite.changed(old, sqlite.mark()) == {subject_of(first.arn), subject_of(second.arn)}


def test_a_commit_that_no_answer_depends_on_tells_nothing(sqlite):
    add(sqlite, "first")
    old = sqlite.mark()
    sqlite.write(lambda tx: tx.put_trail_head(TrailHead("trail", 1, "mac"), NOW + timedelta(1)))
    assert sqlite.mark() != old
    assert sqlite.changed(old, sqlite.mark()) == frozenset()


def test_a_commit_of_another_storage_of_the_file_is_told_too(sqlite, sqlite_url):
    one = add(sqlite, "first")
    old = sqlite.mark()
    with closing(open_database(sqlite_url)) as other:
        change(other, one, "changed by another")
        assert sqlite.changed(old, sqlite.mark()) == {subject_of(one.arn)}


def test_a_new_identity_or_account_may_change_anything(sqlite):
    add(sqlite, "first")
    old = sqlite.mark()
    sqlite.write(lambda tx: tx.insert_account("999999999999", NOW))
    assert sqlite.changed(old, sqlite.mark()) is None


def test_after_a_commit_by_something_else_anything_may_have_changed(sqlite, sqlite_url):
    one = add(sqlite, "first")
    old = sqlite.mark()
    with closing(apsw.Connection(str(sqlite_path(sqlite_url)))) as stranger:
        stranger.execute("UPDATE secrets SET description = 'by hand'")
    assert sqlite.changed(old, sqlite.mark()) is None
    later = sqlite.mark()
    change(sqlite, one, "by us")
    assert sqlite.changed(later, sqlite.mark()) == {subject_of(one.arn)}
    assert sqlite.changed(old, sqlite.mark()) is None


def test_a_call_that_fails_and_a_commit_that_fails_tell_no_less(sqlite):
    one, other = add(sqlite, "first"), add(sqlite, "second")
    old = sqlite.mark()

    def fail(tx):
        tx.put_secret(one)
        raise ValueError("of the test")

    with pytest.raises(ValueError, match="of the test"):
        sqlite.write(fail)
    change(sqlite, other, "changed")
    told = sqlite.changed(old, sqlite.mark())
    assert told is not None
    assert subject_of(other.arn) in told


def test_a_log_that_began_anew_may_have_changed_anything_and_then_no_more(sqlite, sqlite_url):
    one = add(sqlite, "first")
    old = sqlite.mark()
    with closing(apsw.Connection(str(sqlite_path(sqlite_url)))) as other:
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert sqlite.changed(old, sqlite.mark()) is None
    change(sqlite, one, "in a new log")
    assert sqlite.changed(old, sqlite.mark()) is None
    later = sqlite.mark()
    change(sqlite, one, "again")
    assert sqlite.changed(later, sqlite.mark()) == {subject_of(one.arn)}
