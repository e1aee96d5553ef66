"""What a page was when it was last read to the end: what the host called it, and its digest."""

from dataclasses import asdict, dataclass

from perennial.catalog.digests import digest_of, digest_of_bytes
from perennial.sources.web.notes import Notes

LONGEST = 1000


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a page: the ``address`` that gave it, its ETag, Last-Modified and sha256."""

    address: str = ""
    etag: str = ""
    modified: str = ""
    sha256: str = ""

    def questions(self, address: str) -> list[tuple[str, str]]:
        """Return the headers that ask ``address`` for another version."""
        if address != self.address:
            return []
        return [(name, value) for name, value in (("If-None-Match", self.etag), ("If-Modified-Since", self.modified)) if value]


UNKNOWN = Version()


class Validators:
    """Versions by URL, each an object of its own: ``sources/validators/<digest of the URL>.json``."""

    def __init__(self, notes: Notes) -> None:
        self._notes = notes
        self._read: dict[str, Version] = {}

    def known(self, url: str) -> Version:
        """Return the version that was dealt with last; an empty one where none was."""
        found = self._notes.read(_key(url))
        return Version(**{name: str(found.get(name, "")) for name in Version.__slots__}) if found else UNKNOWN

    def seen(self, url: str, version: Version) -> None:
        """Hold what was read until it is confirmed."""
        self._read[url] = version

    def confirm(self, url: str) -> None:
        """Keep what was read last."""
        version = self._read.pop(url, None)
        if version:
            self._notes.update(_key(url), lambda _: {"url": url, **asdict(version)})


def version(address: str, etag: str, modified: str, body: bytes) -> Version:
    """Return the version of a page; headers that are too long to send back are left out."""
    kept = [text if len(text) <= LONGEST and text.isascii() and text.isprintable() else "" for text in (etag, modified)]
    return Version(address, kept[0], kept[1], digest_of_bytes(body))


def _key(url: str) -> str:
    return f"sources/validators/{digest_of(url)[:32]}.json"
