"""Classes: what there is to learn from, and what learning on has brought."""

from collections.abc import Sequence

import streamlit as st

from dashboard import charts, frame, periods, wording
from dashboard.comparison import Comparison
from dashboard.data import Overview, RunRow
from perennial.catalog.rows import Batch
from perennial.settings import Settings

PERIODS: tuple[periods.Period, ...] = ("day", "week", "month")


def render() -> None:
    """Draw the page."""
    settings, task = Settings.load(), frame.chosen_task()
    overview = frame.overview(settings, task)
    compared = frame.compared(settings, task)
    st.title("Classes")
    st.caption(frame.description(task))
    _figures(overview, compared)
    for batch in overview.waiting:
        _waiting(task, batch)
    chosen = _period(overview)
    _images(overview, chosen)
    _models(task, compared, chosen)
    _runs(frame.recent_runs(settings, task))


def _figures(overview: Overview, compared: Comparison | None) -> None:
    left, middle, right = st.columns(3)
    left.metric(
        "Labelled images", f"{overview.images:,}", border=True, height="stretch", help=f"Pictures of {overview.posts:,} posts."
    )
    if compared is None:
        middle.metric("Champion", "none yet", border=True, height="stretch")
        right.metric("Balanced accuracy", "–", border=True, height="stretch")
        return
    newest, first = compared.newest, compared.champion == compared.first
    since = wording.date(compared.champion.created.date())
    middle.metric("Champion", f"Version {compared.champion.number}", border=True, height="stretch", help=f"Made on {since}.")
    right.metric(
        "Balanced accuracy",
        charts.percent(newest.champion),
        None
        if first
        else f"{100 * (newest.champion - newest.first):+.0f} points on the first model",  # a plain minus turns the arrow
        border=True,
        height="stretch",
        help=f"The mean of the classes' recalls, by the champion, on the newest {newest.images:,} held-out images.",
    )


def _waiting(task: str, batch: Batch) -> None:
    """Say which images aren't learnt, why, and what can be done."""
    if batch.status == "rejected":
        st.info(f"{wording.batch(batch)} were rejected and are never learnt. {batch.reason}", icon=":material/block:")
        return
    st.warning(
        f"**{wording.batch(batch)} are held.** {batch.reason}\n\n"
        f"Let them be learnt with `perennial review approve {task} {batch.id[:12]}`, "
        f"or never with `perennial review reject {task} {batch.id[:12]}`.",
        icon=":material/front_hand:",
    )


def _period(overview: Overview) -> periods.Period:
    chosen = st.segmented_control(
        "Charts over time by",
        PERIODS,
        default=periods.fitting(overview.days),
        required=True,
        format_func=str.capitalize,
        key=f"classes_period_{frame.chosen_task()}",
    )
    return chosen or "day"


def _images(overview: Overview, period: periods.Period) -> None:
    left, right = st.columns(2, gap="large")
    with left:
        st.subheader("Class balance")
        st.altair_chart(charts.class_balance(overview.classes), alt="Images by class and split")
    with right:
        st.subheader(f"Images by {period}")
        held = [(batch.last, batch.images) for batch in overview.waiting if batch.status == "held"]
        labelled, waiting = (periods.images_by(days, period) for days in (overview.days, held))
        shown = [count for count in waiting if not labelled or count[0] >= labelled[0][0]]
        st.altair_chart(charts.arrivals(labelled, shown, period), alt=f"Images by {period} of publication, labelled and held")


def _models(task: str, compared: Comparison | None, period: periods.Period) -> None:
    st.subheader("First model against the champion")
    if compared is None:
        st.info(
            f"This takes a champion and held-out images. Go on with `perennial run {task}`.", icon=":material/hourglass_empty:"
        )
        return
    st.markdown(wording.lead(compared))
    if compared.champion == compared.first:
        return
    left, right = st.columns(2, gap="large")
    with left:
        st.markdown(f"**Accuracy by {period} of publication**")
        scores = periods.scores_by(compared.days, period)
        if scores:
            st.altair_chart(charts.accuracy(scores, period), alt=f"Accuracy of both models by {period}")
        else:
            st.caption("Too few held-out images in each; choose a longer period above.")
    with right:
        st.markdown("**Recall by class, newest held-out images**")
        st.altair_chart(charts.recalls(compared.classes), alt="Recall of both models by class")


def _runs(rows: Sequence[RunRow]) -> None:
    st.subheader("Last runs")
    if not rows:
        st.caption("No run has learnt anything yet.")
        return
    st.table([wording.run(row) for row in rows], border="horizontal")


render()
