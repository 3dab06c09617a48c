"""On SQLite a change that is submitted on an event loop is worked out there; the disk is waited for elsewhere."""

from __future__ import annotations

import asyncio
import itertools
import threading

import apsw
import pytest

from strongroom.storage import sqlite_writer
from strongroom.storage.base import StorageError
from support.storages import await_all, insert_numbered
from support.storages import names_in_database as names

WAIT_SECONDS = 30


def insert(number, threads=None):
    def work(tx):
        if threads is not None:
            threads.append(threading.current_thread())
        return insert_numbered(number)(tx)

    return work


async def results(futures):
    return await asyncio.gather(*(asyncio.wrap_future(future) for future in futures), return_exceptions=True)


def test_what_is_submitted_on_a_loop_is_worked_out_there_and_committed_by_the_writer(sqlite, sqlite_url):
    threads = []

    async def main():
        return await results([sqlite.submit(insert(number, threads)) for number in range(20)])

    assert asyncio.run(main()) == list(range(20))
    assert set(threads) == {threading.current_thread()}
    assert len(names(sqlite_url)) == 20


def test_what_is_submitted_elsewhere_is_worked_out_by_the_writer(sqlite):
    threads = []

    async def main():
        await asyncio.to_thread(lambda: sqlite.submit(insert(1, threads)).result(WAIT_SECONDS))

    asyncio.run(main())
    sqlite.write(insert(2, threads))
    assert [thread.name for thread in threads] == ["sqlite-writer"] * 2


def test_a_loop_and_a_thread_share_a_commit(sqlite, journal):
    begun, goes_on, threads = threading.Event(), threading.Event(), []

    def hold(_tx):
        begun.set()
        assert goes_on.wait(WAIT_SECONDS)

    def from_a_thread():
        sqlite.submit(hold)
        assert begun.wait(WAIT_SECONDS)
        return sqlite.submit(insert(1, threads))

    async def main():
        other = await asyncio.to_thread(from_a_thread)
        own = sqlite.submit(insert(2, threads))
        goes_on.set()
        return await results([other, own])

    assert asyncio.run(main()) == [1, 2]
    assert [len(entries) for entries, _ in journal.batches] == [2]
    assert {thread.name for thread in threads} == {"sqlite-writer", threading.current_thread().name}


def test_a_loop_looks_after_its_clients_between_the_calls_of_a_long_batch(sqlite, monkeypatch):
    monkeypatch.setattr(sqlite_writer, "SLICE_SECONDS", 0)
    order, begun, goes_on = [], threading.Event(), threading.Event()

    def hold(_tx):
        begun.set()
        assert goes_on.wait(WAIT_SECONDS)

    async def main():
        async def client():
            while order.count("call") < 5:
                order.append("client")
                await asyncio.sleep(0)

        await asyncio.to_thread(lambda: (sqlite.submit(hold), begun.wait(WAIT_SECONDS)))
        futures = [sqlite.submit(lambda _tx: order.append("call")) for _ in range(5)]
        served = asyncio.create_task(client())
        goes_on.set()
        await results(futures)
        await served

    asyncio.run(main())
    assert order.count("call") == 5
    assert ("call", "call") not in set(itertools.pairwise(order))


def test_a_call_that_fails_is_undone_alone(sqlite, sqlite_url):
    def fail(tx):
        insert(9)(tx)
        raise KeyError("mine")

    async def main():
        return await results([sqlite.submit(insert(1)), sqlite.submit(fail), sqlite.submit(insert(2))])

    first, failed, last = asyncio.run(main())
    assert (first, last) == (1, 2)
    assert isinstance(failed, KeyError)
    assert names(sqlite_url) == {"n001", "n002"}


def test_what_keeps_a_batch_from_going_on_fails_all_of_it_and_the_loop_goes_on(sqlite, sqlite_url, monkeypatch):
    perform = sqlite_writer.Batch.perform
    monkeypatch.setattr(
        sqlite_writer.Batch, "perform", lambda *_: (_ for _ in ()).throw(apsw.FullError("the disk is full"))
    )

    async def main():
        told = await results([sqlite.submit(insert(number)) for number in range(3)])
        assert [type(one) for one in told] == [StorageError] * 3
        assert "FullError: the disk is full" in str(told[0])
        monkeypatch.setattr(sqlite_writer.Batch, "perform", perform)
        assert await results([sqlite.submit(insert(4))]) == [4]

    asyncio.run(main())
    assert names(sqlite_url) == {"n004"}


@pytest.mark.parametrize("closed", [False, True], ids=["stopped", "closed"])
def test_what_a_loop_has_left_when_it_ends_is_done_all_the_same(sqlite, sqlite_url, closed):
    loop = asyncio.new_event_loop()
    begun, goes_on, futures = threading.Event(), threading.Event(), []

    def hold(_tx):
        begun.set()
        assert goes_on.wait(WAIT_SECONDS)

    threading.Thread(target=lambda: sqlite.submit(hold)).start()
    assert begun.wait(WAIT_SECONDS)

    async def main():
        futures.extend(sqlite.submit(insert(number)) for number in range(3))

    loop.run_until_complete(main())
    if closed:
        loop.close()
    goes_on.set()
    await_all(futures)
    assert names(sqlite_url) == {"n000", "n001", "n002"}
    sqlite.close()
    loop.close()
