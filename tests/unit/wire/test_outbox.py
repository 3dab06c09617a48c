"""Answers of one turn leave together: in order, none for want of another, and never too many at once."""

from __future__ import annotations

import logging

import pytest

from strongroom.wire.exchange import Answer, Unrecorded
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


class Trail:
    """Writes down what it is given, and what was sent by then; with an error it takes nothing."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.written: list[tuple[list[bytes], int]] = []
        self.sent: list[Answer] = []

    def write(self, records):
        if self.error is not None:
            raise self.error
        self.written.append((list(records), len(self.sent)))

    def recalled(self, number):
        return Unrecorded(b"record %d" % number, self.write, lambda error: answer(number if error is None else error))


def test_records_of_answers_that_leave_together_are_written_in_one_piece_before_any_of_them(outbox, turn_ends):
    trail = Trail()
    for ready in (trail.recalled(0), answer(1), trail.recalled(2)):
        outbox.put(trail.sent.append, ready)
    assert trail.written == []
    turn_ends.pop()()
    assert trail.written == [([b"record 0", b"record 2"], 0)]
    assert trail.sent == [answer(0), answer(1), answer(2)]


def test_when_records_cannot_be_written_none_of_their_answers_leaves_and_the_others_do(outbox, turn_ends):
    trail = Trail(OSError("full"))
    for ready in (trail.recalled(0), answer(1), trail.recalled(2)):
        outbox.put(trail.sent.append, ready)
    turn_ends.pop()()
    assert trail.sent == [answer("full"), answer(1), answer("full")]


def test_of_very_many_each_lot_is_written_before_it_leaves(outbox, turn_ends):
    trail = Trail()
    for number in range(MAX_HELD + 1):
        outbox.put(trail.sent.append, trail.recalled(number))
    turn_ends[-1]()
    assert [(len(records), sent) for records, sent in trail.written] == [(MAX_HELD, 0), (1, MAX_HELD)]


def test_the_record_of_one_who_has_left_is_written_all_the_same(outbox, turn_ends):
    trail = Trail()
    outbox.put(lambda _: None, trail.recalled(0))
    turn_ends.pop()()
    assert trail.written == [([b"record 0"], 0)]
