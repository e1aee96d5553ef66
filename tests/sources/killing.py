"""Scraping in a process of its own that is killed -9 again and again, and what must hold afterwards."""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from perennial.catalog.catalog import Catalog
from perennial.catalog.objects import Objects
from perennial.settings import Settings
from perennial.sources.demo import DemoSource
from perennial.sources.scrape import open_source, scrape
from perennial.sources.state import State
from tests.sources.conftest import CountingSite, demo_task

PATIENCE_S = 120.0


def scraped_though_killed(site: CountingSite, folder: Path, kills: int, seed: int) -> Counter[str]:
    """Scrape a site into a store, killed so many times at seeded moments, and compare with a run that nobody disturbed.

    Returns what the site was asked for. An image that was set down before a kill is never asked for again; one whose answer was
    on its way at a kill may be, so that there are at most as many of those as the source has workers, for each kill.
    """
    moments = random.Random(seed)
    disturbed = Catalog.open(Objects.open((folder / "disturbed").as_uri()))
    pictures = sum(len(post.kinds) for post in site.posts())
    settled: list[dict[str, int]] = []
    for share in sorted(moments.uniform(0.02, 0.97) for _ in range(kills)):
        _killed(disturbed.objects.url, site, int(share * pictures), moments.uniform(0, 0.25))
        settled.append({name: site.asked[name] for name in _set_down(disturbed, site)})
    assert _started(disturbed.objects.url, site.url).wait(PATIENCE_S) == 0
    asked = site.asked.copy()
    assert [name for counts in settled for name, count in counts.items() if asked[name] > count] == []
    images = {path: count for path, count in asked.items() if path.startswith("/media/")}
    assert len(images) == pictures
    assert sum(images.values()) - pictures <= kills * _workers(site)
    calm = Catalog.open(Objects.open((folder / "calm").as_uri()))
    scrape(demo_task(site.url), calm)
    assert disturbed.images().to_pylist() == calm.images().to_pylist()
    assert list(disturbed.objects.keys("sources")) == list(calm.objects.keys("sources"))
    assert scrape(demo_task(site.url), disturbed).posts == 0
    return asked


def _killed(store: str, site: CountingSite, pictures: int, later_s: float) -> None:
    """Start a run and kill it so many seconds after the site was asked for this many pictures."""
    child = _started(store, site.url)
    deadline = time.monotonic() + PATIENCE_S
    while child.poll() is None and site.pictures_asked < pictures and time.monotonic() < deadline:
        time.sleep(0.002)
    time.sleep(later_s)
    assert child.poll() is None, "the run was over before it could be killed"
    os.kill(child.pid, signal.SIGKILL)
    child.wait(PATIENCE_S)
    time.sleep(3 * site.delay_s + 0.05)


def _started(store: str, url: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "tests.sources.killing", store, url])


def _set_down(catalog: Catalog, site: CountingSite) -> set[str]:
    """Return the images that the store knows of, of those that the site was asked for."""
    source = open_source(demo_task(site.url).sources[0], catalog.objects, Settings())
    assert isinstance(source, DemoSource)
    source.close()
    state = State(catalog.objects, source.key)
    asked = [path for path in site.asked.copy() if path.startswith("/media/")]
    return state.fetched(asked) | {record.image for record in state.journal.read()}


def _workers(site: CountingSite) -> int:
    source = DemoSource(site.url)
    source.close()
    return source.workers


if __name__ == "__main__":
    scrape(demo_task(sys.argv[2]), Catalog.open(Objects.open(sys.argv[1])))
