"""Schedules against an oracle that knows no arithmetic: it looks at every hour of the years to come.

Each cron field is drawn as a text together with a predicate that says what the text means.
"""

from __future__ import annotations

import calendar
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any, NamedTuple

from hypothesis import assume, example, given
from hypothesis import strategies as st

from strongroom.domain.schedule import (
    DayRate,
    HourRate,
    RotationRules,
    Schedule,
    next_rotation_date,
    next_window,
    parse_schedule,
    planned_instant,
)
from strongroom.errors import InvalidParameterException

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
MONTH_NAMES = [name.upper() for name in calendar.month_abbr][1:]
WEEKDAY_NAMES = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]


class Drawn(NamedTuple):
    text: str
    means: Callable[[Any], bool]


def numbers(low: int, high: int, names: list[str] | None = None) -> st.SearchStrategy[Drawn]:
    """Draw `*`, a list of values, a range or an increment, and a predicate over the numbers."""

    def shown(number: int) -> st.SearchStrategy[str]:
        return st.sampled_from([str(number), *([names[number - low], names[number - low].lower()] if names else [])])

    def listed(members: list[int]) -> st.SearchStrategy[Drawn]:
        return st.tuples(*map(shown, members)).map(lambda texts: Drawn(",".join(texts), lambda n: n in members))

    def spanned(ends: tuple[int, int]) -> st.SearchStrategy[Drawn]:
        first, last = ends
        inside = (lambda n: first <= n <= last) if first <= last else (lambda n: n >= first or n <= last)
        return st.tuples(shown(first), shown(last)).map(lambda texts: Drawn("-".join(texts), inside))

    def stepped(start: int | None, step: int) -> Drawn:
        first = low if start is None else start
        return Drawn(f"{'*' if start is None else start}/{step}", lambda n: n >= first and (n - first) % step == 0)

    values = st.integers(low, high)
    return st.one_of(
        st.just(Drawn("*", lambda n: True)),
        st.lists(values, min_size=1, max_size=4).flatmap(listed),
        st.tuples(values, values).flatmap(spanned),
        st.builds(stepped, st.none() | values, st.integers(1, high)),
    )


def days_left(day: date) -> int:
    return calendar.monthrange(day.year, day.month)[1] - day.day


def weekday(day: date) -> int:
    return (day.weekday() + 1) % 7 + 1


def nth(day: date) -> int:
    return len(range(day.day, 0, -7))


MONTH_DAYS = numbers(1, 31).map(lambda drawn: Drawn(f"{drawn.text} %s ?", lambda day: drawn.means(day.day)))
WEEKDAYS = numbers(1, 7, WEEKDAY_NAMES).map(
    lambda drawn: Drawn(f"? %s {drawn.text}", lambda day: drawn.means(weekday(day)))
)
NTH_DAYS = st.tuples(st.integers(1, 7), st.integers(1, 5)).map(
    lambda pair: Drawn(f"? %s {WEEKDAY_NAMES[pair[0] - 1]}#{pair[1]}", lambda day: (weekday(day), nth(day)) == pair)
)
LAST_NAMED = st.integers(1, 7).map(
    lambda number: Drawn(
        f"? %s {WEEKDAY_NAMES[number - 1]}L", lambda day: weekday(day) == number and days_left(day) < 7
    )
)
LAST = st.sampled_from(
    [Drawn("L %s ?", lambda day: days_left(day) == 0), Drawn("? %s L", lambda day: weekday(day) == 7)]
)


class DrawnCron(NamedTuple):
    expression: str
    hours: list[int]
    opens_on: Callable[[date], bool]


HOUR_LISTS = st.lists(st.integers(0, 23), min_size=1, max_size=5, unique=True).map(
    lambda members: Drawn(",".join(map(str, members)), lambda hour: hour in members)
)
HOUR_STEPS = st.tuples(st.sampled_from(["", "*", *map(str, range(24))]), st.integers(1, 23)).map(
    lambda pair: Drawn("/".join(map(str, pair)), lambda hour: hour in range(int(pair[0].strip("*") or 0), 24, pair[1]))
)


@st.composite
def crons(draw) -> DrawnCron:
    hours = draw(HOUR_LISTS | HOUR_STEPS)
    days = draw(st.one_of(MONTH_DAYS, WEEKDAYS, NTH_DAYS, LAST_NAMED, LAST))
    months = draw(numbers(1, 12, MONTH_NAMES))
    return DrawnCron(
        f"cron(0 {hours.text} {days.text % months.text} *)",
        [hour for hour in range(24) if hours.means(hour)],
        lambda day: months.means(day.month) and days.means(day),
    )


NEW_YEAR = datetime(2024, 1, 1, tzinfo=UTC)
INSTANTS = st.one_of(
    st.timedeltas(-40 * DAY, 3200 * DAY).map(lambda since: NEW_YEAR + since),
    st.integers(0, 24 * 1500).map(lambda hours: NEW_YEAR + hours * HOUR),
)
RATES = st.one_of(st.integers(4, 23).map("rate({} hours)".format), st.integers(1, 999).map("rate({} days)".format))
YEARS_WATCHED = 9  # long enough for every leap day, but not for a 29 February that is a Sunday


def hours_of(cron: DrawnCron, first: datetime, days: int) -> Iterator[datetime]:
    """Yield every start from `first` on, by asking each hour of each day."""
    midnight = first.replace(hour=0, minute=0, second=0, microsecond=0)
    for number in range(days):
        day = midnight + number * DAY
        if cron.opens_on(day.date()):
            yield from (day + hour * HOUR for hour in range(24) if hour in cron.hours)


def parsed(expression: str, duration: str | None = None) -> Schedule | None:
    try:
        return parse_schedule(RotationRules(None, duration, expression))
    except InvalidParameterException:
        return None


@given(crons(), INSTANTS)
def test_the_next_window_is_the_first_hour_that_matches(cron: DrawnCron, after: datetime) -> None:
    schedule = parsed(cron.expression)
    assume(schedule is not None)
    expected = next((start for start in hours_of(cron, after, YEARS_WATCHED * 366) if start > after), None)
    start = next_window(schedule, after).start
    if expected is None:
        assert start.year >= after.year + YEARS_WATCHED - 1
        assert cron.opens_on(start.date())
        assert start.hour in cron.hours
    else:
        assert start == expected


@given(crons())
@example(DrawnCron("cron(0 0,22 1,28 2,3 ? *)", [0, 22], lambda day: day.month in (2, 3) and day.day in (1, 28)))
def test_a_cron_is_accepted_exactly_if_its_windows_are_four_hours_apart(cron: DrawnCron) -> None:
    starts = list(hours_of(cron, datetime(2000, 1, 1, tzinfo=UTC), 28 * 366))
    apart = all(later - earlier >= 4 * HOUR for earlier, later in pairwise(starts))
    assert (parsed(cron.expression) is not None) == (bool(starts) and apart)


@given(RATES, INSTANTS)
def test_rates_count_from_the_hour_or_the_day(expression: str, after: datetime) -> None:
    schedule = parsed(expression)
    window = next_window(schedule, after)
    if isinstance(schedule, HourRate):
        hours = [after + number * HOUR for number in range(schedule.hours + 1)]
        assert window.start == hours[-1].replace(minute=0, second=0, microsecond=0)
        assert window.end - window.start == HOUR
    else:
        assert isinstance(schedule, DayRate)
        days = [after.date() + number * DAY for number in range(schedule.days + 1)]
        assert (window.start.date(), window.start.time()) == (days[-1], datetime.min.time())
        assert window.end - window.start == DAY


@given(RATES | crons().map(lambda cron: cron.expression), st.none() | st.integers(1, 24), INSTANTS, st.text())
def test_windows_follow_each_other_without_touching(
    expression: str, duration: int | None, after: datetime, key: str
) -> None:
    schedule = parsed(expression, None if duration is None else f"{duration}h")
    assume(schedule is not None)
    previous = next_window(schedule, after)
    assert previous.start > after
    for _ in range(8):
        window = next_window(schedule, previous.start)
        assert window.start - previous.start >= 4 * HOUR
        assert previous.end <= window.start
        assert duration is None or window.end - window.start == duration * HOUR
        assert isinstance(schedule, HourRate) or window.end <= window.start.replace(hour=0) + DAY
        assert window.start <= planned_instant(window, key) < window.end
        assert planned_instant(window, key) == planned_instant(next_window(schedule, previous.start), key)
        assert window.start < next_rotation_date(window) < window.end
        previous = window


@given(RATES | crons().map(lambda cron: cron.expression), INSTANTS, st.floats(0, 1, exclude_max=True))
def test_any_moment_in_a_window_leads_to_the_same_next_one(expression: str, after: datetime, share: float) -> None:
    schedule = parsed(expression)
    assume(schedule is not None)
    window = next_window(schedule, after)
    inside = window.start + share * (window.end - window.start)
    assume(inside < window.end)  # a share just below one rounds up to it
    assert next_window(schedule, inside) == next_window(schedule, window.start)


@given(
    st.text("0123456789*/,-?L#SUNMON ", max_size=20).map("cron({})".format) | st.text(max_size=30),
    st.none() | st.text("0123456789h", max_size=3),
)
def test_any_text_is_a_schedule_or_is_refused(expression: str, duration: str | None) -> None:
    parsed(expression, duration)
