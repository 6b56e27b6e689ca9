"""Dates and times between PostgreSQL's numbers (days and microseconds since 2000-01-01) and `datetime`. What `datetime` cannot hold
(infinity, years before 1 and after 9999, 24:00:00) is PostgreSQL's own text, which is also accepted as a parameter."""

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple

_DAY = 86_400_000_000
# `date.toordinal` of 2000-01-01, from which the server counts, and the first and last day that `date` holds.
_EPOCH_ORDINAL = 730_120
_FIRST_DAY = 1 - _EPOCH_ORDINAL
_LAST_DAY = date.max.toordinal() - _EPOCH_ORDINAL
_FIRST_MICRO = _FIRST_DAY * _DAY
_LAST_MICRO = (_LAST_DAY + 1) * _DAY - 1
_EPOCH = datetime(2000, 1, 1)
_EPOCH_UTC = datetime(2000, 1, 1, tzinfo=UTC)
_S32_MAX = 2**31 - 1
_S64_MAX = 2**63 - 1


class Interval(NamedTuple):
    """PostgreSQL's interval, its three parts kept apart as the server keeps them."""

    months: int = 0
    days: int = 0
    microseconds: int = 0


def date_from(days):
    if _FIRST_DAY <= days <= _LAST_DAY:
        return date.fromordinal(days + _EPOCH_ORDINAL)
    return _infinity(days, _S32_MAX) or "".join(_civil(days))


def time_from(micros):
    if 0 <= micros < _DAY:
        return (_EPOCH + timedelta(0, 0, micros)).time()
    return _clock(micros)


def timestamp_from(micros):
    if _FIRST_MICRO <= micros <= _LAST_MICRO:
        return _EPOCH + timedelta(0, 0, micros)
    return _timestamp_text(micros, "")


def timestamptz_from(micros):
    if _FIRST_MICRO <= micros <= _LAST_MICRO:
        return _EPOCH_UTC + timedelta(0, 0, micros)
    return _timestamp_text(micros, "+00")


# The server's text, as elements of arrays have it; text that these cannot read is left as it is.


def date_from_text(text):
    return _from_text(date.fromisoformat, text)


def time_from_text(text):
    return text if text == "24:00:00" else _from_text(time.fromisoformat, text)


def timestamp_from_text(text):
    return _from_text(datetime.fromisoformat, text)


def _from_text(read, text):
    try:
        return read(text)
    except ValueError:
        return text


_INTERVAL = re.compile(
    r"(?:([+-]?\d+) years?\s?)?(?:([+-]?\d+) mons?\s?)?(?:([+-]?\d+) days?\s?)?(?:([+-]?)(\d+):(\d\d):(\d\d)(?:\.(\d{1,6}))?)?"
)


def interval_from(text):
    """A timedelta, or an `Interval` if there are months, whose length nobody knows."""
    found = _INTERVAL.fullmatch(text)
    if not found or not text:
        return text
    years, mons, days, sign, hours, minutes, seconds, fraction = found.groups(default="")
    months = 12 * int(years or 0) + int(mons or 0)
    micros = 0
    if hours:
        micros = ((int(hours) * 60 + int(minutes)) * 60 + int(seconds)) * 1_000_000 + int(fraction.ljust(6, "0"))
    micros = -micros if sign == "-" else micros
    if months:
        return Interval(months, int(days or 0), micros)
    try:
        return timedelta(int(days or 0), 0, micros)
    except OverflowError:
        return Interval(0, int(days or 0), micros)


def interval_text(value):
    """The text of a timedelta or an `Interval`, in which every field has its sign, as the server reads it under any `IntervalStyle`."""
    if isinstance(value, Interval):
        months, days, micros = value
    else:
        # A negative timedelta has negative days and a positive rest; the server's parts have one sign.
        sign, size = (-1, -value) if value < timedelta(0) else (1, value)
        months, days, micros = 0, sign * size.days, sign * (size.seconds * 1_000_000 + size.microseconds)
    # The server writes the smallest as a clock that it cannot read.
    rest = f"{micros} microseconds" if micros == -(2**63) else f"{'-' if micros < 0 else '+'}{_clock(abs(micros))}"
    return f"{months:+d} mons {days:+d} days {rest}"


def _timestamp_text(micros, zone):
    infinite = _infinity(micros, _S64_MAX)
    if infinite:
        return infinite
    days, rest = divmod(micros, _DAY)
    day, era = _civil(days)
    return f"{day} {_clock(rest)}{zone}{era}"


def _infinity(value, most):
    return "infinity" if value == most else "-infinity" if value == -most - 1 else None


def _civil(days):
    """Year, month and day of the proleptic Gregorian calendar as text, and the era. Cycles of 400 years are counted from March, so that
    the leap day is a year's last."""
    era, day = divmod(days + 730_425, 146_097)
    year = (day - day // 1460 + day // 36_524 - day // 146_096) // 365
    of_year = day - (365 * year + year // 4 - year // 100)
    month = (5 * of_year + 2) // 153
    day = of_year - (153 * month + 2) // 5 + 1
    year += 400 * era + (month >= 10)
    month += 3 if month < 10 else -9
    return f"{year if year > 0 else 1 - year:04d}-{month:02d}-{day:02d}", "" if year > 0 else " BC"


def _clock(micros):
    seconds, fraction = divmod(micros, 1_000_000)
    minutes, seconds = divmod(seconds, 60)
    text = f"{minutes // 60:02d}:{minutes % 60:02d}:{seconds:02d}"
    return f"{text}.{fraction:06d}".rstrip("0") if fraction else text
