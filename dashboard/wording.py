"""Figures and facts as people read them; without Streamlit."""

import datetime as dt
import re
from collections.abc import Sequence
from urllib.parse import quote

from dashboard.charts import percent
from dashboard.comparison import Comparison, Figures
from dashboard.data import Example, RunRow
from dashboard.endpoint import Answer, Neighbour
from perennial.catalog.rows import Batch

_IN_ADDRESSES = ":/?#@!$&*+,;=%~"
COLOURS = {"promoted": "green", "refused": "orange", "held": "orange", "rolled back": "orange", "failed": "red"}


def date(day: dt.date) -> str:
    """Return a day such as "12 May 2026"."""
    return f"{day.day} {day:%b %Y}"


def points(difference: float) -> str:
    """Return a difference of shares in percentage points, with its sign."""
    return f"{_signed(difference)} points"


def batch(held: Batch) -> str:
    """Return a batch as "170 images of 12 May 2026"."""
    return f"{held.images:,} images of {span(held.first, held.last)}"


def span(first: dt.date, last: dt.date) -> str:
    """Return days such as "1 May 2026 to 3 May 2026"."""
    return date(first) if first == last else f"{date(first)} to {date(last)}"


def lead(compared: Comparison) -> str:
    """Return how the champion does beside the first model: on the newest images, and on those before."""
    if compared.champion == compared.first:
        return f"The first model is still the champion; its balanced accuracy is {percent(compared.newest.champion)}."
    sentence = f"Neither has learnt these images. On the newest {_both(compared.newest)}"
    if compared.newest.lead:
        low, high = _signed(compared.newest.lead.low), _signed(compared.newest.lead.high)
        sentence += f": {points(compared.newest.lead.value)} (95 % interval {low} to {high})"
    return f"{sentence}. On older {_both(compared.older)}." if compared.older else f"{sentence}."


def _both(figures: Figures) -> str:
    return (
        f"{figures.images:,} ({span(figures.since, figures.until)}) the first model's balanced accuracy is "
        f"**{percent(figures.first)}**, the champion's **{percent(figures.champion)}**"
    )


def rest(answer: Answer) -> str:
    """Return what a chart of the likeliest classes leaves out, and which release answered."""
    others = 1 - sum(entry.value for entry in answer.probabilities)
    release = f"Answered by release {answer.release[:12]}."
    return f"All other classes together: {percent(others)}. {release}" if others > 0.005 else release


def neighbour(near: Neighbour) -> str:
    """Return a link to a training image or its title, and whose it is, a line each."""
    title = plain(near.title)
    named = f"[{title}]({quote(near.address, safe=_IN_ADDRESSES)})" if near.address else title
    return "  \n".join(part for part in (named, plain(near.credit)) if part)


def example(shown: Example) -> str:
    """Return what an example is, with its link, and whose it is, a line each."""
    named = f"A held-out image of {date(shown.published)}"
    linked = f"[{named}]({quote(shown.address, safe=_IN_ADDRESSES)})" if shown.address else named
    return "  \n".join(part for part in (linked, plain(shown.credit)) if part)


def likeness(neighbours: Sequence[Neighbour]) -> str:
    """Return how alike the nearest and the farthest of some neighbours are, such as "0.31 to 0.12"."""
    nearest, farthest = (f"{each.similarity:.2f}" for each in (neighbours[0], neighbours[-1]))
    return nearest if nearest == farthest else f"{nearest} to {farthest}"


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
