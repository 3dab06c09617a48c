"""On SQLite calls that wait for others that write are worked out meanwhile; that counts if nothing has changed."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from contextlib import closing

import apsw
import pytest
from test_databases_agree import RandomCalls, whole_content
from test_sqlite_batch import Failed, outcome_of, put, random_work
from test_sqlite_turns import wait_until_next_is_taken

from strongroom.domain.replication import Replica, ReplicaStatus
from strongroom.domain.resource_policies import StoredPolicy
from strongroom.domain.staging import CURRENT
from strongroom.storage import sqlite as sqlite_module
from strongroom.storage import sqlite_drafter
from strongroom.storage.base import StorageError, WrappedKey
from strongroom.storage.sqlite_turn import Turn
from support.factories import ACCOUNT_ID, REGION
from support.storages import insert_secret, make_job, make_kms_key, make_version, opened, run_sql, sqlite_path

WAIT_SECONDS = 30
REPLICA = Replica(f"arn:aws:secretsmanager:us-west-2:{ACCOUNT_ID}:secret:a-abcdef", None, ReplicaStatus.IN_SYNC)


class Counted:
    """A work, and where it was run each time."""

    def __init__(self, work) -> None:
        self._work = work
        self.runs = 0

    def __call__(self, tx) -> object:
        self.runs += 1
        return self._work(tx)


def while_another_writes(storage, path, works, *, before=lambda: None, meanwhile=lambda: None):
    """Submit works on a loop while somebody else has his turn, which ends when they are drafted; return what they told.

    `before` is done once the other one has his turn, `meanwhile` when the drafts are made.
    """

    async def main():
        with closing(Turn(path)) as other:
            with other:
                before()
                futures = [storage.submit(work, changes_one_secret=True) for work in works]
                for _ in range(2 + len(works)):
                    await asyncio.sleep(0)
                meanwhile()
            told = [asyncio.wrap_future(future) for future in futures]
            return await asyncio.wait_for(asyncio.gather(*told, return_exceptions=True), WAIT_SECONDS)

    return asyncio.run(main())


@pytest.fixture(autouse=True)
def _drafts_pay_for_few_calls(monkeypatch):
    monkeypatch.setattr(sqlite_module, "DRAFTS_FROM", 0)


@pytest.fixture
def path(sqlite_url):
    return sqlite_path(sqlite_url)


@pytest.fixture
def other(sqlite, sqlite_url):
    """Another storage of the same file, as another process has it."""
    with opened(sqlite_url) as storage:
        yield storage


@pytest.fixture
def drafted(sqlite, path):
    return lambda *works, **what: while_another_writes(sqlite, path, works, **what)


def first(other, path, work):
    """Return what has `work` written by the other storage before what is submitted afterwards."""

    def begin():
        threading.Thread(target=lambda: outcome_of(lambda: other.write(work))).start()
        wait_until_next_is_taken(path)

    return begin


def test_a_call_that_has_to_wait_is_worked_out_meanwhile_and_not_again(sqlite, drafted, journal, sqlite_url):
    insert_secret(sqlite, name="a")
    work, runs = Counted(put("a", 1)), []
    assert drafted(work, meanwhile=lambda: runs.append(work.runs)) == [(None, 0, {})]
    assert (runs, work.runs) == ([1], 1)
    assert journal.entries[-1:] == [b"a1"]
    assert run_sql(sqlite_url, "SELECT label FROM stages") == [(CURRENT,)]


def test_a_call_that_need_not_wait_has_no_draft(sqlite, monkeypatch):
    insert_secret(sqlite, name="a")
    monkeypatch.setattr(sqlite_drafter.Drafts, "make", lambda *_: pytest.fail("nobody writes"))

    async def main():
        return await asyncio.wrap_future(sqlite.submit(put("a", 1), changes_one_secret=True))

    assert asyncio.run(main()) == (None, 0, {})


def test_calls_of_short_turns_have_no_drafts(sqlite, drafted, monkeypatch):
    monkeypatch.setattr(sqlite_module, "DRAFTS_FROM", 2)
    insert_secret(sqlite, name="a")
    work, runs = Counted(put("a", 1)), []
    assert drafted(work, meanwhile=lambda: runs.append(work.runs)) == [(None, 0, {})]
    assert runs == [0]


def test_where_another_process_wrote_in_between_calls_have_drafts_though_nobody_writes_just_then(sqlite, other):
    insert_secret(sqlite, name="a")
    other.write(put("a", 1))
    sqlite.write(put("a", 2))
    assert sqlite._drafts_pay()
    sqlite.write(put("a", 3))
    assert not sqlite._drafts_pay()


def test_a_call_whose_secret_a_call_before_it_changes_is_made_again(sqlite, drafted):
    insert_secret(sqlite, name="a")
    insert_secret(sqlite, name="b")
    works = [Counted(put("a", 1)), Counted(put("b", 1)), Counted(put("a", 2))]
    one = make_version(1).version_id
    assert drafted(*works) == [(None, 0, {}), (None, 0, {}), (None, 1, {CURRENT: one})]
    assert [work.runs for work in works] == [1, 1, 2]


def test_a_call_whose_secret_another_process_has_changed_is_made_again_and_its_neighbour_is_not(
    sqlite, other, path, drafted
):
    insert_secret(sqlite, name="a")
    insert_secret(sqlite, name="b")
    works = [Counted(put("a", 2)), Counted(put("b", 1))]
    told = drafted(*works, before=first(other, path, put("a", 1)))
    assert told == [(None, 1, {CURRENT: make_version(1).version_id}), (None, 0, {})]
    assert [work.runs for work in works] == [2, 1]


def see_keys_and_replicas(tx):
    secret = tx.find_secret(ACCOUNT_ID, REGION, "a")
    key = tx.find_kms_key(ACCOUNT_ID, REGION, make_kms_key().key_id)
    return tx.list_replicas(secret), key, tx.policies(secret)


@pytest.mark.parametrize(
    "change",
    [
        lambda tx: tx.insert_kms_key(make_kms_key(description="new"), WrappedKey(1, b"wrapped", "1")),
        lambda tx: tx.put_replica(tx.find_secret(ACCOUNT_ID, REGION, "a"), REPLICA),
        lambda tx: tx.put_policy(tx.find_secret(ACCOUNT_ID, REGION, "a"), "p", StoredPolicy("{}", {})),
    ],
    ids=["keys", "replicas", "policies"],
)
def test_a_call_is_made_again_when_anything_that_it_read_has_changed(sqlite, other, path, drafted, change):
    insert_secret(sqlite, name="a")
    work = Counted(see_keys_and_replicas)
    (told,) = drafted(work, before=first(other, path, change))
    assert told == sqlite.read(see_keys_and_replicas) != ([], None, {})
    assert work.runs == 2


def test_after_a_commit_that_nobody_noted_every_call_is_made_again(sqlite, drafted, path):
    insert_secret(sqlite, name="a")

    def by_hand():
        with closing(apsw.Connection(str(path))) as connection:
            connection.execute("UPDATE secrets SET revision = 7")

    work = Counted(lambda tx: (tx.find_secret(ACCOUNT_ID, REGION, "a").revision, tx.journal(b"seen"))[0])
    assert drafted(work, meanwhile=by_hand) == [7]
    assert work.runs == 2


def test_a_call_that_fails_and_says_so_in_the_journal_is_not_made_again(sqlite, drafted, journal, sqlite_url):
    insert_secret(sqlite, name="a")

    def refuse(tx):
        put("a", 1, journal=False)(tx)
        tx.journal(b"refused")
        raise Failed

    work = Counted(refuse)
    (told,) = drafted(work)
    assert isinstance(told, Failed)
    assert (work.runs, journal.entries[-1:]) == (1, [b"refused"])
    assert run_sql(sqlite_url, "SELECT COUNT(*) FROM versions") == [(0,)]


@pytest.mark.parametrize(
    "beyond",
    [
        lambda tx: tx.put_job(make_job("a")),
        lambda tx: tx.list_versions(tx.find_secret(ACCOUNT_ID, REGION, "a")),
        lambda tx: tx.find_secret(ACCOUNT_ID, REGION, "missing"),
        lambda tx: tx.count_secrets(ACCOUNT_ID, REGION),
    ],
    ids=["a-job", "all-versions", "a-missing-secret", "other-secrets"],
)
def test_what_does_more_than_a_draft_may_is_worked_out_in_the_turn_also_if_it_passes_over_that(
    sqlite, drafted, beyond, journal
):
    insert_secret(sqlite, name="a")

    def work(tx):
        with contextlib.suppress(Exception):
            beyond(tx)
        return put("a", 1)(tx)

    counted = Counted(work)
    assert drafted(counted) == [(None, 0, {})]
    assert (counted.runs, journal.entries[-1:]) == (2, [b"a1"])


def test_a_drafted_call_whose_changes_the_database_refuses_is_refused_alone(sqlite, drafted, sqlite_url):
    for name in "abc":
        insert_secret(sqlite, name=name)

    def twice(tx):
        secret = tx.find_secret(ACCOUNT_ID, REGION, "b")
        tx.insert_version(secret, make_version(1))
        tx.insert_version(secret, make_version(1))

    told = drafted(put("a", 1), twice, put("c", 1))
    assert [type(one) for one in told] == [tuple, StorageError, tuple]
    assert run_sql(sqlite_url, "SELECT COUNT(DISTINCT arn), COUNT(*) FROM versions") == [(2, 2)]


def test_where_no_drafts_can_be_made_calls_are_worked_out_in_their_turn(sqlite, drafted, monkeypatch):
    insert_secret(sqlite, name="a")

    def fail(_drafts, _mark):
        raise apsw.IOError("the disk")

    monkeypatch.setattr(sqlite_drafter.Drafts, "begin", fail)
    assert drafted(put("a", 1)) == [(None, 0, {})]


def test_a_loop_looks_after_its_clients_between_drafts(sqlite, drafted, monkeypatch):
    monkeypatch.setattr(sqlite_drafter, "SLICE_SECONDS", 0)
    for name in "abc":
        insert_secret(sqlite, name=name)
    works, seen = [Counted(put(name, 1)) for name in "abc"], []

    def look():
        seen.append([work.runs for work in works])

    drafted(*works, before=lambda: asyncio.get_running_loop().call_soon(look), meanwhile=look)
    assert seen == [[0, 0, 0], [1, 1, 1]]
    assert [work.runs for work in works] == [1, 1, 1]


def test_what_waits_for_its_draft_when_the_loop_ends_is_done_when_the_storage_is_closed(sqlite, path, sqlite_url):
    insert_secret(sqlite, name="a")

    async def main():
        return sqlite.submit(put("a", 1), changes_one_secret=True)

    loop = asyncio.new_event_loop()
    task = loop.create_task(main())
    task.add_done_callback(lambda _: loop.stop())
    with closing(loop):
        loop.run_forever()
        sqlite.close()
    assert task.result().result(WAIT_SECONDS) == (None, 0, {})
    assert run_sql(sqlite_url, "SELECT COUNT(*) FROM versions") == [(1,)]


@pytest.mark.parametrize("seed", range(6))
def test_random_drafts_answer_as_calls_one_after_the_other_do_on_the_other_database(sqlite_url, postgres_url, seed):
    calls = RandomCalls(seed)
    drafts = stood = 0
    with opened(sqlite_url) as sqlite, opened(sqlite_url) as other, opened(postgres_url) as postgresql:
        for number in range(30):
            between, works = random_work(calls), [Counted(random_work(calls)) for _ in range(8)]
            told = while_another_writes(
                sqlite, sqlite_path(sqlite_url), works, before=first(other, sqlite_path(sqlite_url), between)
            )
            drafts += 8
            stood += sum(work.runs == 1 for work in works)
            outcome_of(lambda between=between: postgresql.write(between))
            for place, (work, one) in enumerate(zip(works, told, strict=True)):
                expected = outcome_of(lambda work=work: postgresql.write(work))
                assert (None if isinstance(one, Exception) else one) == expected, f"batch {number}, call {place}"
        assert sqlite.read(whole_content) == postgresql.read(whole_content)
    assert 0 < stood < drafts, "some drafts stand, and some do not"
