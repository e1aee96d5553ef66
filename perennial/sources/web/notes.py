"""Small JSON documents that outlive a run: in the store, or in memory for a source that needs none kept."""

import json
import threading
from collections.abc import Callable
from typing import Any

from perennial.catalog.digests import canonical
from perennial.catalog.objects import Objects
from perennial.errors import ObjectMissing, StoreError

Document = dict[str, Any]


class Notes:
    """Documents by key; changes of several processes at once follow one another."""

    def __init__(self, objects: Objects | None) -> None:
        self._objects = objects
        self._kept: dict[str, Document] = {}
        self._lock = threading.Lock()

    def read(self, key: str) -> Document:
        """Return a document; an empty one where there is none.

        Raises:
            StoreError: it is damaged.
        """
        if self._objects is None:
            return self._kept.get(key, {})
        try:
            return _document(key, self._objects.get(key))
        except ObjectMissing:
            return {}

    def update(self, key: str, change: Callable[[Document], Document]) -> Document:
        """Replace a document by ``change`` of it, which may be called several times, and return what it became."""
        if self._objects is None:
            with self._lock:
                self._kept[key] = change(self._kept.get(key, {}))
                return self._kept[key]
        return _document(key, self._objects.update(key, lambda old: canonical(change(_document(key, old) if old else {}))))


def _document(key: str, data: bytes) -> Document:
    try:
        found = json.loads(data)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise StoreError(f"{key} in the store is damaged: it isn't a JSON object. Delete it, and it is begun anew.")
    return found
