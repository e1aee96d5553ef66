"""Making a release: heads, golden images, neighbours and the names of what an endpoint is to serve; it never changes."""

import shutil
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from perennial import __version__
from perennial.catalog.archive import archived_key
from perennial.catalog.catalog import Catalog
from perennial.catalog.digests import canonical, digest_of_bytes
from perennial.catalog.objects import Objects
from perennial.deployment.golden import golden_images
from perennial.deployment.neighbours import write_neighbours
from perennial.errors import ModelError, ObjectMissing, StoreError
from perennial.learning.model import load_model
from perennial.serving.record import read_record
from perennial.serving.releases import FILE, GOLDEN, ReleaseFile, ServedModel, read_release, release_prefix

SERVED = ("model.json", "head.safetensors")


def build_release(
    catalog: Catalog, endpoint: str, tasks: Mapping[str, ServedModel], threads: int, code: str = __version__
) -> str:
    """Publish the release that serves these models on a server's ``code``, and return its digest; the same give the same.

    Raises:
        ModelError: a model's folder is missing or damaged.
        StoreError: the store can't be written.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        golden = []
        for task, served in sorted(tasks.items()):
            model = load_model(catalog.objects, task, served.model)
            model.head()  # a damaged head is told here, not by the server
            target = folder / "heads" / task
            target.mkdir(parents=True)
            for file in SERVED:
                shutil.copyfile(model.folder / file, target / file)
            golden += golden_images(catalog, task, model, threads)
            write_neighbours(catalog, task, model, folder)
        _write_golden(catalog, folder, [image.model_dump() for image in golden])
        release = ReleaseFile(endpoint=endpoint, tasks=dict(sorted(tasks.items())), code=code, files=_digests(folder))
        (folder / FILE).write_bytes(canonical(release.model_dump(mode="json")))
        catalog.objects.publish(release_prefix(endpoint, release.digest), folder)
    return release.digest


def served_by(objects: Objects, endpoint: str, release: str | None) -> dict[str, ServedModel]:
    """Return the task → model map of a release; empty for none and for one that can't be read."""
    if release is None:
        return {}
    try:
        return read_release(objects, endpoint, release)[1].tasks
    except (ModelError, ObjectMissing):
        return {}


def list_releases(objects: Objects, endpoint: str) -> list[dict[str, Any]]:
    """Return what happened to an endpoint's releases, oldest first: release, models, role, state, when, run and reason."""
    record = read_record(objects, endpoint)
    models = {event.release: _named(objects, endpoint, event.release) for event in record.history}
    return [
        {
            "release": event.release[:12],
            "models": models[event.release],
            "role": record.roles.get(event.release, ""),
            "state": event.state.replace("_", " "),
            "at": event.at.isoformat(timespec="seconds"),
            "run": event.run,
            "reason": event.reason,
        }
        for event in record.history
    ]


def _named(objects: Objects, endpoint: str, release: str) -> str:
    key = f"{release_prefix(endpoint, release)}/{FILE}"
    for where, said in ((key, ""), (archived_key(key), " (archived)")):
        with suppress(StoreError, KeyError, TypeError):
            return ", ".join(f"{task} v{served['version']}" for task, served in objects.get_json(where)["tasks"].items()) + said
    return "gone"


def _write_golden(catalog: Catalog, folder: Path, golden: list[dict[str, Any]]) -> None:
    (folder / "golden").mkdir()
    for image in golden:
        (folder / "golden" / f"{image['image']}.jpg").write_bytes(catalog.pixels(image["image"]))
    (folder / GOLDEN).write_bytes(canonical(golden))


def _digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): digest_of_bytes(path.read_bytes()) for path in files}
