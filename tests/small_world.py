"""A small world made for real: drawn images, a seeded random backbone, two models and an empty registry."""

import datetime as dt
import functools
import io
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image as Picture

from perennial.backbones.embed import embed_missing
from perennial.backbones.engines import Backbone
from perennial.backbones.export import ensure
from perennial.catalog.catalog import Catalog
from perennial.catalog.digests import digest_of_bytes
from perennial.catalog.objects import Objects
from perennial.catalog.rows import Image, LabelEvent
from perennial.deployment.deploy import deploy
from perennial.deployment.releases import build_release
from perennial.learning.model import load_model
from perennial.learning.training import update
from perennial.processes import free_port
from perennial.registry import Registry
from perennial.rules import FolderRule
from perennial.serving.address import Address, read_address
from perennial.serving.client import running
from perennial.serving.record import EndpointRecord, record_key
from perennial.serving.releases import ServedModel
from perennial.settings import Settings
from perennial.sources.images import normalise
from perennial.task import BackboneSpec, FolderSource, ReleaseSpec, Task

T = TypeVar("T")
CLASSES = ("red", "green", "blue")
DAY = dt.date(2026, 1, 1)


def picture(cls: str, seed: int, size: int = 96) -> bytes:
    """Draw a noisy picture of a class as JPEG bytes, normalised."""
    random = np.random.default_rng(seed)
    pixels = random.integers(0, 90, (size, size, 3))
    pixels[..., CLASSES.index(cls)] += 110
    pixels[seed % size // 2 :: 7] //= 2
    buffer = io.BytesIO()
    Picture.fromarray(pixels.astype(np.uint8)).save(buffer, "JPEG", quality=90)
    return normalise(buffer.getvalue()).jpeg


@dataclass(frozen=True)
class World:
    """One installation: a task with models that may be deployed, oldest first."""

    settings: Settings
    task: Task
    models: tuple[str, ...]

    @property
    def objects(self) -> Objects:
        return Objects.open(self.settings.store_url)

    @property
    def catalog(self) -> Catalog:
        return Catalog.open(self.objects)

    @property
    def registry(self) -> Registry:
        return Registry(self.settings.mlflow_uri)

    def release(self, number: int) -> str:
        """Make the release of a model, as if it were the version of that number; the first is 1."""
        digest = self.models[number - 1]
        backbone = load_model(self.objects, self.task.name, digest).description.backbone
        served = ServedModel(model=digest, version=number, backbone=backbone)
        return build_release(self.catalog, "colours", {"colours": served}, 1)

    def write_record(self, **record: object) -> None:
        """Write the endpoint record."""
        document = EndpointRecord.model_validate({"endpoint": "colours", **record})
        self.objects.put(record_key("colours"), document.model_dump_json().encode())

    def copy(self, home: Path) -> "World":
        """Return the same world in another folder, on other ports."""
        shutil.copytree(self.settings.home, home)
        return World(settings_in(home), self.task, self.models)


@functools.cache
def template(base: Path) -> World:
    """Make one world for all tests of a session to copy."""
    return make_world(base / "small-world")


@functools.cache
def deployed_template(base: Path) -> World:
    """Make one world whose first model serves, for all tests of a session to copy."""
    world = template(base).copy(base / "small-world-deployed")
    first = deploy(world.task, world.catalog, world.registry, world.settings, world.models[0], None, run_id="run-1")
    assert (first.outcome, first.version) == ("promoted", 1)
    return world


def settings_in(home: Path) -> Settings:
    return Settings.load(home=home, http_port=free_port(), grpc_port=free_port(), threads=1)


def make_world(home: Path, models: int = 3) -> World:
    """Make a world whose models learnt one batch each, the next going on from the one before."""
    backbone = BackboneSpec(network="resnet18", weights="random:0", resize=64, crop=64)
    task = Task(
        name="colours",
        classes=CLASSES,
        label=FolderRule(rule="folder"),
        sources=(FolderSource(type="folder", path=Path("pictures")),),
        backbone=backbone,
        release=ReleaseSpec(watch_s=0.5),
    )
    settings = settings_in(home)
    catalog = Catalog.open(Objects.open(settings.store_url))
    digest = ensure(backbone, catalog.objects)
    loaded = Backbone.load(catalog.objects, digest, 1)
    learnt: list[str] = []
    for batch in range(models):
        ids = add_batch(catalog, task.name, batch)
        embed_missing(catalog, loaded, ids)
        trained = update(task, catalog, digest, learnt[-1] if learnt else None)
        assert trained is not None
        learnt.append(trained.digest)
    Registry(settings.mlflow_uri).champion(task.name)
    return World(settings, task, tuple(learnt))


def add_batch(catalog: Catalog, task: str, batch: int) -> list[str]:
    """Add 60 labelled images, 20 a class, and return their ids."""
    rows, events = [], []
    for number in range(20):
        for cls in CLASSES:
            jpeg = picture(cls, 1000 * batch + 10 * number + CLASSES.index(cls))
            row = _row(jpeg, f"pictures/{cls}-{batch}-{number}", DAY + dt.timedelta(days=batch))
            rows.append((row, jpeg))
            events.append(LabelEvent(row.id, task, cls, "source", "folder", row.published))
    catalog.add_images(rows)
    catalog.append_labels(task, events)
    return [row.id for row, _ in rows]


def _row(jpeg: bytes, post: str, day: dt.date) -> Image:
    return Image(digest_of_bytes(jpeg), "pictures", post, "", day, post, "", "photo", {}, 96, 96)


@contextmanager
def server(world: World, timeout_s: float = 90) -> Iterator[Address]:
    """Serve the world's endpoint in a process of its own, as ``perennial serve`` does."""
    settings = world.settings
    source = (
        "from pathlib import Path; from perennial.serving.server import serve; from perennial.settings import Settings; "
        f"serve('colours', Settings.load(home=Path({str(settings.home)!r}), "
        f"http_port={settings.http_port}, grpc_port={settings.grpc_port}, threads=1))"
    )
    with subprocess.Popen([sys.executable, "-c", source]) as process:
        try:
            deadline = time.monotonic() + timeout_s
            while running("colours", settings) is None:
                assert process.poll() is None, "the server ended"
                assert time.monotonic() < deadline, "the server didn't answer"
                time.sleep(0.05)
            address = read_address(settings, "colours")
            assert address is not None
            yield address
        finally:
            process.terminate()


def waited(ask: Callable[[], T], reached: Callable[[T], bool], timeout_s: float = 20) -> T:
    """Ask until what comes is what is waited for."""
    deadline = time.monotonic() + timeout_s
    while not reached(found := ask()):
        assert time.monotonic() < deadline, f"still {found}"
        time.sleep(0.05)
    return found
