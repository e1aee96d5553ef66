"""Objects under keys such as ``models/regions/ab12/model.json``: one interface to a folder and to S3."""

import datetime
import fcntl
import json
import os
import random
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import obstore
from obstore.exceptions import AlreadyExistsError, NotFoundError, PreconditionError
from obstore.store import LocalStore, S3Store

from perennial.catalog.digests import canonical, digest_of
from perennial.catalog.failures import NO_BUCKET, told
from perennial.catalog.stores import local_root, open_store, plain_http, s3_options
from perennial.errors import ObjectMissing, StoreError, StoreUnavailable

MARKERS = ("release.json", "model.json", "backbone.json")
LOCKS = ".locks"
MISSING = (FileNotFoundError, NotFoundError)


@dataclass(frozen=True, slots=True)
class Stored:
    """What a listing says of an object: its size in bytes and when it was written."""

    key: str
    size: int
    written: datetime.datetime


class Objects:
    """A store's objects; every key is a relative path with ``/`` between its parts."""

    def __init__(self, url: str, store: LocalStore | S3Store) -> None:
        self.url = url.rstrip("/")
        self._store = store
        self._root = local_root(self.url)

    @classmethod
    def open(cls, url: str, *, make: bool = True) -> "Objects":
        """Open the store at ``file:///folder`` or ``s3://bucket/prefix``; S3's endpoint and keys come from ``AWS_*``.

        A folder that isn't there is made, unless ``make`` is false.

        Raises:
            StoreUnavailable: the URL names no store, or the folder isn't there and isn't to be made.
            StoreReadOnly: the folder isn't there and can't be made.
        """
        return cls(url, open_store(url, make=make))

    def get(self, key: str) -> bytes:
        """Return an object's bytes.

        Raises:
            ObjectMissing: no object has this key.
        """
        found = self._get(key)
        if found is None:
            raise ObjectMissing(f"The store {self.url} has no object {key}. It was never written, or it was deleted.")
        return found[0]

    def exists(self, key: str) -> bool:
        """Return whether an object has this key."""
        with told(self.url, f"looking for {key}", writing=False):
            try:
                obstore.head(self._store, _checked(key))
            except MISSING as error:
                self._refuse_missing_bucket(error)
                return False
        return True

    def keys(self, prefix: str = "") -> Iterator[str]:
        """Yield the keys below ``prefix`` (whole parts, such as ``models/regions``), sorted."""
        with told(self.url, f"listing {prefix or 'everything'}", writing=False):
            try:
                pages = list(obstore.list(self._store, prefix.strip("/") or None))
            except MISSING as error:
                self._refuse_missing_bucket(error)
                return
        yield from sorted(entry["path"] for page in pages for entry in page if not entry["path"].startswith(LOCKS))

    def sizes(self) -> dict[str, int]:
        """Return the size of every object in bytes, by key."""
        with told(self.url, "listing everything", writing=False):
            try:
                pages = list(obstore.list(self._store))
            except MISSING as error:
                self._refuse_missing_bucket(error)
                return {}
        return {entry["path"]: entry["size"] for page in pages for entry in page if not entry["path"].startswith(LOCKS)}

    def stored(self, prefix: str) -> list[Stored]:
        """Return what lies below ``prefix``, as :meth:`keys` understands it, sorted by key."""
        with told(self.url, f"listing {prefix}", writing=False):
            try:
                pages = list(obstore.list(self._store, prefix.strip("/")))
            except MISSING as error:
                self._refuse_missing_bucket(error)
                return []
        found = [Stored(entry["path"], entry["size"], entry["last_modified"]) for page in pages for entry in page]
        return sorted(found, key=lambda one: one.key)

    def written(self, key: str) -> datetime.datetime | None:
        """Return when an object was written; None where there is none."""
        with told(self.url, f"looking for {key}", writing=False):
            try:
                return obstore.head(self._store, _checked(key))["last_modified"]
            except MISSING as error:
                self._refuse_missing_bucket(error)
                return None

    def copy(self, key: str, to: str) -> None:
        """Copy an object within the store, over what was there.

        Raises:
            ObjectMissing: no object has this key.
        """
        with told(self.url, f"copying {key} to {to}", writing=True):
            try:
                obstore.copy(self._store, _checked(key), _checked(to))
            except MISSING as error:
                self._refuse_missing_bucket(error)
                raise ObjectMissing(
                    f"The store {self.url} has no object {key}. It was never written, or it was deleted."
                ) from None

    def put(self, key: str, data: bytes) -> None:
        """Write an object, whole or not at all, over what was there."""
        with told(self.url, f"writing {key}", writing=True):
            obstore.put(self._store, _checked(key), data)

    def create(self, key: str, data: bytes) -> bool:
        """Write an object where there is none and return True; return False where it exists already."""
        with told(self.url, f"writing {key}", writing=True):
            try:
                obstore.put(self._store, _checked(key), data, mode="create")
            except AlreadyExistsError:
                return False
        return True

    def delete(self, key: str) -> None:
        """Delete an object; one that isn't there is no error."""
        with told(self.url, f"deleting {key}", writing=True):
            try:
                obstore.delete(self._store, _checked(key))
            except MISSING as error:
                self._refuse_missing_bucket(error)

    def delete_all(self, keys: Sequence[str]) -> None:
        """Delete objects, on S3 a thousand a request; those that aren't there are no error."""
        for start in range(0, len(keys), 1000):
            part = [_checked(key) for key in keys[start : start + 1000]]
            try:
                with told(self.url, f"deleting {part[0]} and others", writing=True):
                    obstore.delete(self._store, part)
            except StoreError as error:
                if not isinstance(error.__cause__, MISSING):
                    raise
                for key in part:
                    self.delete(key)

    def update(self, key: str, change: Callable[[bytes | None], bytes]) -> bytes:
        """Replace an object by ``change`` of what it was (None where there is none), and return what it became.

        No other update comes between reading and writing: on S3 by the object's etag, in a folder by a lock.
        ``change`` may be called several times, and may raise to leave the object as it is.
        """
        _checked(key)
        if self.is_local:
            with self.locked(key):
                found = self._get(key)
                changed = change(found[0] if found else None)
                self.put(key, changed)
                return changed
        for attempt in range(100):
            found = self._get(key)
            changed = change(found[0] if found else None)
            if self._swap(key, changed, found[1] if found else None):
                return changed
            time.sleep(random.uniform(0, min(1.0, 0.02 * 2 ** min(attempt, 6))))
        raise StoreUnavailable(f"{key} in {self.url} was changed by others 100 times in a row. Run again when they are done.")

    @property
    def is_local(self) -> bool:
        """Whether the store is a folder of this machine."""
        return self._root is not None

    @contextmanager
    def locked(self, name: str) -> Iterator[None]:
        """Be the only one, of all threads and processes, in the block of this name; for a store in a folder only."""
        if self._root is None:
            raise StoreError(f"{self.url} has no file locks; use a lease.")
        path = self._root / LOCKS / digest_of(name)
        with told(self.url, f"locking {name}", writing=True):
            path.parent.mkdir(exist_ok=True)
            lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def get_json(self, key: str) -> Any:
        """Return an object's JSON.

        Raises:
            ObjectMissing: no object has this key.
            StoreError: it isn't JSON.
        """
        try:
            return json.loads(self.get(key))
        except ValueError as error:
            raise StoreError(f"{key} in {self.url} is damaged: it isn't JSON ({error}). Delete it or restore it.") from None

    def put_json(self, key: str, document: Any) -> None:
        """Write an object as canonical JSON."""
        self.put(key, canonical(document))

    def create_json(self, key: str, document: Any) -> bool:
        """Write an object as canonical JSON where there is none; return whether it was written."""
        return self.create(key, canonical(document))

    def folder(self, prefix: str) -> Path:
        """Return a local folder with what was published under ``prefix``; from S3, a download that is kept.

        Raises:
            ObjectMissing: nothing was published there.
        """
        names = [key.removeprefix(prefix).strip("/") for key in self.keys(prefix)]
        if not set(names) & set(MARKERS):
            raise ObjectMissing(f"Nothing is published under {prefix} in {self.url}: there is none of {', '.join(MARKERS)}.")
        if self._root is not None:
            return self._root / prefix
        kept = self._kept(prefix)
        if not kept.is_dir():
            self._download(prefix, names, kept)
        return kept

    def kept(self, prefix: str) -> Path | None:
        """Return where :meth:`folder` put its download of ``prefix`` earlier, without asking the store; None if it did not."""
        kept = self._kept(prefix)
        return kept if kept.is_dir() else None

    def publish(self, prefix: str, folder: Path) -> None:
        """Copy a local folder's files below ``prefix``, its marker last; do nothing where the marker is there already.

        The marker is the file named ``release.json``, ``model.json`` or ``backbone.json``: without it, nothing is published.
        """
        files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
        markers = [name for name in MARKERS if name in files]
        if len(markers) != 1:
            raise StoreError(f"{folder} can't be published: it needs exactly one of {', '.join(MARKERS)} and has {len(markers)}.")
        if self.exists(f"{prefix}/{markers[0]}"):
            return
        files.remove(markers[0])
        for name in [*files, markers[0]]:
            with told(self.url, f"writing {prefix}/{name}", writing=True):
                obstore.put(self._store, f"{prefix}/{name}", folder / name)

    def lance_uri(self, prefix: str) -> tuple[str, dict[str, str]]:
        """Return the address of a Lance table and the options to open it with."""
        if self._root is not None:
            return str(self._root / prefix), {}
        return f"{self.url}/{prefix}", s3_options() | {"allow_http": str(plain_http()).lower()}

    def _get(self, key: str) -> tuple[bytes, str | None] | None:
        with told(self.url, f"reading {key}", writing=False):
            try:
                result = obstore.get(self._store, _checked(key))
                return bytes(result.bytes()), result.meta["e_tag"]
            except MISSING as error:
                self._refuse_missing_bucket(error)
                return None

    def _swap(self, key: str, data: bytes, etag: str | None) -> bool:
        """Write an object if it is still the one with this etag, or still absent."""
        if etag is None:
            return self.create(key, data)
        with told(self.url, f"writing {key}", writing=True):
            try:
                obstore.put(self._store, key, data, mode={"e_tag": etag})
            except (PreconditionError, *MISSING):
                return False
        return True

    def _kept(self, prefix: str) -> Path:
        return _cache() / digest_of(self.url) / prefix

    def _download(self, prefix: str, names: list[str], kept: Path) -> None:
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=kept.parent) as partial:
            for name in names:
                target = Path(partial) / "whole" / name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(self.get(f"{prefix}/{name}"))
            try:
                (Path(partial) / "whole").rename(kept)
            except OSError:
                if not kept.is_dir():
                    raise

    def _refuse_missing_bucket(self, error: Exception) -> None:
        if NO_BUCKET in str(error).lower():
            raise StoreUnavailable(
                f"The store {self.url} names a bucket that doesn't exist. Create it, or correct PERENNIAL_STORE."
            )


def _checked(key: str) -> str:
    if not key or key != key.strip("/") or any(part in ("", ".", "..") for part in key.split("/")):
        raise StoreError(f"'{key}' is no key: keys look like images/ab/abcd.jpg.")
    return key


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "perennial"
