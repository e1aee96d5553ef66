"""Quarantine: what a source offered and the catalog refused, with the reason."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass

from perennial.catalog.digests import digest_of_bytes
from perennial.catalog.objects import Objects

FOLDER = "quarantine"
KEPT_BYTES = 1 << 20
READERS = 16


@dataclass(frozen=True, slots=True)
class Quarantined:
    """One refused thing; ``size`` is its size in bytes, of which the first mebibyte is kept beside the record."""

    source: str
    name: str
    reason: str
    digest: str
    size: int


def quarantine(objects: Objects, source: str, name: str, data: bytes | None, reason: str) -> None:
    """Keep refused bytes (or None where there are none) with the reason; the same thing twice is kept once."""
    digest = digest_of_bytes(data if data is not None else name.encode())
    if data is not None:
        objects.create(f"{FOLDER}/{source}/{digest}.bin", data[:KEPT_BYTES])
    record = Quarantined(source, name, reason, digest, len(data) if data is not None else 0)
    objects.create_json(f"{FOLDER}/{source}/{digest}.json", asdict(record))


def quarantined(objects: Objects, source: str = "") -> list[Quarantined]:
    """Return everything in quarantine, or what came from one source, by source and digest."""
    keys = [key for key in _records(objects) if not source or _source(key) == source]
    with ThreadPoolExecutor(READERS) as pool:
        return [Quarantined(**record) for record in pool.map(objects.get_json, keys)]


def counts(objects: Objects) -> dict[str, int]:
    """Return how many things lie in quarantine by source, without reading them."""
    return dict(sorted(Counter(map(_source, _records(objects))).items()))


def drop(objects: Objects, record: Quarantined) -> None:
    """Delete what was refused, and last its record, so that a killed drop can be done again."""
    at = f"{FOLDER}/{record.source}/{record.digest}"
    for key in sorted(objects.keys(f"{FOLDER}/{record.source}"), key=lambda key: key.endswith(".json")):
        if key.startswith(f"{at}."):
            objects.delete(key)


def _records(objects: Objects) -> list[str]:
    return [key for key in objects.keys(FOLDER) if key.endswith(".json")]


def _source(key: str) -> str:
    return key.removeprefix(f"{FOLDER}/").rpartition("/")[0]
