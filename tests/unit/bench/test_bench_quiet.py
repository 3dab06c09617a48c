"""A point begins when the machine is quiet, or when it has been waited for long enough."""

from __future__ import annotations

import itertools

import pytest

from bench import measure


@pytest.fixture
def slept(monkeypatch):
    times = []
    monkeypatch.setattr(measure.time, "sleep", times.append)
    return times


def test_a_busy_machine_is_waited_for_until_it_is_quiet(slept):
    busy = iter([0.0, 0.5, 0.5, 0.9, 0.9, 0.94])
    measure.await_quiet(lambda: next(busy))
    assert len(slept) == 3
    assert next(busy, None) is None


def test_a_machine_that_is_never_quiet_is_waited_for_no_longer_than_that(slept):
    busy = itertools.count()
    measure.await_quiet(lambda: float(next(busy)))
    assert sum(slept) == measure.MAX_QUIET_SECONDS
