"""The charts, drawn with Altair in colours that read on light and dark ground; without Streamlit."""

import datetime as dt
from collections.abc import Sequence

import altair as alt

from dashboard.comparison import ClassRecall, DayScore
from dashboard.data import ClassCount
from dashboard.endpoint import Probability
from dashboard.periods import Period

CHAMPION, FIRST = "Champion now", "First model"
ACCENT, MUTED, HELD = "#3f9e74", "#98a29c", "#d9a441"
STATES = ("labelled", "held")
SPLITS = {"train": "learnt", "calibrate": "calibration", "hold_out": "held out"}
SPLIT_COLOURS = ("#3f9e74", "#d9a441", "#6f8fc9")
ROW_HEIGHT, HEIGHT, LABELS = 30, 300, 7
DATES: dict[Period, str] = {"day": "%-d %b", "week": "%-d %b", "month": "%b %Y"}


def class_balance(counts: Sequence[ClassCount]) -> alt.Chart:
    """Draw a bar a class, its parts by split."""
    rows = [{"class": count.cls, "split": SPLITS[count.split], "images": count.images} for count in counts]
    order = list(dict.fromkeys(count.cls for count in counts))
    parts = list(SPLITS.values())
    return (
        alt.Chart(alt.Data(values=rows), height=alt.Step(ROW_HEIGHT))
        .mark_bar(height={"band": 0.66})
        .transform_calculate(place=f"indexof({parts}, datum.split)")
        .encode(
            x=alt.X("sum(images):Q", title="images", axis=_counts()),
            y=alt.Y("class:N", title=None, sort=order, axis=_names()),
            color=alt.Color("split:N", title=None, scale=alt.Scale(domain=parts, range=list(SPLIT_COLOURS)), legend=_legend()),
            order=alt.Order("place:Q"),
            tooltip=["class:N", "split:N", alt.Tooltip("images:Q", format=",")],
        )
    )


def arrivals(labelled: Sequence[tuple[dt.date, int]], held: Sequence[tuple[dt.date, int]], period: Period) -> alt.Chart:
    """Draw how many images were published, by period, and how many of them are held."""
    rows = [
        {"day": _local(day), "until": _local(_next(day, period)), "images": images, "state": state}
        for state, counts in zip(STATES, (labelled, held), strict=True)
        for day, images in counts
    ]
    days = sorted({day for day, _ in (*labelled, *held)})
    scale = alt.Scale(domain=list(STATES), range=[ACCENT, HELD])
    return (
        alt.Chart(alt.Data(values=rows), height=HEIGHT)
        .mark_bar(orient="vertical", binSpacing=1)
        .encode(
            x=_time(days, period),
            x2="until:T",
            y=alt.Y("images:Q", title="images", axis=_counts()),
            color=alt.Color("state:N", title=None, scale=scale, legend=_legend() if held else None),
            tooltip=[_when(period), "state:N", alt.Tooltip("images:Q", format=",")],
        )
    )


def recalls(classes: Sequence[ClassRecall]) -> alt.LayerChart:
    """Draw each class's recall under both models, joined by a line."""
    judged = sorted((row for row in classes if row.champion is not None), key=lambda row: -row.images)
    rows = [
        {"class": f"{row.cls} ({row.images})", "images": row.images, "model": name, "recall": value}
        for row in judged
        for name, value in ((FIRST, row.first), (CHAMPION, row.champion))
    ]
    share = alt.X("recall:Q", title="recall", axis=_shares(), scale=alt.Scale(domain=[0, 1]))
    classes_axis = alt.Y("class:N", title=None, sort=[f"{row.cls} ({row.images})" for row in judged], axis=_names())
    base = alt.Chart(alt.Data(values=rows), height=alt.Step(ROW_HEIGHT))
    line = base.mark_rule(color=MUTED, opacity=0.6, strokeWidth=2).encode(x="min(recall):Q", x2="max(recall):Q", y=classes_axis)
    points = base.mark_point(filled=True, size=110, opacity=1).encode(
        x=share,
        y=classes_axis,
        color=_models(),
        tooltip=["class:N", "model:N", alt.Tooltip("recall:Q", format=".0%"), alt.Tooltip("images:Q", title="held-out images")],
    )
    return alt.layer(line, points)


def accuracy(scores: Sequence[DayScore], period: Period) -> alt.Chart:
    """Draw both models' accuracy on the held-out images of each period."""
    rows = [
        {"day": _local(score.day), "images": score.images, "model": name, "accuracy": right / score.images}
        for score in scores
        for name, right in ((FIRST, score.first_right), (CHAMPION, score.champion_right))
    ]
    return (
        alt.Chart(alt.Data(values=rows), height=HEIGHT)
        .mark_line(point=alt.OverlayMarkDef(filled=True, size=60), strokeWidth=2.5)
        .encode(
            x=_time([score.day for score in scores], period),
            y=alt.Y("accuracy:Q", title="accuracy", axis=_shares(), scale=alt.Scale(domain=[0, 1])),
            color=_models(),
            tooltip=[
                _when(period),
                "model:N",
                alt.Tooltip("accuracy:Q", format=".0%"),
                alt.Tooltip("images:Q", title="held-out images"),
            ],
        )
    )


def probabilities(answers: Sequence[Probability]) -> alt.LayerChart:
    """Draw the probability of each class, the likeliest on top and in colour."""
    likeliest = max(answers, key=lambda answer: answer.value).cls
    rows = [{"class": a.cls, "probability": a.value, "likeliest": a.cls == likeliest, "text": percent(a.value)} for a in answers]
    order = [a.cls for a in sorted(answers, key=lambda answer: -answer.value)]
    base = alt.Chart(alt.Data(values=rows), height=alt.Step(ROW_HEIGHT + 4)).encode(
        x=alt.X("probability:Q", title=None, axis=_shares(), scale=alt.Scale(domain=[0, 1.08], nice=False)),
        y=alt.Y("class:N", title=None, sort=order, axis=_names()),
        tooltip=["class:N", alt.Tooltip("probability:Q", format=".1%")],
    )
    colour = alt.condition("datum.likeliest", alt.value(ACCENT), alt.value(MUTED))
    bars = base.mark_bar(height={"band": 0.66}, cornerRadiusEnd=3).encode(color=colour)
    return alt.layer(bars, base.mark_text(align="left", dx=6, fontSize=13, color=MUTED).encode(text="text:N"))


def percent(share: float) -> str:
    """Return a share as people read it: "87 %", "<1 %", ">99 %", with a space that doesn't break."""
    text = "<1%" if 0 < share < 0.01 else ">99%" if 0.99 < share < 1 else f"{share:.0%}"
    return text.replace("%", "\u00a0%")


def _models() -> alt.Color:
    scale = alt.Scale(domain=[FIRST, CHAMPION], range=[MUTED, ACCENT])
    return alt.Color("model:N", title=None, scale=scale, legend=_legend())


def _time(days: Sequence[dt.date], period: Period) -> alt.X:
    """Return the axis of time, with a few of the days themselves as its labels."""
    step = -(-len(days) // LABELS)
    named = [alt.DateTime(year=day.year, month=day.month, date=day.day) for day in days[:: step or 1]]
    axis = alt.Axis(format=DATES[period], labelAngle=0, grid=False, values=named, labelAlign="left", labelOffset=2)
    return alt.X("day:T", title=None, axis=axis)


def _when(period: Period) -> alt.Tooltip:
    title = {"day": "day", "week": "week from", "month": "month"}[period]
    return alt.Tooltip("day:T", title=title, format="%b %Y" if period == "month" else "%-d %b %Y")


def _local(day: dt.date) -> str:
    """Return a day's midnight where the reader is; a date alone would be read as midnight in Greenwich."""
    return f"{day.isoformat()}T00:00:00"


def _next(day: dt.date, period: Period) -> dt.date:
    if period == "month":
        return (day.replace(day=1) + dt.timedelta(days=32)).replace(day=1)
    return day + dt.timedelta(days={"day": 1, "week": 7}[period])


def _legend() -> alt.Legend:
    return alt.Legend(orient="top", direction="horizontal", symbolType="circle", symbolSize=90)


def _names() -> alt.Axis:
    return alt.Axis(ticks=False, domain=False, labelLimit=180, labelPadding=8)


def _counts() -> alt.Axis:
    return alt.Axis(format=",d", tickMinStep=1, tickCount=5)


def _shares() -> alt.Axis:
    return alt.Axis(format=".0%", values=[0, 0.25, 0.5, 0.75, 1])
