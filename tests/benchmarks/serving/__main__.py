"""Measure serving, or soak it: ``python -m tests.benchmarks.serving [--only ROW,...] [--resume]``, ``... serving soak``.

Everything listens on and asks the loopback address. What was measured is kept in ``.bench/results`` as JSON lines.
"""

import argparse
import dataclasses
import json
import signal
import sys
import time
from pathlib import Path

from perennial.processes import usable_cores
from tests.benchmarks.__main__ import machine
from tests.benchmarks.serving import asking, soak
from tests.benchmarks.serving.asking import Generator, cores_left
from tests.benchmarks.serving.bench import CLIENTS, ELSEWHERE, Bench, Plan
from tests.benchmarks.serving.field import Field
from tests.benchmarks.serving.places import CACHE, HERE, LOCK, lock
from tests.benchmarks.serving.results import OtherRun, Results
from tests.benchmarks.serving.rows import GROUPS, rows_of, table, unanswered
from tests.benchmarks.serving.servers import cores_for
from tests.benchmarks.serving.world import DEFAULT, World

RESULTS = CACHE / "results"


def main() -> int:
    """Do what the command line says; exit 1 where a goal is missed."""
    options = parsed()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if options.what == "lock":
        return locked()
    print(machine(), file=sys.stderr)
    if options.what == "soak":
        return soak.run(60 * options.minutes, options.every, options.threads or usable_cores())
    try:
        return measured(options)
    except OtherRun as error:
        print(error, file=sys.stderr)
        return 2


def measured(options: argparse.Namespace) -> int:
    """Measure, and print the table and the rows, also when interrupted."""
    threads = options.threads or usable_cores()
    plan = Plan(options.rounds, options.seconds, options.clients, options.only, options.requests)
    cores = cores_for(threads)
    about = {"machine": machine(), "threads": threads, "network": options.network, "crop": options.crop, "seconds": plan.seconds}
    results = Results(kept(options.resume), about)
    print(f"results: {results.path}", file=sys.stderr)
    try:
        folder = CACHE / "world" / f"{options.network}-{options.crop}"
        world = World(folder, options.network, options.crop * 8 // 7, options.crop, threads)
        world.endpoint(DEFAULT)
        with Generator(cores_left(cores)) as generator, Field(world.asked(), cores, generator) as field:
            Bench(plan, world, results, field, generator, cores).run()
    except KeyboardInterrupt:
        print("interrupted; go on with --resume", file=sys.stderr)
    rows = rows_of(results, plan.rows, f"{threads} threads, {machine()}")
    for row in rows:
        print(
            f"{'ok  ' if row.kept else 'MISS'} {row.name}: {row.value:.3g} {row.unit} (goal {row.goal}) {row.note}",
            file=sys.stderr,
        )
    failed = unanswered(results)
    for sentence in failed:
        print(f"MISS {sentence}", file=sys.stderr)
    shown = [dataclasses.asdict(row) for row in rows]
    print(json.dumps({"about": about, "rows": shown, "unanswered": failed}, indent=2) if options.json else table(results))
    return 1 if failed or not all(row.kept for row in rows) else 0


def kept(resume: bool) -> Path:
    """Return the file of results: the newest to go on with, or a new one."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    found = sorted(RESULTS.glob("serving-*.jsonl"))
    return found[-1] if resume and found else RESULTS / f"serving-{time.strftime('%Y%m%d-%H%M%S')}.jsonl"


def locked() -> int:
    """Resolve the environments again, newest versions that work together."""
    for contestant in ELSEWHERE:
        module = contestant.__module__.rpartition(".")[2]
        lock(contestant.needs, HERE / "contestants" / module / LOCK)
    lock(asking.NEEDS, HERE / "load" / LOCK)
    return 0


def parsed() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.serving", description=__doc__)
    parser.add_argument("what", nargs="?", choices=("bench", "soak", "lock"), default="bench")
    parser.add_argument("--only", type=rows_named, default=tuple(GROUPS), metavar="ROW,...", help=f"of: {', '.join(GROUPS)}")
    parser.add_argument("--resume", action="store_true", help="go on with the newest results")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each measurement")
    parser.add_argument("--clients", type=lambda text: tuple(map(int, text.split(","))), default=CLIENTS)
    parser.add_argument("--threads", type=int, default=0, help="of every contestant; 0: all cores")
    parser.add_argument("--network", default="resnet50", help="another network of torchvision whose last layer is fc")
    parser.add_argument("--crop", type=int, default=224, help="side of the network's input in pixels")
    parser.add_argument("--requests", type=int, default=100_000, help="for the memory row")
    parser.add_argument("--json", action="store_true", help="the rows as JSON on standard output, instead of the table")
    parser.add_argument("--minutes", type=float, default=10.0, help="of the soak")
    parser.add_argument("--every", type=float, default=60.0, help="seconds between the soak's changes of release")
    return parser.parse_args()


def rows_named(text: str) -> tuple[str, ...]:
    """Return the groups of rows that are named."""
    names = tuple(text.split(","))
    unknown = sorted({*names} - {*GROUPS})
    if unknown:
        raise argparse.ArgumentTypeError(f"unknown: {', '.join(unknown)}; there are {', '.join(GROUPS)}")
    return names


if __name__ == "__main__":
    sys.exit(main())
