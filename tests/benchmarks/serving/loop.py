"""Perennial's own engine in a plain loop: decode and infer, one picture after another, without any server.

A process that answers orders: ``python -m tests.benchmarks.serving.loop HOME BACKBONE THREADS``.
"""

import json
import sys
import time
from pathlib import Path

from perennial.backbones.engines import Backbone
from perennial.catalog.objects import Objects
from perennial.serving.images import pixels


def main() -> None:
    home, digest, threads = sys.argv[1:]
    backbone = Backbone.load(Objects.open((Path(home) / "store").as_uri()), digest, int(threads))
    for line in iter(sys.stdin.readline, ""):
        order = json.loads(line)
        jpegs = [Path(file).read_bytes() for file in order["files"]]
        counted = time.perf_counter() + order["warmup_s"]
        latencies: list[float] = []
        number = 0
        while (began := time.perf_counter()) < counted + order["seconds"]:
            backbone.embed(pixels(jpegs[number % len(jpegs)], backbone)[None])
            number += 1
            if began >= counted:
                latencies.append(round(1000 * (time.perf_counter() - began), 3))
        answer = {"latencies_ms": latencies, "seconds": order["seconds"], "statuses": {"200": len(latencies)}}
        print(json.dumps({**answer, "unanswered": 0, "generator_cpu": 0}), flush=True)


if __name__ == "__main__":
    main()
