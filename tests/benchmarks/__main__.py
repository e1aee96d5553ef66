"""Print every benchmark's ratios: ``python -m tests.benchmarks [--quick] [--json] [NAME...]``."""

import argparse
import dataclasses
import importlib
import json
import os
import sys
from pathlib import Path

HERE = Path(__file__).parent
NAMES = sorted(path.stem.removeprefix("bench_") for path in HERE.glob("bench_*.py"))
FLAGS = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16")


def machine() -> str:
    """Return cores and the flags of the processor that decide speed here."""
    info = Path("/proc/cpuinfo")
    flags = info.read_text().split("flags", 1)[1].split("\n", 1)[0].split() if info.exists() else []
    return f"{os.cpu_count()} cores; {' '.join(flag for flag in FLAGS if flag in flags) or 'flags unknown'}"


def main() -> int:
    """Run the named benchmarks; exit 1 where a goal is missed."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"by default all of: {', '.join(NAMES)}")
    parser.add_argument("--quick", action="store_true", help="fewer rounds and smaller data, for a look")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    print(machine(), file=sys.stderr)
    missed, found = 0, []
    for name in options.names or NAMES:
        for row in importlib.import_module(f"tests.benchmarks.bench_{name}").run(quick=options.quick):
            found.append(dataclasses.asdict(row))
            missed += not row.kept
            print(
                f"{'ok  ' if row.kept else 'MISS'} {row.name}: {row.value:.3g} {row.unit} (goal {row.goal}) {row.note}",
                file=sys.stderr,
            )
    if options.json:
        print(json.dumps({"machine": machine(), "rows": found}, indent=2))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
