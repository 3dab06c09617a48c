"""A window's arithmetic: days are days of 24 hours, whatever clocks on walls do, and holds stay within their bounds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.domain import deletion, protection
from strongroom.domain.protection import DeletionRules
from strongroom.domain.timestamps import from_micros, to_micros, wire_time
from support.factories import make_secret

DAY = timedelta(days=1)
instants = st.datetimes(datetime(2000, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
zones = st.sampled_from(
    ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "Asia/Kolkata"]
)
windows = st.integers(deletion.MIN_WINDOW_DAYS, deletion.MAX_WINDOW_DAYS)
steps = st.timedeltas(timedelta(hours=-30), timedelta(days=12))
DST_AND_LEAP_DAYS = [
    datetime(2028, 2, 22, 23, 59, 59, tzinfo=UTC),
    datetime(2100, 2, 25, tzinfo=UTC),
    datetime(2027, 3, 28, 0, 59, 59, 999_999, tzinfo=UTC),
    datetime(2027, 10, 31, 0, 30, tzinfo=UTC),
    datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC),
]


@given(instants, windows, zones)
def test_a_window_is_so_many_times_24_hours_in_every_time_zone(now, days, zone):
    local = now.astimezone(ZoneInfo(zone))
    secret = deletion.schedule(make_secret(), deletion.recovery_window(days, force=False), local)
    assert to_micros(secret.purge_at.astimezone(UTC)) - to_micros(now) >= 0
    utc = deletion.schedule(make_secret(), deletion.recovery_window(days, force=False), now)
    assert to_micros(utc.purge_at) - to_micros(now) == days * 86_400_000_000
    assert from_micros(to_micros(utc.purge_at)) == utc.purge_at


@pytest.mark.parametrize("now", DST_AND_LEAP_DAYS)
@pytest.mark.parametrize("days", [7, 30])
def test_neither_summer_time_nor_a_leap_day_moves_the_end_of_a_window(now, days):
    secret = deletion.schedule(make_secret(), timedelta(days=days), now)
    assert wire_time(secret.purge_at) - wire_time(now) == days * 86_400
    assert not deletion.is_purgeable(secret, secret.purge_at - timedelta(microseconds=1))
    assert deletion.is_purgeable(secret, secret.purge_at)


@given(instants, windows, st.integers(1, 60), st.integers(0, 90), st.lists(steps, max_size=12))
def test_reads_never_hasten_a_purge_nor_postpone_it_beyond_the_bound_however_the_clock_steps(
    now, days, hold_days, most_days, moves
):
    rules = DeletionRules(timedelta(days=hold_days), timedelta(days=most_days))
    secret, planned = deletion.schedule(make_secret(), timedelta(days=days), now), None
    due = secret.purge_at
    clock = now
    for move in moves:
        clock += move
        before = secret.purge_at
        held = protection.hold_for_read(secret, planned, "reader", clock, rules)
        if held is not None:
            secret, planned = held
            assert before < secret.purge_at <= due + rules.hold_most
            assert planned.due_at == due
        elif not deletion.is_purgeable(secret, clock):
            # Nothing was to be gained: it is kept as long as the read asks for, or as long as it may be.
            assert secret.purge_at >= min(clock + rules.hold_on_read, due + rules.hold_most)
        assert secret.purge_at >= due


@given(instants, windows, steps)
def test_a_clock_that_steps_back_purges_nothing_early(now, days, step):
    secret = deletion.schedule(make_secret(), timedelta(days=days), now)
    assert deletion.is_purgeable(secret, now + step) == (step >= timedelta(days=days))
