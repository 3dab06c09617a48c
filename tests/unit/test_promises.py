"""What is told later: once, to whoever asked before or asks after, on any thread."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from strongroom.promises import Told

WAIT_SECONDS = 10.0


def test_who_asks_before_and_who_asks_after_are_both_told_once():
    told: Told[int] = Told()
    heard = []
    told.add_done_callback(lambda one: heard.append(("before", one.result())))
    told.set_result(7)
    told.add_done_callback(lambda one: heard.append(("after", one.result())))
    assert heard == [("before", 7), ("after", 7)]
    assert (told.result(), told.exception(), told.done(), told.running()) == (7, None, True, False)


def test_an_error_is_raised_and_can_be_asked_for():
    told: Told[int] = Told()
    told.set_exception(error := OSError("no"))
    assert told.exception() is error
    with pytest.raises(OSError, match="no"):
        told.result()


def test_who_waits_is_woken_and_waits_no_longer_than_asked():
    told: Told[str] = Told()
    for ask in (told.result, told.exception):
        with pytest.raises(TimeoutError):
            ask(0.01)
    threading.Timer(0.05, told.set_result, ["now"]).start()
    assert told.result(WAIT_SECONDS) == "now"


def test_it_cannot_be_cancelled():
    told: Told[None] = Told()
    assert (told.cancel(), told.cancelled(), told.done(), told.running()) == (False, False, False, True)
    assert told.set_running_or_notify_cancel()


def test_a_callback_that_fails_silences_no_other(caplog):
    told: Told[None] = Told()
    heard = []
    told.add_done_callback(lambda _: 1 / 0)
    told.add_done_callback(heard.append)
    told.set_result(None)
    assert heard == [told]
    assert "ZeroDivisionError" in caplog.text


def test_nobody_is_forgotten_who_asks_while_it_is_told():
    """Two threads go on together, thousands of times: one asks, the other tells."""
    begin = threading.Barrier(2)
    heard = []

    def ask(waiting: list[Told[int]]) -> None:
        for one in waiting:
            begin.wait(WAIT_SECONDS)
            one.add_done_callback(lambda told: heard.append(told.result()))

    def tell(waiting: list[Told[int]]) -> None:
        for number, one in enumerate(waiting):
            begin.wait(WAIT_SECONDS)
            one.set_result(number)

    waiting: list[Told[int]] = [Told() for _ in range(3_000)]
    with ThreadPoolExecutor(2) as threads:
        for done in [threads.submit(ask, waiting), threads.submit(tell, waiting)]:
            done.result()
    assert sorted(heard) == list(range(3_000))
