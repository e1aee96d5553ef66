"""Statistics of measurements: quantiles of one, medians of the rounds' ratios of two."""

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from tests.benchmarks.rows import Row

Rounds = Mapping[int, float]


def quantile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least this share of them doesn't exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def summary(answer: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is kept of one measurement: quantiles in ms, requests a second, errors, and the generator's share of a core."""
    latencies = answer["latencies_ms"]
    errors = sum(count for status, count in answer["statuses"].items() if status != "200") + answer["unanswered"]
    shares = {f"p{100 * share:.0f}": round(quantile(latencies, share), 3) if latencies else None for share in (0.5, 0.95, 0.99)}
    rate = round(len(latencies) / answer["seconds"], 3)
    return {**shares, "rate": rate, "answers": len(latencies), "errors": errors, "generator_cpu": answer["generator_cpu"]}


def ratio(over: Rounds, under: Rounds) -> float | None:
    """Return the median of the ratios of the rounds that both have; None where they share none."""
    shared = [over[number] / under[number] for number in over if number in under]
    return statistics.median(shared) if shared else None


def spread(over: Rounds, under: Rounds) -> str:
    """Return the least and the largest of those ratios, and how many there are."""
    shared = [over[number] / under[number] for number in over if number in under]
    return f"{min(shared):.2f}-{max(shared):.2f} in {len(shared)} rounds"


def compared(name: str, over: Rounds, under: Rounds, goal: str, note: str) -> Row:
    """Return the row of a ratio; one that couldn't be measured misses its goal and says so."""
    found = ratio(over, under)
    if found is None:
        return Row(name, math.nan, goal, "x", f"not measured; {note}")
    figures = f"{statistics.median(over.values()):.1f} / {statistics.median(under.values()):.1f}"
    return Row(name, found, goal, "x", f"{figures}; {spread(over, under)}; {note}")
