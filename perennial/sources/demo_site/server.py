"""The demo site's web server, on loopback unless told otherwise."""

import contextlib
import datetime
import functools
import hashlib
import random
import re
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from perennial.errors import PortInUse
from perennial.sources.demo_site import lists, pages
from perennial.sources.demo_site.articles import find_article
from perennial.sources.demo_site.drawing import draw
from perennial.sources.demo_site.posts import DemoPost, find, image_id, posts_until, traits

HOST = "127.0.0.1"
_POST = re.compile(r"/(\d+)/[^/]+(/[^/]+)?")
_FRONT = re.compile(r"/|/page/(\d{1,9})")
_SITEMAP = re.compile(r"/sitemaps/(\d{4}-\d\d)\.xml\.gz")
_PICTURE = re.compile(r"/media/images/((?:[0-9a-f]{4}/){6})\w+/[^/]+\.jpg")


class DemoSite:
    """A site with the same buildings for the same seed; it lists those published up to ``today``, which may be set.

    Works as a context manager, which starts and stops it.
    """

    def __init__(self, *, seed: int, today: datetime.date, port: int = 0, host: str = HOST, url: str = "") -> None:
        """Prepare the site; port 0 takes a free one, and ``url`` is what its pages call it where others reach it by a name."""
        self.seed = seed
        self.today = today
        self._port = port
        self._host = host
        self._url = url.rstrip("/")
        self._server: _Server | None = None

    @property
    def url(self) -> str:
        """The address, without a slash at the end."""
        return self._url or f"http://{self._host}:{self._server.server_address[1] if self._server else self._port}"

    def start(self) -> "DemoSite":
        """Listen and answer, in threads that end with the process.

        Raises:
            PortInUse: another process listens on the port.
        """
        try:
            self._server = _Server((self._host, self._port), self)
        except OSError as error:
            raise PortInUse(
                f"The demo site can't listen on {self._host}:{self._port}: {(error.strerror or str(error)).lower()}. "
                "Stop what listens there, or give another port."
            ) from None
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, name="demo-site", daemon=True).start()
        return self

    def stop(self) -> None:
        """Stop listening and close every connection."""
        if self._server:
            self._port = self._server.server_address[1]
            self._server.close()
            self._server = None

    def __enter__(self) -> "DemoSite":
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def posts(self) -> list[DemoPost]:
        """Return what is published, newest first."""
        return posts_until(self.seed, self.today)

    def picture(self, post: DemoPost, index: int) -> bytes:
        """Return a post's picture as a JPEG."""
        return _drawn(self.seed, post, index)

    def answer(self, path: str, query: str) -> tuple[str, bytes] | None:
        """Return content type and body for an address, or None where there is nothing."""
        if path == "/search/api/v1/us/projects":
            number = parse_qs(query).get("page", ["1"])[0]
            body = pages.listing(self.posts(), max(1, int(number)), self.seed, self.url) if number.isdecimal() else ""
            return ("application/json", body.encode()) if body else None
        if picture := _PICTURE.fullmatch(path):
            return self._find_picture(picture[1].replace("/", ""))
        if page := _POST.fullmatch(path):
            return _html(self._page(int(page[1]), gallery=bool(page[2])))
        return self._list(path)

    def _page(self, number: int, *, gallery: bool) -> str:
        post, article = self._published(number), find_article(number)
        if post:
            return (pages.gallery if gallery else pages.project)(post, self.seed, self.url)
        return pages.article(article) if article and article.day <= self.today and not gallery else ""

    def _list(self, path: str) -> tuple[str, bytes] | None:
        if path == "/robots.txt":
            return "text/plain", lists.robots(self.url).encode()
        if path == "/sitemap.xml":
            return "application/x-gzip", lists.sitemap_index(self.posts(), self.url)
        if month := _SITEMAP.fullmatch(path):
            found = lists.sitemap(self.posts(), month[1], self.url)
            return ("application/x-gzip", found) if found else None
        if page := _FRONT.fullmatch(path):
            return _html(lists.front_page(self.posts(), max(1, int(page[1] or 1)), self.url))
        return None

    def _find_picture(self, name: str) -> tuple[str, bytes] | None:
        post, index = self._published(int(name[:8], 16)), int(name[8:10], 16)
        if post is None or index >= len(post.kinds) or image_id(self.seed, post.id, index) != name:
            return None
        return "image/jpeg", self.picture(post, index)

    def _published(self, post_id: int) -> DemoPost | None:
        post = find(self.seed, post_id)
        return post if post and post.day <= self.today else None


@functools.lru_cache(maxsize=256)
def _drawn(seed: int, post: DemoPost, index: int) -> bytes:
    style = traits(seed, post.id, post.region, post.day)
    return draw(style, post.kinds[index], random.Random(f"{seed}/{post.id}/{index}"))


def _html(body: str) -> tuple[str, bytes] | None:
    return ("text/html; charset=utf-8", body.encode()) if body else None


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else head and body, sent apart, wait 40 ms for each other
    server: "_Server"

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        found = self.server.site.answer(unquote(address.path), address.query)
        kind, body = found or ("text/plain", b"Not found")
        tag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
        status = 404 if not found else 304 if self.headers.get("If-None-Match") == tag else 200
        body = b"" if status == 304 else body
        self.send_response(status)
        self.send_header("ETag", tag)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Keep quiet."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], site: DemoSite) -> None:
        self.site = site
        self._open: set[socket.socket] = set()
        super().__init__(address, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A visitor who hangs up is no error."""

    def close(self) -> None:
        self.shutdown()
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self.server_close()
