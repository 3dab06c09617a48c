"""How many instants come within a span, and when so many had."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from strongroom.domain.alarms import first_burst, widest_burst
from support.clock import NOW

WITHIN = timedelta(minutes=5)
INSTANTS = st.lists(st.integers(0, 3_600).map(lambda seconds: NOW + timedelta(seconds=seconds)), max_size=60)


def at(*minutes: float):
    return [NOW + timedelta(minutes=minute) for minute in minutes]


def test_the_widest_burst_is_the_most_that_came_within_a_span_both_ends_counted():
    assert widest_burst(at(0, 1, 4, 5, 6, 20), WITHIN) == 4
    assert widest_burst(at(20, 6, 5, 4, 1, 0), WITHIN) == 4
    assert widest_burst(at(0, 5.1, 10.2), WITHIN) == 1
    assert widest_burst([], WITHIN) == 0


@given(INSTANTS, st.integers(1, 20))
def test_so_many_came_within_a_span_if_and_only_if_the_widest_burst_has_as_many(times, least):
    assert (first_burst(times, least, WITHIN) is not None) == (widest_burst(times, WITHIN) >= least)
