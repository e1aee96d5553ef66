"""Figures and facts as people read them; without Streamlit."""

import datetime as dt
import re

from dashboard.charts import percent
from dashboard.comparison import Comparison
from dashboard.data import RunRow
from dashboard.endpoint import Answer
from perennial.catalog.rows import Batch

COLOURS = {"promoted": "green", "refused": "orange", "held": "orange", "rolled back": "orange", "failed": "red"}


def date(day: dt.date) -> str:
    """Return a day such as "12 May 2026"."""
    return f"{day.day} {day:%b %Y}"


def points(difference: float) -> str:
    """Return a difference of shares in percentage points, with its sign."""
    return f"{_signed(difference)} points"


def batch(held: Batch) -> str:
    """Return a batch as "170 images of 12 May 2026"."""
    span = date(held.first) if held.first == held.last else f"{date(held.first)} to {date(held.last)}"
    return f"{held.images:,} images of {span}"


def lead(compared: Comparison) -> str:
    """Return one sentence on how the champion does beside the first model."""
    images = f"{compared.images:,} held-out images"
    if compared.champion == compared.first:
        return (
            f"The first model is still the champion; on {images} its balanced accuracy is "
            f"{percent(compared.champion_balanced_accuracy)}."
        )
    sentence = (
        f"On the same {images}, which neither has learnt, the first model's balanced accuracy is "
        f"**{percent(compared.first_balanced_accuracy)}**, the champion's **{percent(compared.champion_balanced_accuracy)}**"
    )
    if compared.lead is None:
        return sentence + "."
    interval = f"{_signed(compared.lead.low)} to {_signed(compared.lead.high)}"
    return f"{sentence}: {points(compared.lead.value)} (95 % interval {interval})."


def rest(answer: Answer) -> str:
    """Return what a chart of the likeliest classes leaves out, and which release answered."""
    others = 1 - sum(entry.value for entry in answer.probabilities)
    release = f"Answered by release {answer.release[:12]}."
    return f"All other classes together: {percent(others)}. {release}" if others > 0.005 else release


def run(row: RunRow) -> dict[str, str]:
    """Return a run as a row of Markdown cells."""
    badge = f":{COLOURS.get(row.outcome, 'gray')}-badge[{row.outcome}]"
    return {
        "Started": f"{date(row.started.date())}, {row.started:%H:%M} UTC",
        "Outcome": badge,
        "What happened": plain(row.sentence or "Under way, or interrupted."),
    }


def sentence(error: Exception) -> str:
    """Return an error's text in Markdown, with commands and addresses as code."""
    return re.sub(r"'(perennial [^']*)'|(\w+://[^\s,;)]*[^\s,;).])", _as_code, str(error))


def _as_code(found: re.Match[str]) -> str:
    return f"`{found[1] or found[2]}`"


def _signed(share: float) -> str:
    return f"{100 * share:+.0f}".replace("-", "−")


def plain(text: str) -> str:
    """Return text that Markdown shows as it is."""
    return "".join(f"\\{letter}" if letter in "\\`*_[]<>$#|~:" else letter for letter in text)
