"""Dates of reads on their way: one batch after the other, waited for where they are told, kept when they fail."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from datetime import date

import pytest

from strongroom import access_dates
from strongroom.access_dates import AccessDates
from strongroom.domain.access import Access
from strongroom.metrics import Metrics

DAY = date(2030, 1, 2)
WAIT_SECONDS = 30


class Database:
    """Takes batches, and answers when the test says so."""

    def __init__(self) -> None:
        self.batches: list[list[Access]] = []
        self.asked: list[Future[None]] = []
        self.written = threading.Event()

    def write(self, accesses):
        future = Future[None]()
        self.batches.append(sorted(accesses))
        self.asked.append(future)
        self.written.set()
        return future


@pytest.fixture
def database():
    return Database()


@pytest.fixture
def metrics():
    return Metrics()


@pytest.fixture
def dates(database, metrics):
    return AccessDates(database.write, metrics)


def access(name, day=DAY):
    return Access(name, "v", day)


def counted(metrics, name):
    return next(
        int(line.split()[-1]) for line in metrics.render().splitlines() if line.startswith(f"strongroom_{name} ")
    )


def test_nothing_read_is_nothing_to_wait_for_and_nothing_to_write(dates, database):
    dates.note([])
    assert dates.unsettled() is None
    assert database.batches == []


def test_what_is_read_in_the_meantime_is_written_together_each_version_once(dates, database):
    dates.note([access("a")])
    dates.note([access("b"), access("a")])
    assert database.batches == []
    dates.unsettled()
    assert database.batches == [[access("a"), access("b")]]


def test_while_a_batch_is_written_the_next_gathers(dates, database):
    dates.note([access("a")])
    dates.unsettled()
    dates.note([access("b")])
    dates.unsettled()
    dates.note([access("c"), access("b")])
    assert database.batches == [[access("a")]]
    database.asked[0].set_result(None)
    assert database.batches == [[access("a")], [access("b"), access("c")]]
    database.asked[1].set_result(None)
    assert dates.unsettled() is None


def test_who_asks_for_dates_waits_for_what_was_noted_before_and_no_longer(dates, database):
    dates.note([access("a")])
    first, also_first = dates.unsettled(), dates.unsettled()
    dates.note([access("b")])
    second = dates.unsettled()
    assert not first.done()
    database.asked[0].set_result(None)
    assert first.done()
    assert also_first.done()
    assert not second.done()
    dates.note([access("c")])
    database.asked[1].set_result(None)
    assert second.done()
    assert len(database.batches) == 2, "nobody waits for the third"


@pytest.mark.parametrize("on_a_loop", [False, True], ids=["thread", "loop"])
def test_in_the_end_dates_are_written_though_nobody_asks(dates, database, monkeypatch, on_a_loop):
    monkeypatch.setattr(access_dates, "DELAY_SECONDS", 0.01)

    async def on_loop():
        dates.note([access("a")])
        assert await asyncio.to_thread(database.written.wait, WAIT_SECONDS)

    if on_a_loop:
        asyncio.run(on_loop())
    else:
        dates.note([access("a")])
        assert database.written.wait(WAIT_SECONDS)
    assert database.batches == [[access("a")]]


def test_what_a_loop_had_planned_when_it_ended_is_planned_anew(dates, database, monkeypatch):
    async def note():
        dates.note([access("a")])

    asyncio.run(note())
    monkeypatch.setattr(access_dates, "DELAY_SECONDS", 0.01)
    dates.note([access("b")])
    assert database.written.wait(WAIT_SECONDS)
    assert database.batches == [[access("a"), access("b")]]


def test_what_could_not_be_written_is_kept_for_whoever_asks_next(dates, database, metrics, caplog):
    dates.note([access("a")])
    waiting = dates.unsettled()
    dates.note([access("b")])
    behind = dates.unsettled()
    database.asked[0].set_exception(OSError("the disk is full"))
    assert waiting.result() is None
    assert behind.result() is None, "nobody waits for a disk with room"
    assert "The dates of 1 reads cannot be written now and are kept: the disk is full" in caplog.text
    assert counted(metrics, "access_dates_failed_total") == 1
    dates.unsettled()
    assert database.batches[1] == [access("a"), access("b")]


def test_what_could_not_be_written_is_tried_again_though_nobody_asks(dates, database, monkeypatch):
    monkeypatch.setattr(access_dates, "DELAY_SECONDS", 0.01)
    for _ in range(3):
        dates.note([access("a")])
        assert database.written.wait(WAIT_SECONDS)
        database.written.clear()
        database.asked[-1].set_exception(OSError("the disk is full"))
    assert database.written.wait(WAIT_SECONDS)
    assert database.batches == [[access("a")]] * 4


def test_a_failure_that_goes_on_is_logged_once_and_a_later_one_again(dates, database, metrics, caplog):
    for number, error in enumerate([OSError("no"), OSError("no"), None, OSError("no")]):
        dates.note([access("a")])
        dates.unsettled()
        if error is None:
            database.asked[number].set_result(None)
        else:
            database.asked[number].set_exception(error)
    assert caplog.text.count("cannot be written now") == 2
    assert counted(metrics, "access_dates_failed_total") == 3


def test_a_later_day_is_not_overwritten_by_one_that_is_tried_again(dates, database):
    dates.note([access("a")])
    dates.unsettled()
    dates.note([access("a", date(2030, 1, 3))])
    database.asked[0].set_exception(OSError("no"))
    dates.unsettled()
    assert database.batches[1] == [access("a", date(2030, 1, 3))]


def test_a_database_that_refuses_to_begin_is_a_failure_like_any_other(metrics, caplog):
    def write(_accesses):
        raise ValueError("the storage is closed")

    dates = AccessDates(write, metrics)
    dates.note([access("a")])
    assert dates.unsettled().done()
    assert "the storage is closed" in caplog.text


def test_no_more_are_kept_than_there_is_room_for_and_the_rest_is_counted(dates, database, metrics, monkeypatch):
    monkeypatch.setattr(access_dates, "MAX_KEPT", 3)
    dates.note([access("a"), access("b")])
    dates.unsettled()
    dates.note([access(name) for name in "cdefg"])
    assert counted(metrics, "access_dates_lost_total") == 2
    database.asked[0].set_exception(OSError("no"))
    dates.unsettled()
    assert database.batches[1] == [access("c"), access("d"), access("e")]


def test_the_end_writes_what_is_left(dates, database, caplog):
    dates.note([access("a")])
    dates._write = lambda batch: done(database.write(batch))
    dates.settle()
    assert database.batches == [[access("a")]]
    assert caplog.text == ""


def test_the_end_tells_what_could_not_be_written(dates, metrics, caplog):
    dates.note([access("a")])
    dates._write = lambda _batch: done(Future(), OSError("still no"))
    dates.settle()
    assert "The dates of 1 reads could not be written down; the trail has the reads" in caplog.text
    assert counted(metrics, "access_dates_lost_total") == 1


def done(future, error=None):
    if error is None:
        future.set_result(None)
    else:
        future.set_exception(error)
    return future
