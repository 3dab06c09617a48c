"""What PostgreSQL's snapshots say was changed between them: never less than was, whoever changed it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.recall import subject_of
from strongroom.storage import postgresql_history
from strongroom.storage.postgresql_history import MARKS_KEPT, MAX_SECRETS, MAX_TRANSACTIONS, History
from strongroom.storage.sql import load
from support.factories import make_secret
from support.storages import insert_secret, make_job, run_sql

SERVER = "2026-11-22 10:00:00+00"


def noted(**told: list[str] | None):
    """Return notes as they are read: by number, a list of names or None for anything."""
    return json.dumps(
        [
            [int(xid[1:]), None if names is None else b"".join(subject_of(name) for name in names).hex()]
            for xid, names in told.items()
        ]
    )


def subjects(*names: str):
    return frozenset(subject_of(name) for name in names)


@pytest.fixture
def history():
    one = History()
    one.add(f"10:10: {SERVER}", "[]")
    return one


def test_what_was_committed_between_two_snapshots_is_told(history):
    assert history.since == 10
    history.add(f"12:12: {SERVER}", noted(x10=["a"], x11=["b", "c"]))
    assert history.between(f"10:10: {SERVER}", f"12:12: {SERVER}") == subjects("a", "b", "c")


def test_nothing_was_changed_between_snapshots_that_see_the_same(history):
    history.add(f"10:12:10,11 {SERVER}", "[]")
    assert history.between(f"10:10: {SERVER}", f"10:12:10,11 {SERVER}") == frozenset()


def test_one_that_was_running_is_told_when_it_is_seen(history):
    history.add(f"10:12:10 {SERVER}", noted(x11=["b"]))
    assert history.since == 10
    history.add(f"12:12: {SERVER}", noted(x10=["a"], x11=["b"]))
    assert history.between(f"10:12:10 {SERVER}", f"12:12: {SERVER}") == subjects("a")
    assert history.between(f"10:10: {SERVER}", f"12:12: {SERVER}") == subjects("a", "b")


@pytest.mark.parametrize(
    ("mark", "notes"),
    [
        (f"12:12: {SERVER}", noted(x11=["b"])),
        (f"12:12: {SERVER}", noted(x10=None, x11=["b"])),
        ("12:12: 2026-11-22 11:00:00+00", noted(x10=["a"], x11=["b"])),
        (f"8:9: {SERVER}", "[]"),
        (f"{11 + MAX_TRANSACTIONS}:{11 + MAX_TRANSACTIONS}: {SERVER}", "[]"),
    ],
    ids=["one-left-no-note", "one-changed-anything", "another-server", "it-went-back", "too-many"],
)
def test_where_it_is_not_known_anything_may_have_changed(history, mark, notes):
    history.add(mark, notes)
    assert history.between(f"10:10: {SERVER}", mark) is None


def test_it_does_not_tell_of_what_it_has_not_seen_nor_backwards(history):
    history.add(f"11:11: {SERVER}", noted(x10=["a"]))
    assert history.between(f"9:9: {SERVER}", f"11:11: {SERVER}") is None
    assert history.between(f"10:10: {SERVER}", f"12:12: {SERVER}") is None
    assert history.between(f"11:11: {SERVER}", f"10:10: {SERVER}") is None


def test_it_is_bounded(history):
    for xid in range(11, 11 + MARKS_KEPT + 5):
        history.add(f"{xid}:{xid}: {SERVER}", noted(**{f"x{xid - 1}": ["a"]}))
    assert history.between(f"10:10: {SERVER}", f"{10 + MARKS_KEPT + 5}:{10 + MARKS_KEPT + 5}: {SERVER}") is None
    assert len(history._changed) == MARKS_KEPT


# A server's life: transactions begin, and end one way or the other, in any order

EVENTS = st.lists(st.sampled_from(["begin", "commit", "commit", "roll back", "foreign", "look", "look"]), max_size=60)


@given(events=EVENTS, choices=st.randoms(use_true_random=False))
def test_never_less_is_told_than_was_committed(events, choices):
    history, xid, running, notes, log = History(), 100, [], {}, []
    marks: list[tuple[str, int]] = []
    for event in events:
        if event in ("begin", "foreign"):
            running.append((xid, event))
            xid += 1
        elif event == "look":
            lowest = min((one for one, _ in running), default=xid)
            mark = f"{lowest}:{xid}:{','.join(str(one) for one, _ in running)} {SERVER}"
            since = history.since
            told = [[one, text] for one, text in sorted(notes.items()) if since is not None and one >= since]
            history.add(mark, json.dumps(told))
            marks.append((mark, len(log)))
        elif running:
            one, kind = running.pop(choices.randrange(len(running)))
            if event == "commit":
                log.append(f"secret {one % 5}" if kind == "begin" else None)
                if kind == "begin":
                    notes[one] = subject_of(f"secret {one % 5}").hex()
    for place, (old, before) in enumerate(marks):
        for new, after in marks[place + 1 :]:
            changed = history.between(old, new) if old != new else frozenset()
            truth = log[before:after]
            if changed is None:
                continue
            assert None not in truth
            assert changed >= subjects(*truth)


# On a real server


@pytest.fixture
def look(postgresql):
    """What reads the next snapshot on a connection and has a history take it."""
    query = load("postgresql").reading["bring_access_keys"]

    def take(history):
        asked = [(query, {"texts": '["nobody"]', "since": history.since})]
        mark, told = postgresql._with_session(lambda session: session.execute_together(asked))[0][0][:2]
        history.add(mark, told)
        return mark

    return take


@pytest.fixture
def secrets(postgresql):
    return {name: insert_secret(postgresql, name=name) for name in "ab"}


def test_on_a_server_each_commit_tells_what_it_changed(postgresql, look, secrets):
    history = History()
    before = look(history)
    postgresql.write(lambda tx: tx.put_secret(secrets["a"]))
    after = look(history)
    assert history.between(before, after) == subjects(secrets["a"].arn)
    postgresql.write(lambda tx: tx.put_job(make_job()))
    assert history.between(after, look(history)) == frozenset()


@pytest.mark.parametrize(
    "statement",
    ["UPDATE secrets SET type = 'x'", "CREATE TABLE more (x INTEGER)", "SELECT pg_current_xact_id()"],
)
def test_on_a_server_what_others_do_may_be_anything(postgres_url, look, secrets, statement):
    history = History()
    before = look(history)
    run_sql(postgres_url, statement)
    assert secrets
    assert history.between(before, look(history)) is None


def test_on_a_server_a_change_of_too_many_secrets_is_one_of_anything(postgresql, look):
    history = History()
    before = look(history)

    many = [make_secret(name=f"s{number}", arn=f"arn:{number}") for number in range(MAX_SECRETS + 1)]
    postgresql.write(lambda tx: [tx.insert_secret(one) for one in many])
    assert history.between(before, look(history)) is None


def test_on_a_server_old_notes_are_cleared_away(postgresql, postgres_url, secrets, monkeypatch):
    monkeypatch.setattr(postgresql_history, "CLEARED_EVERY", 4)
    monkeypatch.setattr(postgresql_history, "ROWS_KEPT", 2)
    for _ in range(12):
        postgresql.write(lambda tx: tx.put_secret(secrets["a"]))
    assert run_sql(postgres_url, "SELECT COUNT(*) FROM committed_changes")[0][0] < 8
