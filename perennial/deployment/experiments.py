"""An A/B test's figures: what versions of a task's model answered side by side, and how often people say they were right.

They come from the prediction log and from feedback that was approved. What isn't approved is nobody's word yet and counts for
nothing; of several statements about one picture the one that was approved last counts, as in learning.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict

from perennial.catalog import feedback, predictions
from perennial.catalog.catalog import Catalog
from perennial.catalog.folding import endpoints, fold
from perennial.catalog.tables import quoted
from perennial.evaluation.bootstrap import Interval
from perennial.evaluation.proportions import Count, difference, share
from perennial.serving.pictures import catalog_form

LEAST_FEEDBACK = 10
"""A version with fewer answers that feedback was approved about isn't compared."""

_COLUMNS = ("prediction_id", "model_version", "cls", "probability", "unfamiliar", "seconds")


class VersionFigures(BaseModel):
    """What a version answered: how many, which share of all, how sure, how fast; ``right`` is of ``judged`` answers.

    Shares and means of nothing are None.
    """

    model_config = ConfigDict(frozen=True)

    version: int
    answers: int
    share: Interval | None
    unfamiliar: Interval | None
    probability: float | None
    p50_s: float | None
    p95_s: float | None
    judged: int
    hits: int
    right: Interval | None


def figures_by_version(
    catalog: Catalog,
    task: str,
    versions: Sequence[int],
    since: datetime,
    until: datetime | None = None,
    *,
    level: float = 0.95,
) -> list[VersionFigures]:
    """Return the figures of what these versions answered from ``since`` until just before ``until``, in their order.

    What servers noted is taken into the catalog first. Feedback counts whenever it came. Times bear their zone.

    Raises:
        StoreError: the store can't be read, or what servers noted can't be taken in.
    """
    for endpoint in endpoints(catalog.objects):
        fold(catalog.objects, endpoint, catalog_form)
    answered = predictions.table(catalog.objects).view().read(_COLUMNS, _between(task, versions, since, until))
    truth = _truth(catalog, task)
    return [
        _figures(version, answered.filter(pc.equal(answered["model_version"], version)), answered.num_rows, truth, level)
        for version in versions
    ]


def enough(figures: Sequence[VersionFigures], answers: int) -> bool:
    """Return whether each version gave at least so many answers."""
    return all(one.answers >= answers for one in figures)


def winner(champion: VersionFigures, challenger: VersionFigures, level: float) -> tuple[int, str]:
    """Return the version that goes on, and why: the challenger only where it is right more often beyond chance."""
    old, new = _right(champion), _right(challenger)
    more = difference(_count(challenger), _count(champion), level=level)
    if more is None or min(champion.judged, challenger.judged) < LEAST_FEEDBACK:
        return champion.version, (
            f"Version {champion.version} goes on: there is too little approved feedback to compare by, {old} and {new}. "
            f"At least {LEAST_FEEDBACK} answers of each are needed."
        )
    said = f"{100 * more.value:+.1f} % ({100 * more.low:+.1f} to {100 * more.high:+.1f} % at {100 * level:g} % confidence)"
    if more.low > 0:
        return challenger.version, f"Version {challenger.version} goes on: it is right more often, {new} and {old}, {said}."
    return champion.version, (
        f"Version {champion.version} goes on: that version {challenger.version} is right more often isn't shown, "
        f"{old} and {new}, {said}."
    )


def _between(task: str, versions: Sequence[int], since: datetime, until: datetime | None) -> str:
    conditions = [f"task = {quoted(task)}", f"at >= {_moment(since)}"]
    if until is not None:
        conditions.append(f"at < {_moment(until)}")
    chosen = ", ".join(str(int(version)) for version in versions)
    return " AND ".join([*conditions, f"model_version IN ({chosen})" if chosen else "false"])


def _moment(at: datetime) -> str:
    return f"timestamp '{at.astimezone(UTC).isoformat()}'"


def _truth(catalog: Catalog, task: str) -> dict[str, str]:
    """Return the class that is right for each prediction that approved feedback is about."""
    approved = [row for row in feedback.rows(catalog.objects, task) if row["state"] == "approved" and row["image"]]
    of_image = {row["image"]: row["cls"] for row in sorted(approved, key=lambda row: row["decided"])}
    return {row["prediction_id"]: of_image[row["image"]] for row in approved if row["prediction_id"]}


def _figures(version: int, rows: pa.Table, all_answers: int, truth: dict[str, str], level: float) -> VersionFigures:
    judged = rows.filter(pc.is_in(rows["prediction_id"], pa.array(list(truth), pa.string()))).to_pylist()
    hits = sum(row["cls"] == truth[row["prediction_id"]] for row in judged)
    seconds, probability = rows["seconds"].to_numpy(), rows["probability"].to_numpy()
    p50, p95 = np.quantile(seconds, [0.5, 0.95]) if rows.num_rows else (None, None)
    return VersionFigures(
        version=version,
        answers=rows.num_rows,
        share=share((rows.num_rows, all_answers), level=level),
        unfamiliar=share((pc.sum(rows["unfamiliar"]).as_py() or 0, rows.num_rows), level=level),
        probability=float(probability.mean()) if rows.num_rows else None,
        p50_s=p50,
        p95_s=p95,
        judged=len(judged),
        hits=hits,
        right=share((hits, len(judged)), level=level),
    )


def _count(figures: VersionFigures) -> Count:
    return figures.hits, figures.judged


def _right(figures: VersionFigures) -> str:
    return f"version {figures.version} was right in {figures.hits} of {figures.judged}"
