"""Days gathered into days, weeks or months for charts; without Streamlit."""

import datetime as dt
from collections.abc import Iterable
from typing import Literal, TypeVar

from dashboard.comparison import DayScore

Row = TypeVar("Row")
Period = Literal["day", "week", "month"]
SHOWN = {"day": 30, "week": 26, "month": 36}
"""How many of the newest periods a chart has room for."""
MIN_IMAGES = 10
"""Periods with fewer held-out images say more about chance than about a model."""


def start_of(day: dt.date, period: Period) -> dt.date:
    """Return the first day of the period that a day lies in; weeks begin on Mondays."""
    if period == "week":
        return day - dt.timedelta(days=day.weekday())
    return day.replace(day=1) if period == "month" else day


def fitting(days: Iterable[tuple[dt.date, int]]) -> Period:
    """Return the finest period in which the newest images still come in useful numbers."""
    counts = dict(days)
    if not counts:
        return "day"
    newest = max(counts)
    week = sum(images for day, images in counts.items() if (newest - day).days < 7)
    quarter = sum(images for day, images in counts.items() if (newest - day).days < 91)
    if week >= 7 * MIN_IMAGES * 5:
        return "day"
    return "week" if quarter >= 13 * MIN_IMAGES * 5 else "month"


def images_by(days: Iterable[tuple[dt.date, int]], period: Period) -> list[tuple[dt.date, int]]:
    """Sum images by period, oldest first, the newest periods only."""
    sums: dict[dt.date, int] = {}
    for day, images in days:
        start = start_of(day, period)
        sums[start] = sums.get(start, 0) + images
    return _newest(sorted(sums.items()), period)


def scores_by(days: Iterable[DayScore], period: Period) -> list[DayScore]:
    """Sum scores by period, oldest first, leaving out periods with too few images to say anything."""
    sums: dict[dt.date, DayScore] = {}
    for score in days:
        start = start_of(score.day, period)
        other = sums.get(start, DayScore(start, 0, 0, 0))
        sums[start] = DayScore(
            start,
            other.images + score.images,
            other.first_right + score.first_right,
            other.champion_right + score.champion_right,
        )
    kept = {start: score for start, score in sums.items() if score.images >= MIN_IMAGES}
    return [score for _, score in _newest(sorted(kept.items()), period)]


def _newest(rows: list[tuple[dt.date, Row]], period: Period) -> list[tuple[dt.date, Row]]:
    """Keep what lies within the newest periods."""
    if not rows:
        return rows
    length = {"day": 1, "week": 7, "month": 31}[period]
    oldest = rows[-1][0] - dt.timedelta(days=length * (SHOWN[period] - 1))
    return [row for row in rows if row[0] >= oldest]
