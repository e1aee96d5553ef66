"""Reading a release: the immutable folder that an endpoint serves.

::

    releases/<endpoint>/<digest>/
      release.json                 tasks → model, version and backbone; the server's code; every other file's sha256
      heads/<task>/                model.json, head.safetensors
      golden.json, golden/*.jpg    images with the answers that were computed offline
      neighbours/<task>.json       training images that explain answers, <task>.safetensors their vectors; not in older releases
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, SerializerFunctionWrapHandler, ValidationError, model_serializer

from perennial.backbones.engines import Backbone
from perennial.catalog.digests import digest_of
from perennial.catalog.objects import Objects
from perennial.errors import BackboneError, ModelError, ObjectMissing
from perennial.learning.head import Head
from perennial.serving.neighbours import Neighbours

FORMAT = 1
FILE = "release.json"
GOLDEN = "golden.json"


class ServedModel(BaseModel):
    """What answers for one task, and whether the pictures that it is asked about are kept."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    version: int
    backbone: str
    keep_pictures: bool = False

    @model_serializer(mode="wrap")
    def _told(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out what releases had no word for before, so that they keep their digests and older servers read new ones."""
        document: dict[str, Any] = write(self)
        return document if self.keep_pictures else {name: value for name, value in document.items() if name != "keep_pictures"}


class ReleaseFile(BaseModel):
    """The content of ``release.json``; its digest names the release."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int = FORMAT
    endpoint: str
    tasks: dict[str, ServedModel]
    code: str
    files: dict[str, str]

    @property
    def digest(self) -> str:
        """Sha256 of the canonical JSON, which covers every file of the release."""
        return digest_of(self.model_dump(mode="json"))


class GoldenImage(BaseModel):
    """An image of a release with the probabilities that were computed offline, by class."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    image: str
    task: str
    probabilities: dict[str, float]


@dataclass(frozen=True)
class Release:
    """A release in memory, ready to answer; ``neighbours`` lacks a task whose release was made without."""

    digest: str
    tasks: Mapping[str, ServedModel]
    heads: Mapping[str, Head]
    backbones: Mapping[str, Backbone]
    neighbours: Mapping[str, Neighbours] = field(default_factory=dict)


def release_prefix(endpoint: str, digest: str) -> str:
    """Return where a release lies in the store."""
    return f"releases/{endpoint}/{digest}"


def read_release(objects: Objects, endpoint: str, digest: str) -> tuple[Path, ReleaseFile]:
    """Return a release's folder on this machine and what it holds, after checking every file of it.

    Raises:
        ModelError: the release is missing, truncated, changed, or from a newer version.
    """
    prefix = release_prefix(endpoint, digest)
    try:
        folder = objects.folder(prefix)
        file = _parse((folder / FILE).read_bytes(), prefix)
        wrong = [name for name, sha in file.files.items() if hashlib.sha256((folder / name).read_bytes()).hexdigest() != sha]
    except (OSError, ObjectMissing) as error:
        raise _damaged(prefix, f"is incomplete ({error})") from None
    if wrong or file.digest != digest:
        raise _damaged(prefix, f"was changed after it was made ({', '.join(wrong or [FILE])} differs)")
    return folder, file


def read_golden(folder: Path) -> list[GoldenImage]:
    """Return the golden images of a release's folder; the pictures are ``golden/<image>.jpg`` beside them."""
    return [GoldenImage.model_validate(entry) for entry in json.loads((folder / GOLDEN).read_text(encoding="utf-8"))]


def backbone_folder(objects: Objects, release: str, digest: str) -> Path:
    """Return the folder on this machine of a backbone that the release at this prefix names; it isn't checked.

    Raises:
        BackboneError: it isn't in the store.
    """
    try:
        return objects.folder(f"backbones/{digest}")
    except ObjectMissing:
        raise BackboneError(
            f"The backbone {digest[:12]} that the release {release} needs isn't in {objects.url}. "
            "Run again, and the embed step exports it anew, or go back with 'perennial rollback TASK VERSION'."
        ) from None


def load_release(objects: Objects, endpoint: str, digest: str, backbones: dict[str, Backbone], threads: int) -> Release:
    """Load a release and the backbones that it names; ``backbones`` keeps those that are loaded already.

    Raises:
        ModelError: the release is damaged.
        BackboneError: one of its backbones is missing or damaged.
    """
    folder, file = read_release(objects, endpoint, digest)
    for served in file.tasks.values():
        if served.backbone not in backbones:
            where = backbone_folder(objects, release_prefix(endpoint, digest), served.backbone)
            backbones[served.backbone] = Backbone.load(where, served.backbone, threads)
    heads = {task: Head.load(folder / "heads" / task) for task in file.tasks}
    return Release(
        digest=digest,
        tasks=file.tasks,
        heads=heads,
        backbones={task: backbones[served.backbone] for task, served in file.tasks.items()},
        neighbours={task: found for task, head in heads.items() if (found := Neighbours.load(folder, task, head))},
    )


def _parse(data: bytes, prefix: str) -> ReleaseFile:
    try:
        document: Any = json.loads(data)
        newer = isinstance(document, dict) and isinstance(document.get("format"), int) and document["format"] > FORMAT
        if newer:
            raise ModelError(
                f"The release {prefix} has format {document['format']}, this version reads {FORMAT}. Update Perennial."
            )
        return ReleaseFile.model_validate(document)
    except (ValueError, ValidationError) as error:
        raise _damaged(prefix, f"has no readable {FILE} ({str(error).splitlines()[0]})") from None


def _damaged(prefix: str, seen: str) -> ModelError:
    return ModelError(
        f"The release {prefix} {seen}. Delete that folder in the store and deploy again, "
        "or go back with 'perennial rollback TASK VERSION'."
    )
