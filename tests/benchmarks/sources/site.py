"""A site in ArchDaily's shapes, fast enough not to be what is measured: ``python -m tests.benchmarks.sources.site POSTS``.

Pages are put together when they are asked for, in some microseconds; pictures are drawn before the port is printed, but for the
smallest, which take as little. Post N was published N // 12 days after the first, and shows ``--images`` pictures.
"""

import argparse
import asyncio
import datetime
import hashlib
import html
import io
import json
import re

import numpy as np
from PIL import Image

FIRST = datetime.date(2000, 1, 1)
POSTS_A_DAY = 12
PAGE_POSTS = 18
SMALLEST = 32
_POST = re.compile(r"/(\d+)/[^/]+(/gallery)?")
_PICTURE = re.compile(r"/media/images/((?:[0-9a-f]{4}/){6})large_jpg/.+\.jpg")


class Site:
    """The site's answers."""

    def __init__(self, posts: int, images: int, side: int, url: str = "") -> None:
        self.posts, self.images, self.side, self.url = posts, images, side, url
        names = [(post, index) for post in range(1, posts + 1) for index in range(images)] if side > SMALLEST else []
        self._drawn = {name: drawn(*name, side) for name in names}

    def answer(self, path: str) -> tuple[str, bytes] | None:
        """Return content type and body."""
        if path.startswith("/search/api/v1/us/projects?page="):
            return "application/json", self._listing(int(path.rpartition("=")[2]))
        if found := _PICTURE.fullmatch(path):
            digits = found[1].replace("/", "")
            name = int(digits[:12], 16), int(digits[12:], 16)
            return "image/jpeg", self._drawn.get(name) or drawn(*name, self.side)
        if found := _POST.fullmatch(path):
            number = int(found[1])
            return "text/html; charset=utf-8", (self._gallery(number) if found[2] else self._project(number)).encode()
        return None

    def _listing(self, page: int) -> bytes:
        newest = self.posts - (page - 1) * PAGE_POSTS
        entries = [self._entry(number) for number in range(newest, max(0, newest - PAGE_POSTS), -1)]
        return json.dumps({"total_results": self.posts, "results": entries}).encode()

    def _entry(self, number: int) -> dict[str, object]:
        return {
            "document_id": str(number),
            "title": f"House {number} / Office",
            "url": f"{self.url}/{number}/house-{number}",
            "location": "Porto, Portugal",
            "year": "2025",
            "publication_date": _published(number),
            "document_type": "Project",
            "offices": [{"name": "Office"}],
        }

    def _project(self, number: int) -> str:
        gallery = f"{self.url}/{number}/house-{number}/gallery"
        metas = {
            "articleid": number,
            "publishtime": _published(number),
            "project-location": "Porto,Porto,Portugal",
            "project-year": 2025,
            "project-office": "Office",
            "project-category-tier-1": "Houses",
            "project-photographer": "A. Lens",
        }
        tags = "\n".join(f'<meta name="cXenseParse:{name}" content="{value}">' for name, value in metas.items())
        return (
            f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>House {number}</title>\n{tags}\n'
            '<meta property="archdaily:type" content="Selected Projects"></head>\n'
            f'<body><h1 class="afd-title-big">House {number} / Office</h1>\n<p class="afd-specs__header-location">Porto</p>\n'
            f'<div id="gallery-thumbs"><a class="gallery-thumbs-link" href="{gallery}"></a></div>\n'
            f"{_PROSE}</body></html>\n"
        )

    def _gallery(self, number: int) -> str:
        items = [
            {
                "type": "MediaPicture",
                "caption": f"Exterior Photography, House {number}",
                "link": f"{self.url}/{number}/house-{number}/gallery",
                "url_large": self._address(number, index),
            }
            for index in range(self.images)
        ]
        return (
            f'<!DOCTYPE html>\n<html lang="en"><head><title>House {number}</title></head>\n'
            f'<body><div id="gallery-items" data-images="{html.escape(json.dumps(items))}"></div></body></html>\n'
        )

    def _address(self, number: int, index: int) -> str:
        digits = f"{number:012x}{index:012x}"
        parts = "/".join(digits[at : at + 4] for at in range(0, 24, 4))
        return f"{self.url}/media/images/{parts}/large_jpg/house-{number}-photo-{index:02d}.jpg"


_PROSE = "\n".join(f"<p>Paragraph {number} of what the architects say about their building.</p>" for number in range(40))


def drawn(post: int, index: int, side: int) -> bytes:
    """Return a JPEG that shows coarse noise, which no other picture has."""
    seed = hashlib.sha256(f"{post}/{index}".encode()).digest()
    coarse = Image.fromarray(np.frombuffer(seed * 6, np.uint8).reshape(8, 8, 3))
    data = io.BytesIO()
    coarse.resize((side, side * 3 // 4), Image.Resampling.BILINEAR).save(data, "JPEG", quality=85)
    return data.getvalue()


def _published(number: int) -> str:
    return f"{FIRST + datetime.timedelta(days=number // POSTS_A_DAY)}T07:00:00Z"


class _Answers(asyncio.Protocol):
    """HTTP/1.1 with connections that stay open, GET alone, and nothing else."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._read = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._read += data
        while b"\r\n\r\n" in self._read:
            head, _, self._read = self._read.partition(b"\r\n\r\n")
            found = self._site.answer(head.split(b" ", 2)[1].decode())
            kind, body = found or ("text/plain", b"Not found")
            status = "200 OK" if found else "404 Not Found"
            top = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
            self._transport.write(top.encode() + body)  # type: ignore[attr-defined]


async def _serve(site: Site) -> None:
    server = await asyncio.get_running_loop().create_server(lambda: _Answers(site), "127.0.0.1", 0)
    site.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    print(site.url, flush=True)
    await server.serve_forever()


def main() -> None:
    """Print the site's address once it is ready, and serve until killed."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.sources.site", description=__doc__)
    parser.add_argument("posts", type=int)
    parser.add_argument("--images", type=int, default=2, help="pictures of a post")
    parser.add_argument("--side", type=int, default=SMALLEST, help="longer side of a picture in pixels")
    chosen = parser.parse_args()
    asyncio.run(_serve(Site(chosen.posts, chosen.images, chosen.side)))


if __name__ == "__main__":
    main()
