"""How long a thread pauses that has more to do: callers come first, until it is late."""

from __future__ import annotations

import pytest

from strongroom.domain.alarms import Thresholds
from strongroom.workers.pace import BUSY, BUSY_FACTOR, MAX_BUSY_PAUSE_SECONDS, MAX_LAG_SECONDS, USUAL_FACTOR, Pace

WORKED = 0.01


class Process:
    """A process whose callers take a share of a processor, and its time."""

    def __init__(self) -> None:
        self.taken = self.elapsed = 0.0
        self.pace = Pace(lambda: self.taken, lambda: self.elapsed)

    def go_on(self, share: float, seconds: float = 1.0) -> None:
        self.taken += share * seconds
        self.elapsed += seconds


@pytest.fixture
def process():
    return Process()


@pytest.mark.parametrize(("share", "factor"), [(0.0, USUAL_FACTOR), (BUSY - 0.01, USUAL_FACTOR), (BUSY, BUSY_FACTOR)])
def test_callers_that_take_half_of_a_processor_are_given_way(process, share, factor):
    process.go_on(share)
    assert process.pace.pause_after(WORKED, lag=1.0) == pytest.approx(factor * WORKED)


def test_only_what_callers_took_since_the_last_pause_counts(process):
    process.go_on(1.0, seconds=100.0)
    process.pace.pause_after(WORKED, lag=1.0)
    process.go_on(0.1)
    assert process.pace.pause_after(WORKED, lag=1.0) == pytest.approx(USUAL_FACTOR * WORKED)
    process.go_on(0.9)
    assert process.pace.pause_after(WORKED, lag=1.0) == pytest.approx(BUSY_FACTOR * WORKED)


@pytest.mark.parametrize(("late", "factor"), [(0.0, BUSY_FACTOR), (1.0, USUAL_FACTOR)])
def test_who_is_too_late_does_not_give_way(process, late, factor):
    process.go_on(1.0)
    assert process.pace.pause_after(WORKED, lag=MAX_LAG_SECONDS + late) == pytest.approx(factor * WORKED)


def test_the_index_is_never_put_off_for_as_long_as_alarms_about_bursts_look_back():
    wanted = Thresholds()
    assert min(wanted.mass_within, wanted.denied_within).total_seconds() / 4 > MAX_LAG_SECONDS + MAX_BUSY_PAUSE_SECONDS


def test_giving_way_does_not_pause_long_nor_shorter_than_usual(process):
    process.go_on(1.0)
    assert process.pace.pause_after(0.1, lag=1.0) == MAX_BUSY_PAUSE_SECONDS
    process.go_on(1.0)
    assert process.pace.pause_after(1.0, lag=1.0) == pytest.approx(USUAL_FACTOR)
