"""One pipeline run as MLflow takes it. For ``perennial.registry`` alone."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

LONGEST_TAG = 8000
_LONGEST_PARAM = 6000
_PART = "/"


@dataclass(frozen=True)
class Run:
    """What is recorded of one pipeline run; ``artifacts`` are texts by file name."""

    task: str
    id: str
    outcome: str
    params: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    artifacts: Mapping[str, str] = field(default_factory=dict)


def run_params(run: Run) -> dict[str, str]:
    """Return a run's parameters, none longer than MLflow takes."""
    return {key: str(value)[:_LONGEST_PARAM] for key, value in run.params.items()}


def run_metrics(run: Run) -> dict[str, float]:
    """Return a run's finite figures."""
    return {key: float(value) for key, value in run.metrics.items() if math.isfinite(value)}


def split_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """Return tags none of which is longer than MLflow takes: a long one goes on under ``key/1``, ``key/2``."""
    return {
        f"{key}{_PART}{part}" if part else key: value[part * LONGEST_TAG :][:LONGEST_TAG]
        for key, value in tags.items()
        for part in range(max(1, math.ceil(len(value) / LONGEST_TAG)))
    }


def join_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """Undo :func:`split_tags`."""
    parts: dict[str, dict[int, str]] = {}
    for name, value in tags.items():
        key, _, part = name.partition(_PART)
        parts.setdefault(key, {})[int(part or 0)] = value
    return {key: "".join(found[part] for part in sorted(found)) for key, found in parts.items()}
