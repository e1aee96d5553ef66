"""One run over the benchmark's site in a process of its own: ``python -m tests.benchmarks.sources.child STORE URL``.

Prints a JSON line: posts, images, seconds of scraping, seconds of processor time of the whole process, and the most memory in MB
that was seen, every 250 posts and at the end.
"""

import json
import resource
import sys
import time
from pathlib import Path

from perennial.catalog.catalog import Catalog
from perennial.catalog.objects import Objects
from perennial.sources.scrape import scrape
from perennial.task import DemoSource, Task


def task(url: str) -> Task:
    """Return a task over the site."""
    rule = {"rule": "country", "table": "regions"}
    source = DemoSource(type="demo", base_url=url)
    return Task(name="benchmark", classes=("europe", "asia"), label=rule, sources=(source,))  # type: ignore[arg-type]


def memory_mb() -> float:
    """Return this process's memory in MB without the code of libraries, which other processes may share or not."""
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Anonymous:")) / 1024


def main() -> None:
    """Scrape and say what it took."""
    store, url = sys.argv[1:]
    memory = [memory_mb()]
    began = time.perf_counter()
    found = scrape(
        task(url),
        Catalog.open(Objects.open(store)),
        progress=lambda done, _: memory.append(memory_mb()) if done % 250 == 0 else None,
    )
    seconds = time.perf_counter() - began
    used = resource.getrusage(resource.RUSAGE_SELF)
    about = {"posts": found.posts, "images": found.images, "known": found.known, "seconds": seconds}
    print(json.dumps({**about, "cpu": used.ru_utime + used.ru_stime, "memory": max(*memory, memory_mb())}))


if __name__ == "__main__":
    main()
