"""When a secret rotates: RotationRules, the windows they open, and the moment inside a window.

The forms of a schedule (documented unless marked):
- AutomaticallyAfterDays=N, or a ScheduleExpression, not both (reported). N is 1 to 1000, which the wire
  checks, and behaves as `rate(N days)`. With neither there is no schedule: the secret rotates on
  request only (inferred).
- `rate(N hour|hours|day|days)`: 4 to 23 hours or 1 to 999 days. Singular and plural mean the same.
- `cron(Minutes Hours Day-of-month Month Day-of-week Year)`, all in UTC: minutes 0, year `*`, and exactly
  one of the two day fields is `?`. One blank between fields (reported).
- Hours: `8`, `2/10` (02, 12 and 22, every day afresh), `/8` or `*/8` (from midnight), and lists of these
  (inferred: the documents name increments only, a checker that quotes the service lets lists pass; both
  leave out ranges, so ranges are refused).
- Days of the month 1-31, months 1-12 or JAN-DEC, days of the week 1-7 or SUN-SAT (1 is Sunday): lists,
  ranges, increments, `*`. `L` is the last day of the month or of the week, `SUNL` the last Sunday of the
  month in either day field, `TUE#3` the third Tuesday. These three stand alone, names may be in lower
  case, and ranges may wrap, as in FRI-MON (inferred: EventBridge and the Quartz scheduler).
- Windows start at least four hours apart, across midnight too (documented; that the service compares
  the last start of a day with the first of the next is inferred). Less is an invalid expression
  (reported), and so is one that never comes, as 30 February (inferred); one that comes in leap years
  only is not.

Windows (documented unless marked):
- They start on the hour. Days: at 00:00 of the day that lies N days after the day of the last rotation
  or of the configuration (two published answers agree). Hours: N hours after the hour of the same
  (inferred). Cron: the first match after it.
- They end after Duration (1h to 24h). Without one: days at the end of the UTC day, hours after one
  hour. A cron schedule that starts more than once a day is one in hours (inferred).
- They may reach neither into the next window nor, for cron, into the next day.
- NextRotationDate is the last second of the window: published answers end in :59:59.
- Daylight saving time does not exist here.

The five texts beside "both" are quoted by a third party; their order is inferred: the expression, then
the length by itself, then the length against the expression.
"""

from __future__ import annotations

import calendar
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Final, TypeAlias

from strongroom.domain.timestamps import day_of, to_micros
from strongroom.errors import InvalidParameterException
from strongroom.structs import Struct

MIN_DISTANCE_HOURS: Final = 4

_HOUR: Final = timedelta(hours=1)
_DAY: Final = timedelta(days=1)
_SECOND: Final = timedelta(seconds=1)
_HOURS_PER_DAY: Final = 24
_MAX_RATE_DAYS: Final = 999
_MAX_WINDOW_HOURS: Final = 24
_DAYS_PER_WEEK: Final = 7
_MAX_NTH: Final = 5

_RATE: Final = re.compile(r"rate\(([0-9]{1,18}) (hour|day)s?\)")
_CRON: Final = re.compile(r"cron\(([0-9A-Za-z#?*\-/, ]+)\)")
_DURATION: Final = re.compile(r"([0-9]{1,2})h")
_NUMBER: Final = re.compile(r"[0-9]{1,2}")


class RotationRules(Struct, frozen=True, gc=False):
    """The schedule as the request gave it and DescribeSecret shows it."""

    automatically_after_days: int | None = None
    duration: str | None = None
    schedule_expression: str | None = None


@dataclass(frozen=True, slots=True)
class HourRate:
    hours: int
    length: timedelta = _HOUR


@dataclass(frozen=True, slots=True)
class DayRate:
    days: int
    length: timedelta = _DAY


@dataclass(frozen=True, slots=True)
class MonthDays:
    numbers: frozenset[int]


@dataclass(frozen=True, slots=True)
class LastDayOfMonth: ...


@dataclass(frozen=True, slots=True)
class Weekdays:
    """Days of the week, 1 is Sunday."""

    numbers: frozenset[int]


@dataclass(frozen=True, slots=True)
class NthWeekday:
    weekday: int
    nth: int


@dataclass(frozen=True, slots=True)
class LastWeekday:
    weekday: int


Days: TypeAlias = MonthDays | LastDayOfMonth | Weekdays | NthWeekday | LastWeekday


@dataclass(frozen=True, slots=True)
class Cron:
    """Windows start at each of `hours`, ascending, on each of `days` in each of `months`."""

    hours: tuple[int, ...]
    days: Days
    months: frozenset[int]
    length: timedelta

    def opens_on(self, day: date) -> bool:
        return day.month in self.months and _is_one_of(self.days, day)


Schedule: TypeAlias = HourRate | DayRate | Cron


@dataclass(frozen=True, slots=True)
class Window:
    """The time from `start` up to, not including, `end` in which a rotation is due."""

    start: datetime
    end: datetime


def parse_schedule(rules: RotationRules) -> Schedule | None:
    """Return the schedule, or None when the rules hold none.

    Raises:
        InvalidParameterException: both forms are given, the expression is not one, it is too frequent or
            too rare, or the window is too long for it.
    """
    schedule: Schedule | None = None
    if rules.schedule_expression is not None:
        if rules.automatically_after_days is not None:
            raise InvalidParameterException(
                "You cannot specify both rotation frequency and schedule expression together."
            )
        schedule = _parse_expression(rules.schedule_expression)
    elif rules.automatically_after_days is not None:
        schedule = DayRate(rules.automatically_after_days)
    if rules.duration is None:
        return schedule
    length = _parse_duration(rules.duration)
    return None if schedule is None else _with_length(schedule, length)


def next_window(schedule: Schedule, after: datetime) -> Window:
    """Return the first window that starts strictly after `after`.

    `after` is the start of the window that was served last, whatever came of it; or, outside of windows,
    the moment of the rotation, of a write that counts as one, or of the configuration. (Only a rate in
    hours can tell the start of a window from a moment inside: from the latter its windows would wander.)
    """
    after = after.astimezone(UTC)
    match schedule:
        case HourRate():
            start = after.replace(minute=0, second=0, microsecond=0) + schedule.hours * _HOUR
        case DayRate():
            start = _opening(day_of(after) + schedule.days * _DAY, 0)
        case Cron():
            start = _next_opening(schedule, after)
    return Window(start, start + schedule.length)


def planned_instant(window: Window, key: str) -> datetime:
    """Return the moment of the rotation of `key` in this window: arbitrary, but the same for all who ask.

    The last quarter of the window stays free for the rotation itself and its first retries (ours).
    """
    digest = hashlib.sha256(f"{to_micros(window.start)} {key}".encode()).digest()
    choices = (window.end - window.start) * 3 // 4 // _SECOND
    return window.start + int.from_bytes(digest[:8], "big") % choices * _SECOND


def next_rotation_date(window: Window) -> datetime:
    """Return what NextRotationDate shows while this window is the next."""
    return window.end - _SECOND


def _parse_expression(expression: str) -> Schedule:
    rate = _RATE.fullmatch(expression)
    if rate is not None:
        return _rate(int(rate[1]), rate[2])
    cron = _CRON.fullmatch(expression)
    if cron is None:
        raise _invalid_expression()
    return _parse_cron(cron[1])


def _rate(value: int, unit: str) -> HourRate | DayRate:
    if unit == "hour":
        if not MIN_DISTANCE_HOURS <= value < _HOURS_PER_DAY:
            raise InvalidParameterException("Rate in hour should be least 4 and less than 24.")
        return HourRate(value)
    if not 1 <= value <= _MAX_RATE_DAYS:
        raise InvalidParameterException("Rate in day should be greater than 0 and less than 1000.")
    return DayRate(value)


def _parse_duration(duration: str) -> timedelta:
    hours = _DURATION.fullmatch(duration)
    if hours is None or not 1 <= int(hours[1]) <= _MAX_WINDOW_HOURS:
        raise InvalidParameterException("Duration must be at least 1 hour, at most 24 hour.")
    return int(hours[1]) * _HOUR


def _with_length(schedule: Schedule, length: timedelta) -> Schedule:
    distance = _DAY
    match schedule:
        case HourRate():
            distance = schedule.hours * _HOUR
        case Cron():
            if schedule.hours[-1] * _HOUR + length > _DAY:
                raise InvalidParameterException("Starting hour and duration must be within a day.")
            distance = min((later - earlier for earlier, later in pairwise(schedule.hours)), default=24) * _HOUR
        case DayRate():
            pass
    if length > distance:
        raise InvalidParameterException("Duration cannot be greater than Rate in hour.")
    return replace(schedule, length=length)


def _invalid_expression() -> InvalidParameterException:
    return InvalidParameterException("Invalid schedule expression.")


@dataclass(frozen=True, slots=True)
class _Field:
    """A field of a cron expression that holds numbers from `first` to `last`, or their names."""

    first: int
    last: int
    names: tuple[str, ...] = ()

    def parse_number(self, text: str) -> int:
        if text.upper() in self.names:
            return self.first + self.names.index(text.upper())
        if _NUMBER.fullmatch(text) is None or not self.first <= int(text) <= self.last:
            raise _invalid_expression()
        return int(text)

    def parse_numbers(self, text: str) -> frozenset[int]:
        """Return the numbers of a list of values, ranges and increments."""
        return frozenset(number for item in text.split(",") for number in self._parse_item(item))

    def _parse_item(self, item: str) -> Iterator[int]:
        span, slash, step = item.partition("/")
        start, dash, end = span.partition("-")
        first, last = self.first, self.last
        if span != "*" and (span or not slash):
            first = self.parse_number(start)
            last = self.parse_number(end) if dash else last if slash else first
        size = self.last - self.first + 1
        if last < first:
            last += size
        for number in range(first, last + 1, self._parse_step(step) if slash else 1):
            yield (number - self.first) % size + self.first

    def _parse_step(self, text: str) -> int:
        if _NUMBER.fullmatch(text) is None or not 1 <= int(text) <= self.last:
            raise _invalid_expression()
        return int(text)


_MINUTES: Final = _Field(0, 0)
_HOURS: Final = _Field(0, 23)
_MONTH_DAYS: Final = _Field(1, 31)
_MONTHS: Final = _Field(1, 12, ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"))
_WEEKDAYS: Final = _Field(1, _DAYS_PER_WEEK, ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"))


def _parse_cron(text: str) -> Cron:
    fields = text.split(" ")
    if len(fields) != 6:  # noqa: PLR2004 -- the six that the next line names
        raise _invalid_expression()
    minutes, hours, month_day, month, weekday, year = fields
    _MINUTES.parse_number(minutes)
    if year != "*" or "-" in hours or (month_day == "?") == (weekday == "?"):
        raise _invalid_expression()
    starts = tuple(sorted(_HOURS.parse_numbers(hours)))
    days = _parse_month_days(month_day) if weekday == "?" else _parse_weekdays(weekday)
    length = (_HOURS_PER_DAY - starts[0]) * _HOUR if len(starts) == 1 else _HOUR
    cron = Cron(starts, days, _MONTHS.parse_numbers(month), length)
    _require_distance(cron)
    return cron


def _parse_month_days(text: str) -> Days:
    if text.upper() == "L":
        return LastDayOfMonth()
    if text[:-1].upper() in _WEEKDAYS.names and text[-1] in "Ll":
        return LastWeekday(_WEEKDAYS.parse_number(text[:-1]))
    return MonthDays(_MONTH_DAYS.parse_numbers(text))


def _parse_weekdays(text: str) -> Days:
    if text.upper() == "L":
        return Weekdays(frozenset({_WEEKDAYS.last}))
    if text[-1:] in ("L", "l"):
        return LastWeekday(_WEEKDAYS.parse_number(text[:-1]))
    weekday, hash_sign, nth = text.partition("#")
    if hash_sign:
        return NthWeekday(_WEEKDAYS.parse_number(weekday), _Field(1, _MAX_NTH).parse_number(nth))
    return Weekdays(_WEEKDAYS.parse_numbers(text))


def _is_one_of(days: Days, day: date) -> bool:
    weekday = day.isoweekday() % _DAYS_PER_WEEK + 1
    days_left = calendar.monthrange(day.year, day.month)[1] - day.day
    match days:
        case MonthDays():
            return day.day in days.numbers
        case LastDayOfMonth():
            return days_left == 0
        case Weekdays():
            return weekday in days.numbers
        case NthWeekday():
            return weekday == days.weekday and (day.day - 1) // _DAYS_PER_WEEK + 1 == days.nth
        case LastWeekday():
            return weekday == days.weekday and days_left < _DAYS_PER_WEEK


def _require_distance(cron: Cron) -> None:
    """Refuse windows less than four hours apart, and windows that never open."""
    if any(later - earlier < MIN_DISTANCE_HOURS for earlier, later in pairwise(cron.hours)):
        raise _invalid_expression()
    if not any(map(cron.opens_on, _days_of_every_year())):
        raise _invalid_expression()
    overnight = _HOURS_PER_DAY - cron.hours[-1] + cron.hours[0]
    if overnight < MIN_DISTANCE_HOURS and any(
        cron.opens_on(day) and cron.opens_on(day + _DAY) for day in _days_of_every_year()
    ):
        raise _invalid_expression()


def _days_of_every_year() -> Iterator[date]:
    """Yield the days of 28 years: common and leap, they begin on each day of the week, so no year is missing."""
    first = date(2000, 1, 1)
    return (first + number * _DAY for number in range((date(2028, 1, 1) - first).days))


def _next_opening(cron: Cron, after: datetime) -> datetime:
    """Return the first start after `after`. There is one within forty years, as `_require_distance` made sure."""
    day = day_of(after)
    while True:
        if day.month not in cron.months:
            day = (day.replace(day=1) + 31 * _DAY).replace(day=1)
            continue
        if cron.opens_on(day):
            for hour in cron.hours:
                start = _opening(day, hour)
                if start > after:
                    return start
        day += _DAY


def _opening(day: date, hour: int) -> datetime:
    return datetime.combine(day, time(hour), UTC)
