from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from strongroom.domain.schedule import (
    Cron,
    DayRate,
    HourRate,
    LastDayOfMonth,
    LastWeekday,
    MonthDays,
    NthWeekday,
    RotationRules,
    Schedule,
    Weekdays,
    Window,
    next_rotation_date,
    next_window,
    parse_schedule,
    planned_instant,
)
from strongroom.errors import InvalidParameterException

INVALID = "Invalid schedule expression."
RATE_IN_HOURS = "Rate in hour should be least 4 and less than 24."
RATE_IN_DAYS = "Rate in day should be greater than 0 and less than 1000."
DURATION = "Duration must be at least 1 hour, at most 24 hour."
DURATION_OVER_RATE = "Duration cannot be greater than Rate in hour."
OVER_MIDNIGHT = "Starting hour and duration must be within a day."
BOTH_FORMS = "You cannot specify both rotation frequency and schedule expression together."


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def parse(expression: str | None = None, duration: str | None = None, days: int | None = None) -> Schedule:
    schedule = parse_schedule(RotationRules(days, duration, expression))
    assert schedule is not None
    return schedule


def refusal(expression: str | None = None, duration: str | None = None, days: int | None = None) -> str | None:
    with pytest.raises(InvalidParameterException) as caught:
        parse_schedule(RotationRules(days, duration, expression))
    return caught.value.message


def starts(expression: str, after: str, count: int) -> list[str]:
    """Return the next starts as `YYYY-MM-DD HH`."""
    schedule, instant, found = parse(expression), at(after), []
    for _ in range(count):
        instant = next_window(schedule, instant).start
        assert (instant.minute, instant.second, instant.microsecond) == (0, 0, 0)
        found.append(f"{instant:%Y-%m-%d %H}")
    return found


# 1 January 2026 is a Thursday.
@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("cron(0 /8 * * ? *)", ["2026-01-01 08", "2026-01-01 16", "2026-01-02 00", "2026-01-02 08"]),
        ("cron(0 8/8 * * ? *)", ["2026-01-01 08", "2026-01-01 16", "2026-01-02 08", "2026-01-02 16"]),
        ("cron(0 2/10 * * ? *)", ["2026-01-01 02", "2026-01-01 12", "2026-01-01 22", "2026-01-02 02"]),
        ("cron(0 4/12 * * ? *)", ["2026-01-01 04", "2026-01-01 16", "2026-01-02 04", "2026-01-02 16"]),
        ("cron(0 10 * * ? *)", ["2026-01-01 10", "2026-01-02 10", "2026-01-03 10"]),
        ("cron(0 18 ? * SAT *)", ["2026-01-03 18", "2026-01-10 18", "2026-01-17 18"]),
        ("cron(0 8 1 * ? *)", ["2026-01-01 08", "2026-02-01 08", "2026-03-01 08"]),
        ("cron(0 17 L * ? *)", ["2026-01-31 17", "2026-02-28 17", "2026-03-31 17", "2026-04-30 17"]),
        ("cron(0 8 ? * MON-FRI *)", ["2026-01-01 08", "2026-01-02 08", "2026-01-05 08", "2026-01-06 08"]),
        ("cron(0 16 1,15 * ? *)", ["2026-01-01 16", "2026-01-15 16", "2026-02-01 16"]),
        ("cron(0 0 ? * SUN#1 *)", ["2026-01-04 00", "2026-02-01 00", "2026-03-01 00", "2026-04-05 00"]),
        ("cron(0 1 ? 1/3 SUN#1 *)", ["2026-01-04 01", "2026-04-05 01", "2026-07-05 01", "2026-10-04 01"]),
        ("cron(0 0 ? * TUE#3 *)", ["2026-01-20 00", "2026-02-17 00"]),
        ("cron(0 8 1/7 * ? *)", ["2026-01-01 08", "2026-01-08 08", "2026-01-15 08", "2026-01-22 08", "2026-01-29 08"]),
        ("cron(0 0 1/2 2 ? *)", ["2026-02-01 00", "2026-02-03 00"]),
        ("cron(0 0 1-3 * ? *)", ["2026-01-02 00", "2026-01-03 00", "2026-02-01 00"]),
        ("cron(0 0 1 JAN,APR,JUL,OCT ? *)", ["2026-04-01 00", "2026-07-01 00", "2026-10-01 00", "2027-01-01 00"]),
        ("cron(0 0 1 1-3 ? *)", ["2026-02-01 00", "2026-03-01 00", "2027-01-01 00"]),
        ("cron(0 0 ? * 1,4 *)", ["2026-01-04 00", "2026-01-07 00"]),
        ("cron(0 0 ? * 1-4 *)", ["2026-01-04 00", "2026-01-05 00", "2026-01-06 00", "2026-01-07 00", "2026-01-11 00"]),
        ("cron(0 0 ? * 1/2 *)", ["2026-01-03 00", "2026-01-04 00", "2026-01-06 00", "2026-01-08 00"]),
        ("cron(0 0 ? * 2 *)", ["2026-01-05 00", "2026-01-12 00"]),
        ("cron(0 0 ? * L *)", ["2026-01-03 00", "2026-01-10 00"]),
        ("cron(0 10 ? FEB,MAY,AUG,NOV TUE#2 *)", ["2026-02-10 10", "2026-05-12 10"]),
    ],
)
def test_documented_expressions_open_their_windows(expression: str, expected: list[str]) -> None:
    assert starts(expression, "2026-01-01T00:00:00", len(expected)) == expected


@pytest.mark.parametrize("expression", ["cron(0 3 SUNL * ? *)", "cron(0 3 ? * SUNL *)", "cron(0 3 ? * 1L *)"])
def test_the_last_named_day_of_the_month_is_understood_in_either_field(expression: str) -> None:
    assert starts(expression, "2026-01-01", 3) == ["2026-01-25 03", "2026-02-22 03", "2026-03-29 03"]


def test_what_the_forms_become() -> None:
    hour, day = timedelta(hours=1), timedelta(days=1)
    every_day, every_month = frozenset(range(1, 32)), frozenset(range(1, 13))
    assert parse("rate(12 hours)") == HourRate(12, hour)
    assert parse("rate(10 days)") == DayRate(10, day)
    assert parse("cron(0 8 * * ? *)") == Cron((8,), MonthDays(every_day), every_month, 16 * hour)
    assert parse("cron(0 8/8 * * ? *)") == Cron((8, 16), MonthDays(every_day), every_month, hour)
    assert parse("cron(0 0 l 2 ? *)") == Cron((0,), LastDayOfMonth(), frozenset({2}), day)
    assert parse("cron(0 0 ? jan sat-sun *)") == Cron((0,), Weekdays(frozenset({7, 1})), frozenset({1}), day)
    assert parse("cron(0 0 ? 1 fril *)") == Cron((0,), LastWeekday(6), frozenset({1}), day)
    assert parse("cron(0 0 ? 1 6#5 *)") == Cron((0,), NthWeekday(6, 5), frozenset({1}), day)


def test_automatically_after_days_behaves_as_a_rate_in_days() -> None:
    assert parse(days=30) == parse("rate(30 days)")
    assert parse(days=30, duration="3h") == parse("rate(30 days)", "3h")
    assert parse(days=1000) == DayRate(1000)


def test_rules_without_either_form_hold_no_schedule() -> None:
    assert parse_schedule(RotationRules()) is None
    assert parse_schedule(RotationRules(duration="2h")) is None
    assert refusal(duration="25h") == DURATION


@pytest.mark.parametrize(
    "expression", ["rate(4 hours)", "rate(23 hour)", "rate(1 day)", "rate(1 days)", "rate(999 day)", "rate(07 days)"]
)
def test_rates_within_bounds_are_accepted(expression: str) -> None:
    parse(expression)


@pytest.mark.parametrize("expression", ["rate(0 hours)", "rate(3 hours)", "rate(24 hours)", "rate(100000000000 hours)"])
def test_rates_in_hours_out_of_bounds_are_refused(expression: str) -> None:
    assert refusal(expression) == RATE_IN_HOURS


@pytest.mark.parametrize("expression", ["rate(0 days)", "rate(1000 days)", "rate(1001 day)"])
def test_rates_in_days_out_of_bounds_are_refused(expression: str) -> None:
    assert refusal(expression) == RATE_IN_DAYS


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "daily",
        "rate()",
        "rate(5)",
        "rate(30 minutes)",
        "rate(1 week)",
        "rate(-1 days)",
        "rate(1.5 days)",
        "rate(10  days)",
        "rate(10 days) ",
        "rate(10 dayss)",
        "rate(٣ days)",
        "RATE(10 days)",
        "cron()",
        "cron(0 8 * * ? *",
        "0 8 * * ? *",
        "cron(0 8 * * ?)",  # five fields
        "cron(0 8 * * ? * *)",  # seven
        "cron(0  8 * * ? *)",
        "cron( 0 8 * * ? *)",
        "cron(15 8 * * ? *)",
        "cron(* 8 * * ? *)",
        "cron(0 8 * * ? 2026)",
        "cron(0 8 * * ? ?)",
        "cron(0 8 * * * *)",  # neither day field is ?
        "cron(0 8 1 * MON *)",
        "cron(0 8 ? * ? *)",  # both are
        "cron(0 24 * * ? *)",
        "cron(0 ? * * ? *)",
        "cron(0 L * * ? *)",
        "cron(0 8-16/8 * * ? *)",
        "cron(0 8,,16 * * ? *)",
        "cron(0 8, * * ? *)",
        "cron(0 /24 * * ? *)",
        "cron(0 0/ * * ? *)",
        "cron(0 / * * ? *)",
        "cron(0 0/8/8 * * ? *)",
        "cron(0 0 0 * ? *)",
        "cron(0 0 32 * ? *)",
        "cron(0 0 001 * ? *)",
        "cron(0 0 1- * ? *)",
        "cron(0 0 -5 * ? *)",
        "cron(0 0 *-5 * ? *)",
        "cron(0 0 1/0 * ? *)",
        "cron(0 0 1/32 * ? *)",
        "cron(0 0 15W * ? *)",
        "cron(0 0 LW * ? *)",
        "cron(0 0 L-3 * ? *)",
        "cron(0 0 1,L * ? *)",
        "cron(0 0 5L * ? *)",
        "cron(0 0 SUN * ? *)",
        "cron(0 0 1 0 ? *)",
        "cron(0 0 1 13 ? *)",
        "cron(0 0 1 ? ? *)",
        "cron(0 0 1 L ? *)",
        "cron(0 0 1 JANUARY ? *)",
        "cron(0 0 ? * 0 *)",
        "cron(0 0 ? * 8 *)",
        "cron(0 0 ? * 8L *)",
        "cron(0 0 ? * SUN#0 *)",
        "cron(0 0 ? * SUN#6 *)",
        "cron(0 0 ? * SUN# *)",
        "cron(0 0 ? * #1 *)",
        "cron(0 0 ? * SUN#1,TUE#3 *)",
        "cron(0 0 ? * MON,FRIL *)",
    ],
)
def test_what_is_no_expression_is_refused(expression: str) -> None:
    assert refusal(expression) == INVALID


@pytest.mark.parametrize("hours", ["*", "*/3", "/1", "0,3", "0,4,7", "12/2", "0,6,5", "2/7", "0,22", "0/11", "23,1"])
def test_windows_less_than_four_hours_apart_are_refused(hours: str) -> None:
    assert refusal(f"cron(0 {hours} * * ? *)") == INVALID


@pytest.mark.parametrize("hours", ["*/4", "0,4,8", "2/10", "0/5", "1,5", "8,20", "0/12,6", "22/3", "00,08,16"])
def test_windows_four_hours_apart_are_accepted(hours: str) -> None:
    parse(f"cron(0 {hours} * * ? *)")


@pytest.mark.parametrize(
    ("days", "accepted"),
    [
        ("1 * ?", True),
        ("? * MON", True),
        ("2,4,6 * ?", True),
        ("1,2 * ?", False),
        ("1,31 * ?", False),  # 31 January and 1 February
        ("1,28 2 ?", True),
        ("28,29 2 ?", False),  # in leap years only, but then
        ("1,28 2,3 ?", False),  # in common years only, but then
        ("? * SAT,SUN", False),
        ("? 1 SUN#1", True),
        ("1,31 12,1 ?", False),
        ("L * ?", True),
    ],
)
def test_late_and_early_windows_are_too_close_only_on_consecutive_days(days, accepted) -> None:
    expression = f"cron(0 1,23 {days} *)"
    if accepted:
        parse(expression)
    else:
        assert refusal(expression) == INVALID


@pytest.mark.parametrize("days", ["30 2 ?", "31 2,4,6,9,11 ?", "30,31 FEB ?"])
def test_days_that_never_come_are_refused(days: str) -> None:
    assert refusal(f"cron(0 8 {days} *)") == INVALID


def test_the_two_forms_exclude_each_other() -> None:
    assert refusal("rate(10 days)", days=10) == BOTH_FORMS
    assert refusal("nonsense", duration="99h", days=10) == BOTH_FORMS


@pytest.mark.parametrize("duration", ["0h", "00h", "25h", "99h", "1", "h", "hh", "1H", "1d", "-1h", "1h ", "٣h"])
def test_a_duration_is_one_to_twenty_four_hours(duration: str) -> None:
    assert refusal("rate(10 days)", duration) == DURATION
    assert refusal(days=10, duration=duration) == DURATION
    assert refusal("cron(0 0 * * ? *)", duration) == DURATION


@pytest.mark.parametrize(
    ("expression", "duration", "message"),
    [
        ("rate(4 hours)", "4h", None),
        ("rate(4 hours)", "5h", DURATION_OVER_RATE),
        ("rate(23 hours)", "24h", DURATION_OVER_RATE),
        ("rate(1 day)", "24h", None),
        ("cron(0 0 * * ? *)", "24h", None),
        ("cron(0 22 * * ? *)", "2h", None),
        ("cron(0 22 * * ? *)", "3h", OVER_MIDNIGHT),
        ("cron(0 18 ? * SAT *)", "06h", None),
        ("cron(0 18 ? * SAT *)", "7h", OVER_MIDNIGHT),
        ("cron(0 /8 * * ? *)", "8h", None),
        ("cron(0 /8 * * ? *)", "9h", OVER_MIDNIGHT),
        ("cron(0 2/10 * * ? *)", "2h", None),
        ("cron(0 2/10 * * ? *)", "3h", OVER_MIDNIGHT),
        ("cron(0 0,4 * * ? *)", "4h", None),
        ("cron(0 0,4 * * ? *)", "5h", DURATION_OVER_RATE),
        ("cron(0 8,20,12 * * ? *)", "5h", OVER_MIDNIGHT),
        ("rate(3 hours)", "25h", RATE_IN_HOURS),
        ("nonsense", "25h", INVALID),
    ],
)
def test_a_window_reaches_neither_the_next_one_nor_the_next_day(
    expression: str, duration: str, message: str | None
) -> None:
    if message is None:
        parse(expression, duration)
    else:
        assert refusal(expression, duration) == message


@pytest.mark.parametrize(
    ("expression", "duration", "start", "end"),
    [
        ("rate(10 days)", None, "2026-03-11T00:00", "2026-03-12T00:00"),
        ("rate(10 days)", "3h", "2026-03-11T00:00", "2026-03-11T03:00"),
        ("rate(6 hours)", None, "2026-03-01T20:00", "2026-03-01T21:00"),
        ("rate(6 hours)", "6h", "2026-03-01T20:00", "2026-03-02T02:00"),
        ("cron(0 10 * * ? *)", None, "2026-03-02T10:00", "2026-03-03T00:00"),
        ("cron(0 10 * * ? *)", "2h", "2026-03-02T10:00", "2026-03-02T12:00"),
        ("cron(0 /8 * * ? *)", None, "2026-03-01T16:00", "2026-03-01T17:00"),
        ("cron(0 /8 * * ? *)", "8h", "2026-03-01T16:00", "2026-03-02T00:00"),
    ],
)
def test_windows_have_the_length_asked_for_or_that_of_their_kind(
    expression: str, duration: str | None, start: str, end: str
) -> None:
    window = next_window(parse(expression, duration), at("2026-03-01T14:59:59.999999"))
    assert window == Window(at(start), at(end))


@pytest.mark.parametrize(
    ("rules", "last_rotated", "next_date"),
    [
        (RotationRules(automatically_after_days=30), "2026-01-22T06:42:22.340", "2026-02-21T23:59:59"),
        (RotationRules(automatically_after_days=30), "2024-02-22T07:16:15.807", "2024-03-23T23:59:59"),
        (RotationRules(schedule_expression="cron(0 0 ? * 2 *)"), "2023-10-16T07:18:02.417", "2023-10-23T23:59:59"),
        (RotationRules(schedule_expression="cron(0 0 ? * 2 *)"), "2026-09-07T18:14:58.832", "2026-09-14T23:59:59"),
        (RotationRules(None, "2h", "cron(0 16 1,15 * ? *)"), "2022-10-01T16:20:00", "2022-10-15T17:59:59"),
    ],
)
def test_next_rotation_dates_that_the_service_published(
    rules: RotationRules, last_rotated: str, next_date: str
) -> None:
    schedule = parse_schedule(rules)
    assert schedule is not None
    assert next_rotation_date(next_window(schedule, at(last_rotated))) == at(next_date)


@pytest.mark.parametrize(
    ("expression", "after", "expected"),
    [
        ("rate(1 day)", "2026-12-31T23:59:59.999999", "2027-01-01 00"),
        ("rate(1 day)", "2028-02-28T00:00", "2028-02-29 00"),
        ("rate(1 day)", "2027-02-28T12:00", "2027-03-01 00"),
        ("rate(365 days)", "2028-02-29T12:00", "2029-02-28 00"),
        ("rate(999 days)", "2026-01-01T05:00", "2028-09-26 00"),
        ("rate(5 hours)", "2027-12-31T22:30", "2028-01-01 03"),
        ("rate(23 hours)", "2028-02-28T23:00", "2028-02-29 22"),
        ("cron(0 23 L 2 ? *)", "2028-02-28T23:00", "2028-02-29 23"),
        ("cron(0 23 L 2 ? *)", "2028-02-29T23:00", "2029-02-28 23"),
        ("cron(0 0 29 2 ? *)", "2026-01-01T00:00", "2028-02-29 00"),
        ("cron(0 0 29 2 ? *)", "2096-02-29T00:00", "2104-02-29 00"),  # 2100 is a common year
        ("cron(0 0 ? 2 SUN#5 *)", "2026-01-01T00:00", "2032-02-29 00"),
        ("cron(0 0 31 * ? *)", "2026-01-31T00:00", "2026-03-31 00"),
        ("cron(0 0 1 1 ? *)", "2026-01-01T00:00", "2027-01-01 00"),
        ("cron(0 16 31 12 ? *)", "2026-12-31T15:59:59.999999", "2026-12-31 16"),
        ("cron(0 16 31 12 ? *)", "2026-12-31T16:00", "2027-12-31 16"),
        ("cron(0 12 28-3 * ? *)", "2026-02-28T12:00", "2026-03-01 12"),  # a range that wraps
        ("cron(0 12 1 NOV-FEB ? *)", "2026-12-01T12:00", "2027-01-01 12"),
    ],
)
def test_leap_days_month_ends_and_year_ends(expression: str, after: str, expected: str) -> None:
    assert starts(expression, after, 1) == [expected]


def test_the_start_of_a_window_is_not_its_own_successor() -> None:
    daily = parse("cron(0 10 * * ? *)")
    assert next_window(daily, at("2026-01-01T09:59:59.999999")).start == at("2026-01-01T10:00")
    assert next_window(daily, at("2026-01-01T10:00")).start == at("2026-01-02T10:00")


@pytest.mark.parametrize("expression", ["rate(4 hours)", "rate(1 day)", "cron(0 /4 * * ? *)", "cron(0 2 * * ? *)"])
def test_the_zone_of_the_instant_and_its_daylight_saving_do_not_matter(expression: str) -> None:
    schedule, before_the_change = parse(expression), at("2026-03-29T00:30")
    for hours in (-11, 1, 2, 14):
        elsewhere = before_the_change.astimezone(timezone(timedelta(hours=hours)))
        assert next_window(schedule, elsewhere) == next_window(schedule, before_the_change)
    following = next_window(schedule, next_window(schedule, before_the_change).start)
    assert following.start - next_window(schedule, before_the_change).start in (timedelta(hours=4), timedelta(days=1))


def test_the_planned_instant_is_known_to_all_and_leaves_room_at_the_end() -> None:
    window = Window(at("2026-03-01T00:00"), at("2026-03-02T00:00"))
    planned = {planned_instant(window, f"arn:{number}") for number in range(200)}
    assert planned_instant(window, "arn:1") == planned_instant(window, "arn:1")
    assert len(planned) > 190
    assert min(planned) < at("2026-03-01T01:00")
    assert at("2026-03-01T17:00") < max(planned) < at("2026-03-01T18:00")
    assert planned_instant(window, "arn:1") - window.start != (
        planned_instant(Window(window.end, window.end + timedelta(days=1)), "arn:1") - window.end
    )


def test_the_planned_instant_stays_the_same_across_releases() -> None:
    window = Window(at("2026-03-01T08:00"), at("2026-03-01T09:00"))
    assert planned_instant(window, "arn") == at("2026-03-01T08:44:08")
