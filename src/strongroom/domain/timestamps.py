"""Instants as numbers: microseconds in the database, seconds with milliseconds on the wire, whole days.

Everything inside is an aware `datetime` in UTC; these are the only conversions.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Final

DAYS_KEPT: Final = 1_024

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DAY: Final = _EPOCH.date()
_MICROSECOND: Final = timedelta(microseconds=1)
_MILLISECOND: Final = timedelta(milliseconds=1)


def to_micros(instant: datetime) -> int:
    """Return microseconds since the epoch, exactly."""
    return (instant - _EPOCH) // _MICROSECOND


def from_micros(micros: int) -> datetime:
    return _EPOCH + micros * _MICROSECOND  # a third less time than a `timedelta` by its keyword


def to_days(day: date) -> int:
    return (day - _EPOCH_DAY).days


@lru_cache(maxsize=DAYS_KEPT)
def from_days(days: int) -> date:
    return _EPOCH_DAY + timedelta(days=days)


def wire_time(instant: datetime) -> float:
    """Return epoch seconds with three decimals, as AWS JSON carries dates."""
    return (instant - _EPOCH) // _MILLISECOND / 1000


def wire_day(day: date) -> float:
    """Return the epoch seconds of a day's midnight in UTC, as LastAccessedDate carries it."""
    return float(to_days(day) * 86_400)


def day_of(instant: datetime) -> date:
    """Return the UTC day of an instant."""
    return (instant if instant.tzinfo is UTC else instant.astimezone(UTC)).date()
