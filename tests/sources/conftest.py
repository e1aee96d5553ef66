"""A store, the demo's site and a small web, all real and on this machine."""

import datetime
import threading
import time
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from perennial.catalog.catalog import Catalog
from perennial.catalog.objects import Objects
from perennial.sources.demo_site.posts import first_day
from perennial.sources.demo_site.server import DemoSite
from perennial.task import DemoSource, FolderSource, Task

EIGHT = ("africa", "asia", "australia", "central-america", "europe", "middle-east", "north-america", "south-america")


class Web:
    """A web server that answers from ``pages``: path → (status, headers, body), or a list of answers, one a time."""

    def __init__(self) -> None:
        self.pages: dict[str, Any] = {}
        self.asked: Counter[str] = Counter()
        web = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                web.asked[self.path] += 1
                answer = web.pages.get(self.path, (404, {}, b""))
                if isinstance(answer, list):
                    answer = answer.pop(0) if len(answer) > 1 else answer[0]
                status, headers, body = answer
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **headers}.items():
                    if value is not None:
                        self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: object) -> None:
                """Keep quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


class CountingSite(DemoSite):
    """The demo's site, counting what is asked for; addresses in ``gone`` aren't there, and ``broken`` cuts all pictures off.

    ``delay_s`` is how long it thinks about each answer.
    """

    def __init__(self, *, delay_s: float = 0.0, **options: Any) -> None:
        super().__init__(**options)
        self.delay_s = delay_s
        self.asked: Counter[str] = Counter()
        self.gone: set[str] = set()
        self.broken_after: int | None = None

    @property
    def pictures_asked(self) -> int:
        return sum(count for path, count in self.asked.copy().items() if path.startswith("/media/"))

    def answer(self, path: str, query: str) -> tuple[str, bytes] | None:
        self.asked[path] += 1
        time.sleep(self.delay_s)
        if self.broken_after is not None and path.startswith("/media/") and self.pictures_asked > self.broken_after:
            raise ConnectionError("the site is down")
        return None if path in self.gone else super().answer(path, query)


@pytest.fixture
def web() -> Iterator[Web]:
    web = Web()
    yield web
    web.close()


@pytest.fixture
def site() -> Iterator[CountingSite]:
    """The site with its first eight days, 40 posts."""
    site = CountingSite(seed=0, today=first_day() + datetime.timedelta(days=7))
    with site:
        yield site


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    return Catalog.open(Objects.open((tmp_path / "store").as_uri()))


def demo_task(url: str) -> Task:
    rule = {"rule": "country", "table": "regions"}
    return Task(name="demo", classes=EIGHT, label=rule, sources=(DemoSource(type="demo", base_url=url),))  # type: ignore[arg-type]


def folder_task(path: Path, *classes: str) -> Task:
    source = FolderSource(type="folder", path=path)
    return Task(name="own", classes=classes, label={"rule": "folder"}, sources=(source,))  # type: ignore[arg-type]
