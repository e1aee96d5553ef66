"""Scraping: with nothing new after a long history, beside Scrapy on the same site, and the memory of a long run.

The site is ``sources/site.py`` in a process of its own on loopback. Scrapy has an environment of its own, of what
``sources/requirements.txt`` says; ``python -m tests.benchmarks.bench_sources`` resolves that again.
"""

import contextlib
import datetime
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from perennial.catalog.objects import Objects
from perennial.sources.demo import DemoSource
from perennial.sources.fetched import Fetched, Taken
from perennial.sources.posts import Post
from perennial.sources.state import State
from tests.benchmarks.rows import Row
from tests.benchmarks.serving.places import lock, python_of
from tests.benchmarks.sources.site import FIRST, POSTS_A_DAY

HERE = Path(__file__).parent / "sources"
LOCK = HERE / "requirements.txt"
NEEDS = "scrapy pillow"
SIDE = 240
IMAGES = 2


def run(quick: bool = False) -> list[Row]:
    """Measure; with ``quick``, less of everything."""
    return [known(quick), beside_scrapy(quick), memory(quick)]


def known(quick: bool) -> Row:
    """Compare runs with nothing new after histories of 1,000 posts and 100,000, in processor time of whole processes."""
    short, long = (1_000, 10_000) if quick else (1_000, 100_000)
    taken: dict[int, list[float]] = {short: [], long: []}
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        places = {posts: (_history(Path(folder) / str(posts), posts), stack.enter_context(site(posts, 1))) for posts in taken}
        for _ in range(3 if quick else 9):
            for posts, (store, url) in places.items():
                found = scraped(store, url)
                assert (found["posts"], found["known"]) == (0, posts)
                taken[posts].append(found["cpu"])
    middle = {posts: statistics.median(seconds) for posts, seconds in taken.items()}
    figures = f"{middle[long]:.2f} s with {long:,} known posts / {middle[short]:.2f} s with {short:,}"
    note = f"processor time of a whole process, median of {len(taken[long])} by turns: {figures}"
    return Row("run with nothing new, long history / short", middle[long] / middle[short], "≤ 1.5", "x", note)


def beside_scrapy(quick: bool) -> Row:
    """Compare posts a second with Scrapy's, by turns; every post has the same number of images, so theirs compare alike."""
    posts, rounds = (200, 2) if quick else (1_000, 5)
    python = python_of("scrapy", LOCK)
    ratios, ours, theirs = [], [], []
    with site(posts, IMAGES, SIDE) as url:
        for _ in range(rounds):
            with tempfile.TemporaryDirectory() as folder:
                began = time.perf_counter()
                found = scraped((Path(folder) / "store").as_uri(), url)
                ours.append(time.perf_counter() - began)
                assert (found["posts"], found["images"]) == (posts, posts * IMAGES)
                began = time.perf_counter()
                subprocess.run([python, HERE / "spider.py", url, folder], check=True)
                theirs.append(time.perf_counter() - began)
                assert len((Path(folder) / "items.jsonl").read_text().splitlines()) == posts
                assert len(list((Path(folder) / "images" / "full").iterdir())) == posts * IMAGES
                ratios.append(theirs[-1] / ours[-1])
    mine, its = (posts / statistics.median(seconds) for seconds in (ours, theirs))
    note = (
        f"{posts:,} posts with {IMAGES} pictures of {SIDE} pixels each, whole processes, median of {rounds} by turns: "
        f"{mine:.0f} posts/s and {IMAGES * mine:.0f} images/s, Scrapy {its:.0f} and {IMAGES * its:.0f}; "
        "Perennial decodes and encodes each picture again, Scrapy keeps a JPEG as it is"
    )
    return Row("posts and images a second / Scrapy's", statistics.median(ratios), "≥ 1", "x", note)


def memory(quick: bool) -> Row:
    """Compare the most memory that a run of 50,000 posts takes with that of one of 1,000."""
    short, long = 1_000, 5_000 if quick else 50_000
    most = {}
    for posts in (short, long):
        with tempfile.TemporaryDirectory() as folder, site(posts, 1) as url:
            most[posts] = scraped((Path(folder) / "store").as_uri(), url)["memory"]
    note = f"{most[short]:.0f} MB with {short:,} posts, {most[long]:.0f} MB with {long:,}, one small picture each"
    return Row("memory of one run, growth", most[long] - most[short], "≤ 50", "MB", note)


@contextlib.contextmanager
def site(posts: int, images: int, side: int = 32) -> Iterator[str]:
    """Yield the address of the site."""
    command = [sys.executable, "-m", "tests.benchmarks.sources.site", str(posts), f"--images={images}", f"--side={side}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.kill()


def scraped(store: str, url: str) -> dict[str, Any]:
    """Run over the site in a process of its own and return what it says."""
    command = [sys.executable, "-m", "tests.benchmarks.sources.child", store, url]
    ended = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PERENNIAL_HOME": "/nonexistent"})
    if ended.returncode:
        raise RuntimeError(ended.stderr)
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


def _history(folder: Path, posts: int) -> str:
    """Write what is known after so many posts of the site, and return the store."""
    objects = Objects.open(folder.as_uri())
    source = DemoSource("http://127.0.0.1")
    source.close()
    state = State(objects, source.key, source.parser)
    for start in range(1, posts + 1, 5_000):
        numbers = range(start, min(posts + 1, start + 5_000))
        chunk = [Taken(Post(str(number), "", FIRST + datetime.timedelta(days=number // POSTS_A_DAY), "")) for number in numbers]
        state.remember(chunk, [Fetched(f"/media/{number}", "taken", 0, "0" * 64) for number in numbers])
    state.complete({}, None)
    return objects.url


if __name__ == "__main__":
    lock(NEEDS, LOCK)
