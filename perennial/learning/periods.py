"""Periods: the days or months over which a learner keeps its class sums apart."""

import datetime as dt
from collections.abc import Iterable
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Length = Literal["day", "month"]


def period_of(day: dt.date, length: Length) -> str:
    """Return the period that a day lies in: "2026-11-20" or "2026-11"."""
    return day.isoformat() if length == "day" else day.isoformat()[:7]


def periods_of(days: Iterable[dt.date], length: Length) -> NDArray[np.str_]:
    """Return the periods of many days, [n]."""
    return np.array([period_of(day, length) for day in days], dtype=np.str_)


def period_number(period: str) -> int:
    """Return a period as a number that sorts as time does: 20261120 or 202611."""
    return int(period.replace("-", ""))


def age_in_days(numbers: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return how many days before the newest of them each period lies."""
    unique, position = np.unique(numbers, return_inverse=True)
    ordinal = np.array([_ordinal(int(number)) for number in unique], dtype=np.float64)
    ages: NDArray[np.float64] = (ordinal.max(initial=0.0) - ordinal)[position]
    return ages


def _ordinal(number: int) -> int:
    if number < 10**6:
        return dt.date(number // 100, number % 100, 15).toordinal()
    return dt.date(number // 10**4, number // 100 % 100, number % 100).toordinal()
