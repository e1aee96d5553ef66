"""Digests of documents and bytes: the names of everything that never changes."""

import hashlib
import json
from typing import Any


def canonical(document: Any) -> bytes:
    """Return a JSON-able document as its one canonical spelling in UTF-8."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def digest_of(document: Any) -> str:
    """Return the sha256, in hex, of a JSON-able document's canonical spelling."""
    return digest_of_bytes(canonical(document))


def digest_of_bytes(data: bytes) -> str:
    """Return the sha256 of ``data`` in hex."""
    return hashlib.sha256(data).hexdigest()
