"""One pipeline run as MLflow's params, metrics, tags and artifacts. For ``perennial.registry`` alone."""

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from perennial import __version__

LONGEST_TAG = 8000
_LONGEST_PARAM = 6000
_BATCHES_A_TAG = 100
_NAME = re.compile(r"[\w\-./ ]+")


@dataclass(frozen=True)
class Run:
    """What is recorded of one pipeline run.

    Params and evaluation may be nested: MLflow gets them flat, as ``backbone.network`` and ``challenger.macro_f1``.
    ``batches`` are those that the run was to learn; ``snapshot`` and ``backbone`` are digests; ``page`` is the verdict as HTML.
    """

    id: str
    task: str
    outcome: str
    sentence: str = ""
    batches: Sequence[str] = ()
    challenger: str | None = None
    champion_before: str | None = None
    version: int | None = None
    snapshot: str = ""
    backbone: str = ""
    params: Mapping[str, Any] = field(default_factory=dict)
    counts: Mapping[str, float] = field(default_factory=dict)
    evaluation: Mapping[str, Any] | None = None
    verdict: Mapping[str, Any] | None = None
    page: str = ""


def run_params(run: Run) -> dict[str, str]:
    """Return a run's parameters, flat and as text."""
    return {key: str(value)[:_LONGEST_PARAM] for key, value in _flat(run.params)}


def run_metrics(run: Run) -> dict[str, float]:
    """Return the numbers of a run's evaluation and counts, flat; MLflow takes no other names and no NaN."""
    numbers = [*_flat(run.evaluation or {}), *_flat(run.counts)]
    return {
        key: float(value)
        for key, value in numbers
        if isinstance(value, int | float) and math.isfinite(value) and _NAME.fullmatch(key)
    }


def run_tags(run: Run) -> dict[str, str]:
    """Return a run's outcome and lineage; a long list of batches goes over several tags."""
    batches = {
        f"batches.{start // _BATCHES_A_TAG:04}" if start else "batches": " ".join(run.batches[start : start + _BATCHES_A_TAG])
        for start in range(0, len(run.batches), _BATCHES_A_TAG)
    }
    lineage = {
        "outcome": run.outcome,
        "sentence": run.sentence,
        "challenger": run.challenger or "",
        "champion_before": run.champion_before or "",
        "version": "" if run.version is None else str(run.version),
        "snapshot": run.snapshot,
        "backbone": run.backbone,
        "code": __version__,
    }
    return {key: value[:LONGEST_TAG] for key, value in (lineage | batches).items()}


def run_artifacts(run: Run) -> dict[str, str]:
    """Return a run's files by name: evaluation and verdict as JSON, the verdict's page as HTML."""
    documents = {"evaluation.json": run.evaluation, "verdict.json": run.verdict}
    texts = {name: json.dumps(document, indent=2) for name, document in documents.items() if document is not None}
    return texts | ({"verdict.html": run.page} if run.page else {})


def _flat(document: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in document.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
