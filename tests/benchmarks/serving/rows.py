"""The table: which measurements each row compares, and the goal that it is held against."""

import math
import statistics
from collections.abc import Callable, Sequence
from typing import Any

from tests.benchmarks.rows import Row
from tests.benchmarks.serving.bench import FRAMEWORKS, KSERVE, LOOP, MEMORY, TENTHS
from tests.benchmarks.serving.contestants.hand_written import HandWritten
from tests.benchmarks.serving.figures import Rounds, compared
from tests.benchmarks.serving.results import Results
from tests.benchmarks.serving.world import DEFAULT, TASKS, VARIANTS

OURS = f"Perennial {DEFAULT.endpoint}"
GOALS = {"fp32": ("≥ 2", "≥ 2.5"), "bf16": ("≥ 3", "≥ 4"), "int8": ("≥ 3", "≥ 4")}


def rows_of(results: Results, names: Sequence[str], about: str) -> list[Row]:
    """Return the rows of these groups; ``about`` says threads and processor in each row's note."""
    return [row for name in names for row in GROUPS[name](results, about)]


def unanswered(results: Results) -> list[str]:
    """Return what failed to answer requests, and how many: a server that drops them may look fast."""
    errors = {" ".join(key): sum(line.get("errors", 0) for line in lines) for key, lines in results.measured().items()}
    return [f"{name} didn't answer {count} requests" for name, count in sorted(errors.items()) if count]


def hand_written(results: Results, about: str) -> list[Row]:
    """Compare each engine and precision with the usual path, which is fp32."""
    rows = []
    for variant in VARIANTS:
        ours, goals = f"Perennial {variant.endpoint}", GOALS[variant.precision]
        if variant.precision != "fp32" and not results.rounds(ours, "c=1", "p50"):
            continue  # this processor or this version hasn't it
        note = f"{variant.precision} against fp32, {about}"
        slow, fast = (results.rounds(name, "c=1", "p50") for name in (HandWritten.name, ours))
        rows.append(compared(f"hand-written / {variant.endpoint}, latency at c=1", slow, fast, goals[0], f"p50 in ms, {note}"))
        slow, fast = (results.rounds(name, "c=8", "rate") for name in (HandWritten.name, ours))
        rows.append(
            compared(f"{variant.endpoint} / hand-written, throughput at c=8", fast, slow, goals[1], f"requests/s, {note}")
        )
    return rows


def frameworks(results: Results, about: str) -> list[Row]:
    """Compare the default engine at fp32 with the best of the four."""
    names = [framework.name for framework in FRAMEWORKS]
    latencies = {name: results.rounds(name, "c=1", "p50") for name in names}
    rates = {name: results.rounds(name, "c=8", "rate") for name in names}
    quickest = _best(latencies, lambda rounds: -statistics.median(rounds.values()))
    busiest = _best(rates, lambda rounds: statistics.median(rounds.values()))
    lacking = [name for name in names if not latencies[name]]
    note = f"fp32, {about}" + (f"; not measured: {', '.join(lacking)}" if lacking else "")
    ours, our_rates = results.rounds(OURS, "c=1", "p50"), results.rounds(OURS, "c=8", "rate")
    return [
        compared(
            f"best of four ({quickest}) / ours, latency at c=1", latencies.get(quickest, {}), ours, "≥ 1.5", f"p50 in ms, {note}"
        ),
        compared(
            f"ours / best of four ({busiest}), throughput at c=8",
            our_rates,
            rates.get(busiest, {}),
            "≥ 1.5",
            f"requests/s, {note}",
        ),
    ]


def loop(results: Results, about: str) -> list[Row]:
    """Compare the server with its own engine in a loop."""
    served, looped = results.rounds(OURS, "c=1", "p50"), results.rounds(LOOP, "c=1", "p50")
    return [compared("server / own engine in a loop, c=1", served, looped, "≤ 1.1", f"p50 in ms, fp32, {about}")]


def tasks(results: Results, about: str) -> list[Row]:
    """Compare one pass for n tasks with one for n - 1."""
    names = [DEFAULT.endpoint, *(f"tasks-{count}" for count in range(2, len(TASKS) + 1))]
    found = [results.rounds(f"all tasks of {name}", "tasks c=1", "p50") for name in names]
    return [
        compared(
            f"{count} tasks / {count - 1}, the same picture",
            found[count - 1],
            found[count - 2],
            "≤ 1.05",
            f"p50 in ms, fp32, {about}",
        )
        for count in range(2, len(TASKS) + 1)
    ]


def explain(results: Results, about: str) -> list[Row]:
    """Compare an explanation with a prediction."""
    slow, fast = (results.rounds(name, "explain c=1", "p50") for name in (f"explained {DEFAULT.endpoint}", OURS))
    return [compared("explanation / prediction, c=1", slow, fast, "≤ 3", f"p50 in ms, fp32, {about}")]


def tail(results: Results, about: str) -> list[Row]:
    """Compare p99 with p50 at 80 % of capacity, the requests due at even intervals; Poisson arrivals are told beside it."""
    quantiles = {(how, at): results.rounds(OURS, f"open {how}", at) for how in ("even", "poisson") for at in ("p50", "p99")}
    poisson = compared("", quantiles["poisson", "p99"], quantiles["poisson", "p50"], "≤ 3", "")
    due = results.rounds(OURS, "open even", "due")
    rate = f"{statistics.median(due.values()):.0f} requests/s" if due else "no rate"
    note = f"ms at {rate}, open loop with even arrivals (Poisson: {poisson.value:.2f}), fp32, {about}"
    return [compared("p99 / p50 at 80 % of capacity", quantiles["even", "p99"], quantiles["even", "p50"], "≤ 3", note)]


def start(results: Results, about: str) -> list[Row]:
    """Compare a cold start with an import of KServe."""
    cold, imported = (results.rounds(name, "start", "seconds") for name in (OURS, KSERVE))
    return [compared("cold start to the first answer / import kserve", cold, imported, "≤ 1.5", f"s, fp32, {about}")]


def memory(results: Results, about: str) -> list[Row]:
    """Compare the server's memory at the end with that after the first tenth of the requests."""
    rss, answered = results.rounds(MEMORY, "memory", "rss_mb"), results.rounds(MEMORY, "memory", "total")
    if len(rss) < TENTHS:
        return [Row("memory, end / after the first tenth", math.nan, "≤ 1.05", "x", "not measured")]
    first, last = rss[min(rss)], rss[max(rss)]
    note = f"{last:.0f} / {first:.0f} MiB over {max(answered.values()):,.0f} requests, a small network, {about}"
    return [Row("memory, end / after the first tenth", last / first, "≤ 1.05", "x", note)]


GROUPS: dict[str, Callable[[Results, str], list[Row]]] = {
    "hand-written": hand_written,
    "frameworks": frameworks,
    "loop": loop,
    "tasks": tasks,
    "explain": explain,
    "tail": tail,
    "start": start,
    "memory": memory,
}


def table(results: Results) -> str:
    """Return all measurements as a table: medians over the rounds."""
    columns = ("p50", "p95", "p99", "rate", "generator_cpu")
    lines = [
        "| contestant | measured | precision | p50 ms | p95 ms | p99 ms | requests/s | errors | generator's share of a core |"
    ]
    lines.append("|---|---|---|---|---|---|---|---|---|")
    for (name, what), measured in sorted(results.measured().items(), key=lambda item: (item[0][1], item[0][0])):
        if "rate" in measured[0]:
            figures = [f"{_median(measured, column):.3g}" for column in columns]
            errors = sum(line["errors"] for line in measured)
            precision = measured[0].get("precision", "fp32")
            lines.append(f"| {name} | {what} | {precision} | {' | '.join(figures[:4])} | {errors} | {figures[4]} |")
    return "\n".join(lines)


def _median(measured: Sequence[dict[str, Any]], column: str) -> float:
    values = [line[column] for line in measured if line.get(column) is not None]
    return statistics.median(values) if values else math.nan


def _best(found: dict[str, Rounds], worth: Callable[[Rounds], float]) -> str:
    """Return the name with the best median; empty where nothing was measured."""
    there = {name: worth(rounds) for name, rounds in found.items() if rounds}
    return max(there, key=lambda name: there[name]) if there else ""
