"""Answers of one turn leave together: in order, none for want of another, and never too many at once."""

from __future__ import annotations

import logging

import pytest

from strongroom.wire.exchange import Answer
from strongroom.wire.outbox import MAX_HELD, Outbox


@pytest.fixture
def turn_ends():
    return []


@pytest.fixture
def outbox(turn_ends):
    return Outbox(turn_ends.append)


def answer(number):
    return Answer(200, [], str(number).encode())


def test_answers_leave_at_the_end_of_the_turn_in_the_order_in_which_they_came(outbox, turn_ends):
    sent = []
    for number in range(3):
        outbox.put(sent.append, answer(number))
    assert sent == []
    (end,) = turn_ends
    end()
    assert sent == [answer(number) for number in range(3)]


def test_each_turn_has_an_end_of_its_own(outbox, turn_ends):
    sent = []
    for number in range(2):
        outbox.put(sent.append, answer(number))
        turn_ends.pop()()
    assert sent == [answer(0), answer(1)]
    assert turn_ends == []


def test_what_is_many_leaves_before_the_end(outbox, turn_ends):
    sent = []
    for number in range(MAX_HELD + 1):
        outbox.put(sent.append, answer(number))
    assert len(sent) == MAX_HELD
    for end in turn_ends:
        end()
    assert sent == [answer(number) for number in range(MAX_HELD + 1)]


def test_one_that_cannot_be_sent_does_not_stop_the_others(outbox, turn_ends, caplog):
    sent = []

    def fail(_answer):
        raise OSError("gone")

    outbox.put(fail, answer(0))
    outbox.put(sent.append, answer(1))
    with caplog.at_level(logging.ERROR):
        turn_ends.pop()()
    assert sent == [answer(1)]
    assert "An answer did not reach its client" in caplog.text


def test_what_is_put_while_others_leave_is_sent_too(outbox, turn_ends):
    sent = []

    def again(first):
        sent.append(first)
        outbox.put(sent.append, answer(1))

    outbox.put(again, answer(0))
    turn_ends.pop(0)()
    turn_ends.pop(0)()
    assert sent == [answer(0), answer(1)]
