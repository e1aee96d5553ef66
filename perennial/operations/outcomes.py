"""How a run ended, by the facts that its steps left, and the run as MLflow keeps it."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from perennial import __version__
from perennial.operations.facts import RunFolder
from perennial.operations.ways import PREPARING

if TYPE_CHECKING:
    from perennial.catalog.catalog import Catalog
    from perennial.registry import Run
    from perennial.task import Task

STEPS = ("scrape", "label", "embed", "train", "evaluate", "gate", "deploy")

Why = Callable[[], str | None]
"""Tells why a step left nothing, where anybody knows."""


@dataclass(frozen=True)
class Outcome:
    """How a run ended: nothing new, nothing to learn, promoted, refused, held, queued, rolled back, superseded or failed."""

    name: str
    sentence: str


def nobody_knows() -> None:
    """Tell nothing of a step that left nothing."""


def outcome_of(run: RunFolder, why: Why = nobody_knows) -> Outcome:
    """Return how a run ended; ``why`` is asked where a step died without a word."""
    for step, sentence in run.errors():
        if step in (*STEPS, *PREPARING):
            return Outcome("failed", f"{step}: {sentence}")
    scraped = run.find("scrape")
    if scraped and not scraped["go"]:
        return Outcome("nothing new", scraped["sentence"])
    trained = run.find("train")
    if trained and not trained.get("challenger"):
        return Outcome("nothing to learn", trained["sentence"])
    judged, deployed = run.find("gate"), run.find("deploy")
    if deployed:
        return Outcome(deployed["outcome"].replace("_", " "), deployed["sentence"])
    if judged and judged["verdict"]["outcome"] != "promote":
        return Outcome({"refuse": "refused", "hold": "held"}[judged["verdict"]["outcome"]], judged["sentence"])
    return Outcome("failed", why() or f"{_missing(run)}: the step ended without a result")


def _missing(run: RunFolder) -> str:
    """Return the first step that should have left facts and didn't."""
    for step in STEPS:
        facts = run.find(step)
        if facts is None:
            return step
        if facts.get("route") in PREPARING and run.find(facts["route"]) is None:
            return str(facts["route"])
    return STEPS[-1]


def recorded(run: RunFolder, task: "Task", catalog: "Catalog", outcome: Outcome) -> "Run":
    """Return the run as MLflow keeps it: parameters, figures, verdict and lineage."""
    from perennial.catalog.snapshots import snapshot
    from perennial.registry import Run

    steps = {step: run.find(step) or {} for step in STEPS}
    trained, judged, deployed = steps["train"], steps["gate"], steps["deploy"]
    batches = trained.get("batches", [])
    tags = {
        "sentence": outcome.sentence,
        "batches": " ".join(batches),
        "held": " ".join(judged.get("verdict", {}).get("batches", [])),
        "challenger": trained.get("challenger") or "",
        "champion_before": trained.get("champion") or "",
        "version": str(deployed.get("version") or ""),
        "snapshot": snapshot(catalog, task.name, batches).digest if batches else "",
        "backbone": steps["embed"].get("backbone", ""),
        "code": __version__,
    }
    evaluation = steps["evaluate"].get("evaluation")
    artifacts = {
        name: json.dumps(facts, indent=2)
        for name, facts in (("evaluation.json", evaluation), ("verdict.json", judged.get("verdict")))
        if facts
    }
    if page := judged.get("page"):
        artifacts["verdict.html"] = page
    return Run(task.name, run.id, outcome.name, _flat(task.model_dump(mode="json")), _figures(steps), tags, artifacts)


def _figures(steps: dict[str, dict[str, Any]]) -> dict[str, float]:
    """Return all that is a number, challenger's and champion's figures under their own names."""
    figures = {"new_images": steps["scrape"].get("images", 0), "quarantined": steps["scrape"].get("quarantined", 0)}
    figures |= {"corrections": steps["train"].get("corrections", 0)}
    evaluation = steps["evaluate"].get("evaluation", {})
    for who in ("challenger", "champion"):
        for name, value in (evaluation.get(who) or {}).items():
            if isinstance(value, int | float):
                figures[f"{who}_{name}"] = value
    return {name: float(value) for name, value in figures.items()}


def _flat(document: dict[str, Any], prefix: str = "") -> dict[str, str]:
    """Return a nested document as dotted names and texts."""
    flat: dict[str, str] = {}
    for key, value in document.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = str(value)
    return flat
