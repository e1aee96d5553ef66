"""Stand-ins of the Wikidata query service and of Wikimedia Commons on loopback, in the shapes that their documentation gives.

The query service runs the very queries, over a small graph; only its label service, which no other store has, is imitated.
"""

import hashlib
import io
import json
import re
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

import rdflib
from PIL import Image
from rdflib.namespace import XSD

WD, WDT = rdflib.Namespace("http://www.wikidata.org/entity/"), rdflib.Namespace("http://www.wikidata.org/prop/direct/")
SCHEMA = rdflib.Namespace("http://schema.org/")
PREFIXES = {"wd": WD, "wdt": WDT, "schema": SCHEMA, "xsd": XSD}
TIMEOUT = b"SPARQL-QUERY: queryStr=SELECT ?item\njava.util.concurrent.TimeoutException\n\tat java.base/java.util\n"
_LABELS = re.compile(r"SERVICE wikibase:label \{.*?\}\s*", re.DOTALL)


def metadata(licence: str = "CC BY-SA 4.0", artist: str = "Ann Author", **more: str) -> dict[str, Any]:
    """Return a file's ``extmetadata``."""
    code = licence.lower().replace(" ", "-").replace("public-domain", "pd")
    said = {"LicenseShortName": licence, "License": code, "Artist": artist} | more
    return {key: {"value": value, "source": "commons-desc-page"} for key, value in said.items() if value}


@dataclass
class CommonsFile:
    """One file: what the API says of it beside its addresses."""

    metadata: dict[str, Any] = field(default_factory=metadata)
    mime: str = "image/jpeg"
    uploaded: str = "2020-03-04T05:06:07Z"
    size: tuple[int, int] = (3000, 2000)
    more: dict[str, Any] = field(default_factory=dict)


class Services:
    """Both services on one address; ``answers`` are given in place of the real ones: a path's next status, headers and body."""

    def __init__(self) -> None:
        self.graph = rdflib.Graph()
        self.labels: dict[str, str] = {}
        self.files: dict[str, CommonsFile] = {}
        self.redirects: dict[str, str] = {}
        self.answers: dict[str, list[tuple[int, dict[str, str], bytes]]] = {}
        self.failing = ""
        self.asked: Counter[str] = Counter()
        self.queries: list[str] = []
        self.agents: set[str] = set()
        self.titles: list[list[str]] = []
        self.most = Counter[str]()
        self._now = Counter[str]()
        self._lock = threading.Lock()
        services = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, headers, body = services.answer(self.path, self.headers["User-Agent"])
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: object) -> None:
                """Keep quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def close(self) -> None:
        """Stop."""
        self.server.shutdown()
        self.server.server_close()

    def name(self, item: str, label: str) -> rdflib.URIRef:
        """Give an item its English name."""
        self.labels[str(WD[item])] = label
        return WD[item]

    def country(self, item: str, code: str, label: str) -> None:
        """Add a country."""
        self.graph.add((self.name(item, label), WDT.P297, rdflib.Literal(code)))

    def building(self, number: int, country: str, kind: str, file: str, *, changed: str = "2020-01-01", **also: str) -> None:
        """Add an item with a file of its own; ``also`` are more properties, P149="Q1"."""
        item = self.name(f"Q{number}", f"Building {number}")
        address = f"http://commons.wikimedia.org/wiki/Special:FilePath/{quote(file)}"
        for property, value in {"P31": WD[kind], "P17": WD[country], "P18": rdflib.URIRef(address)}.items():
            self.graph.add((item, WDT[property], value))
        for property, text in also.items():
            literal = rdflib.Literal(text, datatype=XSD.dateTime)
            self.graph.add((item, WDT[property], literal if property == "P571" else WD[text]))
        self.graph.set((item, SCHEMA.dateModified, rdflib.Literal(f"{changed}T12:00:00Z", datatype=XSD.dateTime)))
        self.files.setdefault(f"File:{file}", CommonsFile())

    def answer(self, path: str, agent: str) -> tuple[int, dict[str, str], bytes]:
        """Answer a request."""
        parts = urlsplit(path)
        where = "/thumb" if parts.path.startswith("/thumb/") else parts.path
        with self._lock:
            self.asked[where] += 1
            self.agents.add(agent)
            self._now[where] += 1
            self.most[where] = max(self.most[where], self._now[where])
        try:
            waiting = self.answers.get(where)
            if waiting:
                return waiting.pop(0)
            asked = {key: values[0] for key, values in parse_qs(parts.query).items()}
            if where == "/sparql":
                return self._select(asked["query"])
            if where == "/w/api.php":
                return 200, {"Content-Type": "application/json"}, json.dumps(self._describe(asked)).encode()
            return (200, {"Content-Type": "image/jpeg"}, picture(unquote(parts.path))) if where == "/thumb" else (404, {}, b"")
        finally:
            with self._lock:
                self._now[where] -= 1

    def _select(self, query: str) -> tuple[int, dict[str, str], bytes]:
        self.queries.append(query)
        if self.failing and self.failing in query:
            return 500, {}, TIMEOUT
        rows = []
        for row in self.graph.query(_LABELS.sub("", query), initNs=PREFIXES).bindings:  # type: ignore[arg-type]
            cells = {str(name): _cell(value) for name, value in row.items()}
            for name in ("item", "value"):
                if f"?{name}Label" in query and name in cells:
                    value = cells[name]["value"]
                    label = self.labels.get(value, value.rpartition("/")[2])
                    cells[f"{name}Label"] = {"xml:lang": "en", "type": "literal", "value": label}
            rows.append(cells)
        document = {"head": {"vars": sorted({name for row in rows for name in row})}, "results": {"bindings": rows}}
        return 200, {"Content-Type": "application/sparql-results+json"}, json.dumps(document).encode()

    def _describe(self, asked: dict[str, str]) -> dict[str, Any]:
        titles = asked["titles"].split("|")
        self.titles.append(titles)
        moved = [{"from": title, "to": self.redirects[title]} for title in titles if title in self.redirects]
        pages = []
        for title in dict.fromkeys(self.redirects.get(title, title) for title in titles):
            pages.append(self._page(title, int(asked["iiurlwidth"])))
        return {"batchcomplete": True, "query": ({"redirects": moved} if moved else {}) | {"pages": pages}}

    def _page(self, title: str, width: int) -> dict[str, Any]:
        file = self.files.get(title)
        if file is None:
            return {"ns": 6, "title": title, "missing": True, "imagerepository": ""}
        name = quote(title.removeprefix("File:").replace(" ", "_"))
        info = {
            "timestamp": file.uploaded,
            "size": 1_234_567,
            "width": file.size[0],
            "height": file.size[1],
            "thumburl": f"{self.url}/thumb/{name}/{width}px-{name}",
            "thumbwidth": width,
            "url": f"{self.url}/original/{name}",
            "descriptionurl": f"https://commons.wikimedia.org/wiki/File:{name}",
            "sha1": hashlib.sha1(title.encode(), usedforsecurity=False).hexdigest(),
            "mime": file.mime,
            "extmetadata": file.metadata,
        }
        shown = {key: value for key, value in (info | file.more).items() if value is not None}
        return {"pageid": 1, "ns": 6, "title": title, "imagerepository": "local", "imageinfo": [shown]}


def picture(name: str) -> bytes:
    """Return a JPEG that no other name has."""
    digest = hashlib.sha256(name.encode()).digest()
    image = Image.frombytes("RGB", (4, 2), digest[:24]).resize((96, 64))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG")
    return buffer.getvalue()


def _cell(value: Any) -> dict[str, str]:
    if isinstance(value, rdflib.URIRef):
        return {"type": "uri", "value": str(value)}
    datatype = {"datatype": str(value.datatype)} if value.datatype else {}
    return {"type": "literal", "value": str(value), **datatype}


def served() -> Iterator[Services]:
    """Serve while a test runs."""
    services = Services()
    yield services
    services.close()
