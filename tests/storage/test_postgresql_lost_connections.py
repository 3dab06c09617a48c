"""PostgreSQL restarts, and connections that were open are lost: nobody who calls afterwards notices."""

from __future__ import annotations

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from strongroom.promises import Promise
from strongroom.storage.base import Foreseen, StorageError, WantedVersion
from support.factories import ACCOUNT_ID, REGION
from support.on_loop import OnLoop, running_loop
from support.storages import insert_secret, make_job, make_version, run_sql

WAIT_SECONDS = 30
WANTED = WantedVersion(ACCOUNT_ID, REGION, "app", None, make_version(2).version_id, None)
OTHERS = "datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"


def read(storage):
    return storage.read(lambda tx: tx.find_secret(ACCOUNT_ID, REGION, "app")).name


def look_up(storage):
    return storage.look_up(lambda tx: tx.find_secret(ACCOUNT_ID, REGION, "app")).name


def bring_key(storage):
    return storage.bringer.access_key("AKIAAAAAAAAAAAAAAAAA").result(WAIT_SECONDS) and "app"


def bring_version(storage):
    return storage.bringer.versions((WANTED,)).result(WAIT_SECONDS) and "app"


def write(storage):
    storage.write(lambda tx: tx.put_job(make_job("app")))
    return "app"


def submit(storage):
    def work(tx):
        secret = tx.find_secret(ACCOUNT_ID, REGION, "app")
        tx.put_secret(secret)
        tx.journal(b"submitted")
        return secret.name

    return storage.submit(work, Foreseen(WANTED, None)).result(WAIT_SECONDS)


CALLS = [read, look_up, bring_key, bring_version, write, submit]


@pytest.fixture(params=["thread", "loop"])
def storage(request, postgresql):
    insert_secret(postgresql, name="app")
    if request.param == "thread":
        yield postgresql
        return
    with running_loop() as loop:
        on_loop = OnLoop(postgresql, loop)
        on_loop.await_lanes(Foreseen(WANTED, None))
        yield on_loop


def lose_connections(postgres_url):
    run_sql(postgres_url, f"SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE {OTHERS}")


@pytest.mark.parametrize("call", CALLS)
def test_a_call_after_connections_were_lost_is_answered(storage, postgres_url, call):
    with ThreadPoolExecutor(8) as threads:  # so that the pool has more of them than one
        assert list(threads.map(lambda _: call(storage), range(16))) == ["app"] * 16
    for _ in range(3):
        lose_connections(postgres_url)
        assert [call(storage) for call in CALLS] == ["app"] * len(CALLS)
        lose_connections(postgres_url)
        assert call(storage) == "app"


def test_what_was_told_to_commit_on_a_lost_connection_is_not_done_again(storage, postgres_url):
    done = []

    def lose(_entries, _durable):
        done.append(1)
        lose_connections(postgres_url)

    storage.attach_journal(lose)
    with pytest.raises(StorageError):
        storage.write(lambda tx: (tx.put_job(make_job("app")), tx.journal(b"once")))
    assert done == [1]


def test_who_asks_one_after_the_other_needs_one_connection_from_the_first_call_on(postgresql):
    insert_secret(postgresql, name="app")
    for _ in range(3):
        assert read(postgresql) == "app"
    assert postgresql._pool.get_stats()["pool_size"] == 1


@pytest.mark.parametrize("when", ["before it asks", "between asking and setting out", "when it has set out"])
def test_who_asks_on_a_loop_is_answered_whenever_the_connection_is_lost(postgresql, postgres_url, when):
    insert_secret(postgresql, name="app")
    with running_loop() as loop:
        on_loop = OnLoop(postgresql, loop)
        on_loop.await_lanes(Foreseen(WANTED, None))
        reads, writes = postgresql.bringer._lane, postgresql._writer._lane

        def lose():
            """In one turn of the loop, which notices as if it had come to it in that very moment."""
            lose_connections(postgres_url)
            for lane in (reads, writes):
                while not lane._channel.is_lost:
                    lane._channel._receive()

        def ask():
            if when == "before it asks":
                lose()
            key = postgresql.bringer.access_key("nobody")
            written = postgresql.submit(
                lambda tx: tx.find_secret(ACCOUNT_ID, REGION, "app").name, Foreseen(WANTED, None)
            )
            if when == "when it has set out":
                reads._set_out()
                writes._set_out()
            if when != "before it asks":
                lose()
            both = Promise()
            key.add_done_callback(lambda _: written.add_done_callback(both.tell))
            return both

        assert loop.told(ask).result(WAIT_SECONDS).result() == "app"
        assert [call(on_loop) for call in CALLS] == ["app"] * len(CALLS)


@pytest.mark.parametrize("asks", [bring_key, submit], ids=["reads", "writes"])
def test_who_is_waited_for_when_the_server_dies_with_what_was_sent_unread_is_told(postgresql, postgres_url, asks):
    """Then the socket has an error, of which uvloop tells once."""
    insert_secret(postgresql, name="app")
    with running_loop() as loop:
        on_loop = OnLoop(postgresql, loop)
        on_loop.await_lanes(Foreseen(WANTED, None))
        stopped = [pid for (pid,) in run_sql(postgres_url, f"SELECT pid FROM pg_stat_activity WHERE {OTHERS}")]
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        with ThreadPoolExecutor(1) as threads:
            answer = threads.submit(asks, on_loop)
            time.sleep(0.2)
            for pid in stopped:
                os.kill(pid, signal.SIGTERM)
                os.kill(pid, signal.SIGCONT)
            assert answer.result(WAIT_SECONDS) == "app"
