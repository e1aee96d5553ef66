"""Fetching a release and its backbones to this machine, and serving what was fetched while the store is away."""

import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from perennial.backbones.description import read_description
from perennial.catalog.objects import Objects
from perennial.errors import BackboneError, EndpointError, ModelError
from perennial.serving.releases import backbone_folder, read_release, release_prefix

T = TypeVar("T")
_DIGEST = re.compile(r"[0-9a-f]{64}")


class Fetched(Objects):
    """A store whose published folders are taken from this machine where they were fetched before; those never change."""

    def folder(self, prefix: str) -> Path:
        """Return what was fetched, without asking the store, else what :meth:`Objects.folder` does."""
        return self.kept(prefix) or super().folder(prefix)


@dataclass(frozen=True)
class Fetch:
    """A release on this machine, all digests checked: its folder, and its backbones' by digest."""

    folder: Path
    backbones: dict[str, Path]

    @property
    def bytes(self) -> int:
        """The size of all files."""
        folders = (self.folder, *self.backbones.values())
        return sum(path.stat().st_size for folder in folders for path in folder.rglob("*") if path.is_file())


def release_name(digest: str) -> str:
    """Return a release's digest as it was given.

    Raises:
        EndpointError: it can't be one.
    """
    if not _DIGEST.fullmatch(digest):
        raise EndpointError(f"'{digest}' names no release. Give all 64 digits of its digest, as 'perennial releases' lists them.")
    return digest


def fetch(store: str, endpoint: str, digest: str) -> Fetch:
    """Fetch a release and its backbones from the store at this URL; what is here already isn't fetched again.

    Raises:
        EndpointError: this can't be a release's digest.
        ModelError: the release is missing or damaged.
        BackboneError: a backbone is missing or damaged.
        StoreError: the store can't be read.
    """
    objects, prefix = Fetched.open(store), release_prefix(endpoint, release_name(digest))
    folder, file = _whole(objects, prefix, partial(read_release, objects, endpoint, digest))
    backbones = {}
    for name in sorted({served.backbone for served in file.tasks.values()}):
        backbones[name] = _whole(objects, f"backbones/{name}", partial(_backbone, objects, prefix, name))
    return Fetch(folder, backbones)


def _backbone(objects: Objects, release: str, digest: str) -> Path:
    folder = backbone_folder(objects, release, digest)
    read_description(folder, digest)
    return folder


def _whole(objects: Objects, prefix: str, read: Callable[[], T]) -> T:
    """Read what was published; a copy from before that was damaged meanwhile is fetched again."""
    try:
        return read()
    except (ModelError, BackboneError):
        kept = objects.kept(prefix)
        if kept is None:
            raise
        shutil.rmtree(kept)
        return read()
