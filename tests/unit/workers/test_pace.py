"""How long a thread pauses that has more to do: callers come first, until it is late."""

from __future__ import annotations

import pytest

from strongroom.domain.alarms import Thresholds
from strongroom.workers.pace import (
    BUSY,
    BUSY_FACTOR,
    DOUBLING_SECONDS,
    MAX_BUSY_PAUSE_SECONDS,
    MAX_LAG_SECONDS,
    USUAL_FACTOR,
    Pace,
)

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


@pytest.mark.parametrize(
    ("late", "factor"),
    [(0.0, BUSY_FACTOR), (0.001, USUAL_FACTOR), (30.0, 3), (60.0, 1), (90.0, 1), (90.0 * 86_400, 1)],
)
@pytest.mark.parametrize("share", [1.0, 2.0])
def test_who_is_too_late_does_not_give_way_and_works_the_more_the_later(process, late, factor, share):
    process.go_on(share)
    assert process.pace.pause_after(WORKED, lag=MAX_LAG_SECONDS + late) == pytest.approx(factor * WORKED, rel=1e-3)


def test_the_index_works_half_of_the_time_before_it_is_half_as_late_as_alarms_about_bursts_look_back():
    """Later than these look back it should be under a load only of which it cannot copy all in half of the time."""
    wanted = Thresholds()
    looked_back = min(wanted.mass_within, wanted.denied_within).total_seconds()
    assert looked_back / 4 > MAX_LAG_SECONDS + MAX_BUSY_PAUSE_SECONDS
    assert looked_back / 2 > MAX_LAG_SECONDS + 2 * DOUBLING_SECONDS + MAX_BUSY_PAUSE_SECONDS


def test_a_node_that_gets_more_calls_than_an_eighth_of_a_processor_copies_stays_in_time_if_half_of_one_does():
    """A model of ten minutes: calls come at a rate of which copying each second's takes 0.4 seconds of work."""
    lag = elapsed = 0.0
    latest = []
    while elapsed < 600:
        pause = Pace(lambda: 0.0, lambda: 0.0).pause_after(WORKED, lag)
        elapsed += WORKED + pause
        lag = max(lag + WORKED + pause - WORKED / 0.4, 0.0)
        latest.append(lag)
    assert max(latest) < MAX_LAG_SECONDS + 2 * DOUBLING_SECONDS


def test_giving_way_does_not_pause_long_nor_shorter_than_usual(process):
    process.go_on(1.0)
    assert process.pace.pause_after(0.1, lag=1.0) == MAX_BUSY_PAUSE_SECONDS
    process.go_on(1.0)
    assert process.pace.pause_after(1.0, lag=1.0) == pytest.approx(USUAL_FACTOR)
