"""Quarantine: what a source offered and the catalog refused, with the reason."""

from dataclasses import asdict, dataclass

from perennial.catalog.digests import digest_of_bytes
from perennial.catalog.objects import Objects

FOLDER = "quarantine"
KEPT_BYTES = 1 << 20


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


def quarantined(objects: Objects) -> list[Quarantined]:
    """Return everything in quarantine, by source and digest."""
    return [Quarantined(**objects.get_json(key)) for key in objects.keys(FOLDER) if key.endswith(".json")]
