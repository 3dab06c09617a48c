"""Dates of reads on their way: one batch after the other, waited for where they are told, kept when they fail."""

from __future__ import annotations

from concurrent.futures import Future
from datetime import date

import pytest

from strongroom import access_dates
from strongroom.access_dates import AccessDates
from strongroom.domain.access import Access
from strongroom.metrics import Metrics

DAY = date(2030, 1, 2)


class Database:
    """Takes batches, and answers when the test says so."""

    def __init__(self) -> None:
        self.batches: list[list[Access]] = []
        self.asked: list[Future[None]] = []

    def write(self, accesses):
        self.batches.append(sorted(accesses))
        self.asked.append(Future())
        return self.asked[-1]


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


def test_what_is_read_while_a_batch_is_written_goes_with_the_next_each_version_once(dates, database):
    dates.note([access("a")])
    dates.note([access("b")])
    dates.note([access("c"), access("b")])
    assert database.batches == [[access("a")]]
    database.asked[0].set_result(None)
    assert database.batches == [[access("a")], [access("b"), access("c")]]
    database.asked[1].set_result(None)
    assert len(database.batches) == 2


def test_who_asks_for_dates_waits_for_what_was_noted_before_and_no_longer(dates, database):
    dates.note([access("a")])
    first = dates.unsettled()
    dates.note([access("b")])
    second = dates.unsettled()
    assert not first.done()
    database.asked[0].set_result(None)
    assert first.done()
    assert not second.done()
    dates.note([access("c")])
    database.asked[1].set_result(None)
    assert second.done()
    database.asked[2].set_result(None)
    assert dates.unsettled() is None


def test_what_could_not_be_written_is_kept_and_tried_again_with_the_next_read(dates, database, metrics, caplog):
    dates.note([access("a")])
    waiting = dates.unsettled()
    dates.note([access("b")])
    behind = dates.unsettled()
    database.asked[0].set_exception(OSError("the disk is full"))
    assert waiting.result() is None
    assert behind.result() is None
    assert dates.unsettled() is None, "nobody waits for a disk with room"
    assert "1 reads cannot be written now and are kept: the disk is full" in caplog.text
    assert counted(metrics, "access_dates_failed_total") == 1
    dates.note([access("c")])
    assert database.batches[1] == [access("a"), access("b"), access("c")]


def test_a_later_day_is_not_overwritten_by_one_that_is_tried_again(dates, database):
    dates.note([access("a")])
    dates.note([access("a", date(2030, 1, 3))])
    database.asked[0].set_exception(OSError("no"))
    dates.note([access("b")])
    assert database.batches[1] == [access("a", date(2030, 1, 3)), access("b")]


def test_a_database_that_refuses_to_begin_is_a_failure_like_any_other(metrics, caplog):
    def write(_accesses):
        raise ValueError("the storage is closed")

    dates = AccessDates(write, metrics)
    dates.note([access("a")])
    assert dates.unsettled() is None
    assert "the storage is closed" in caplog.text


def test_no_more_are_kept_than_there_is_room_for_and_the_rest_is_counted(dates, database, metrics, monkeypatch):
    monkeypatch.setattr(access_dates, "MAX_KEPT", 3)
    dates.note([access("a"), access("b")])
    dates.note([access(name) for name in "cdefg"])
    assert counted(metrics, "access_dates_lost_total") == 2
    database.asked[0].set_exception(OSError("no"))
    dates.note([])
    assert database.batches[1] == [access("c"), access("d"), access("e")]


def test_the_end_writes_what_is_left_and_tells_what_could_not_be(dates, database, metrics, caplog):
    dates.note([access("a")])
    database.asked[0].set_exception(OSError("no"))
    failing = AccessDates(database.write, metrics)
    dates._write = lambda batch: done(batch, database)
    dates.settle()
    assert database.batches[-1] == [access("a")]
    assert "could not be written down" not in caplog.text
    failing._write = lambda _batch: (_ for _ in ()).throw(OSError("still no"))
    failing.note([access("b")])
    failing.settle()
    assert "The dates of 1 reads could not be written down" in caplog.text
    assert counted(metrics, "access_dates_lost_total") == 1


def done(batch, database):
    future = database.write(batch)
    future.set_result(None)
    return future
