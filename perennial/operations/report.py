"""What the runs learnt, computed again from catalog and registry alone.

Each learnt batch is scored by the champion that served before it was learnt and by the first model, which never changed:
test-then-train, so no image is scored by a model that has seen it. Held and rejected batches aren't scored: their labels are
what is in doubt. Nor are batches whose champion was archived since. Nor are corrections by people, who correct what was wrong:
they are counted.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from perennial.catalog import feedback
from perennial.catalog.catalog import Catalog
from perennial.catalog.objects import Objects
from perennial.catalog.quarantine import quarantined
from perennial.catalog.rows import Batch
from perennial.evaluation.bootstrap import Answers, paired
from perennial.evaluation.prequential import Scores, score_before_learning
from perennial.learning.folder import DESCRIPTION
from perennial.learning.model import load_model, model_prefix
from perennial.operations.runs import RunFolder
from perennial.registry import RecordedRun, Registry
from perennial.settings import Settings
from perennial.task import Task

Facts = dict[str, Any]
_COUNTED = (
    ("corrections", "corrections by people learnt"),
    ("corrections_waiting", "approved corrections to learn"),
    ("feedback_pending", "pieces of feedback to approve"),
)


@dataclass(frozen=True)
class _Scored:
    """One batch, as the champion and the first model answered it before it was learnt."""

    batch: Batch
    champion: Scores
    frozen: Scores


def report(task: Task, settings: Settings) -> Facts:
    """Return counts of runs by outcome, and how the kept-up champion compares with the first model.

    Accuracies are shares of images; ``margin_interval`` is a 95 % interval of their difference, by a bootstrap over posts.
    """
    catalog = Catalog.open(Objects.open(settings.store_url))
    registry = Registry(settings.mlflow_uri)
    runs, versions, batches = registry.runs(task.name), registry.versions(task.name), catalog.batches(task.name)
    outcomes = Counter(run.outcome for run in runs)
    held = [batch for batch in batches if batch.status != "open"]
    champion = registry.champion(task.name)
    scored = [one for one in _score(catalog, task, runs, batches, versions[0].digest) if one.champion.images] if versions else []
    return {
        "task": task.name,
        "runs": len(runs),
        "promotions": outcomes["promoted"],
        "refusals": outcomes["refused"] + outcomes["held"],
        "outcomes": dict(sorted(outcomes.items())),
        "champion_version": champion.number if champion else None,
        "quarantined_images": sum(batch.images for batch in held),
        "rejected_files": len(quarantined(catalog.objects)),
        **_said(catalog, task, batches, champion.digest if champion else None),
        "held_days": sorted({str(batch.last) for batch in held}),
        **_demo_days(task, held),
        **_margin(scored),
        "days": [_day(entry) for entry in scored],
    }


def render(facts: Facts) -> Any:
    """Return the facts as a table for a terminal."""
    from rich.table import Table

    table = Table(title=f"{facts['task']}: {facts['runs']} runs, {facts['promotions']} promotions, {facts['refusals']} refusals")
    for column in ("new pictures of", "images", "champion", "first model"):
        table.add_column(column, justify="left" if column.startswith("new") else "right")
    for day in facts["days"]:
        table.add_row(day["last"], str(day["images"]), f"{day['champion_accuracy']:.0%}", f"{day['frozen_accuracy']:.0%}")
    for day in facts["held_days"]:
        table.add_row(day, "held", "", "")
    said = []
    if facts["margin_interval"]:
        low, high = facts["margin_interval"]
        said.append(f"the champion is ahead by {low:+.0%} to {high:+.0%} (95 %)")
    said += [f"{facts[name]} {what}" for name, what in _COUNTED if facts[name]]
    table.caption = "; ".join(said)
    return table


def score_run(task: Task, settings: Settings, first: str, run: str) -> Facts | None:
    """Return how a run's new batch was answered before it was learnt, by the store's facts of that run and the first one.

    None where the run had no champion to start from, or its batch was held.
    """
    objects = Objects.open(settings.store_url)
    trained, frozen = (RunFolder(objects, task.name, one).find("train") or {} for one in (run, first))
    catalog = Catalog.open(objects)
    wanted = set(trained.get("batches", ()))
    batches = [batch for batch in catalog.batches(task.name) if batch.id in wanted and _scorable(batch)]
    if not trained.get("champion"):
        return None
    scored = (_answers(task, catalog, batch, trained["champion"], frozen["challenger"]) for batch in reversed(batches))
    return next((_day(entry) for entry in scored if entry.champion.images), None)  # a batch may only take labels away


def _score(catalog: Catalog, task: Task, runs: list[RecordedRun], batches: list[Batch], frozen: str) -> Iterator[_Scored]:
    """Score each batch under the champion of the first run that took it in, unless that is archived."""
    known = {batch.id: batch for batch in batches}
    seen: set[str] = set()
    for run in runs:
        champion = run.tags.get("champion_before", "")
        fresh = [batch for batch in run.tags.get("batches", "").split() if batch not in seen and batch in known]
        seen.update(fresh)
        there = bool(champion) and catalog.objects.exists(f"{model_prefix(task.name, champion)}/{DESCRIPTION}")
        for batch in (known[name] for name in fresh if there and _scorable(known[name])):
            yield _answers(task, catalog, batch, champion, frozen)


def _answers(task: Task, catalog: Catalog, batch: Batch, champion: str, frozen: str) -> _Scored:
    heads = [load_model(catalog.objects, task.name, digest).head() for digest in (champion, frozen)]
    return _Scored(batch, *(score_before_learning(task, catalog, head, batch.id) for head in heads))


def _scorable(batch: Batch) -> bool:
    return batch.status == "open" and batch.origin == "source"


def _said(catalog: Catalog, task: Task, batches: list[Batch], champion: str | None) -> Facts:
    """Count the images that people corrected, learnt by the champion and not yet, and what waits for approval."""
    learnt = set(load_model(catalog.objects, task.name, champion).batches) if champion else set()
    people = [batch for batch in batches if batch.origin == "feedback"]
    states = Counter(row["state"] for row in feedback.rows(catalog.objects, task.name))
    return {
        "corrections": sum(batch.images for batch in people if batch.id in learnt),
        "corrections_waiting": sum(batch.images for batch in people if batch.id not in learnt),
        "feedback_pending": states["pending"],
    }


def _margin(scored: list[_Scored]) -> Facts:
    if not scored:
        return {"champion_accuracy": None, "frozen_accuracy": None, "margin_interval": None}
    posts = [post for entry in scored for post in entry.champion.posts]
    classes = np.concatenate([entry.champion.classes for entry in scored])
    champion = np.concatenate([entry.champion.correct for entry in scored])
    frozen = np.concatenate([entry.frozen.correct for entry in scored])
    margin = paired(Answers(posts, classes, frozen, champion), balanced=False)
    return {
        "champion_accuracy": round(float(champion.mean()), 4),
        "frozen_accuracy": round(float(frozen.mean()), 4),
        "margin_interval": [round(margin.low, 4), round(margin.high, 4)] if margin else None,
    }


def _day(entry: _Scored) -> Facts:
    return {
        "first": str(entry.batch.first),
        "last": str(entry.batch.last),
        "images": len(entry.champion.images),
        "champion_accuracy": round(float(entry.champion.correct.mean()), 4),
        "frozen_accuracy": round(float(entry.frozen.correct.mean()), 4),
    }


def _demo_days(task: Task, held: list[Batch]) -> Facts:
    """On the bundled site it is known which day had wrong labels; all others were honest."""
    if all(source.type != "demo" for source in task.sources):
        return {}
    from perennial.sources.demo_site.posts import WRONG_DAY

    return {"honest_days_held": sum(not batch.first <= WRONG_DAY <= batch.last for batch in held)}
