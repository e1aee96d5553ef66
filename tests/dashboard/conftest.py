"""A small installation: three classes of drawn squares whose vectors drift, two models, a held batch and three runs."""

import datetime as dt
import io
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest
from PIL import Image as Picture

from perennial.catalog.catalog import Catalog
from perennial.catalog.digests import digest_of_bytes
from perennial.catalog.objects import Objects
from perennial.catalog.rows import Image, LabelEvent
from perennial.learning.model import model_prefix
from perennial.learning.training import update
from perennial.registry import Registry, Run
from perennial.settings import Settings
from perennial.task import Task, save_task

CLASSES = ("barn", "house", "tower")
BACKBONE = "ab" * 32
DAY = dt.date(2026, 5, 1)
POSTS_A_DAY = 20


@dataclass(frozen=True)
class Installation:
    settings: Settings
    task: Task
    catalog: Catalog
    registry: Registry
    held: str


@pytest.fixture(scope="session")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """Ten days of images: the first model learns five, the champion nine, the tenth is held."""
    home = tmp_path_factory.mktemp("installation")
    settings = Settings(home=home, tasks=home / "tasks", http_port=9)
    task = Task(
        name="shapes",
        description="What stands there.",
        classes=CLASSES,
        label={"rule": "field", "field": "kind", "map": {name: name for name in CLASSES}},
        sources=({"type": "folder", "path": home},),
        learner={"name": "slda", "period": "day"},
    )
    save_task(task, settings.tasks / "shapes.yaml")
    catalog, registry = Catalog.open(Objects.open(settings.store_url)), Registry(settings.mlflow_uri)
    batches = [_publish(catalog, number) for number in range(5)]
    first = _promote(task, catalog, registry, None, "run-1")
    batches += [_publish(catalog, number) for number in range(5, 9)]
    _promote(task, catalog, registry, first, "run-2")
    held = _publish(catalog, 9)
    catalog.hold("shapes", held, "A third of the labels differ from what the champion sees.")
    registry.record(Run("shapes", "run-3", "held", tags={"sentence": "20 images wait for [review]"}))
    return Installation(settings, task, catalog, registry, held)


@pytest.fixture
def environment(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> Iterator[Installation]:
    """Let ``Settings.load`` find the installation."""
    for name, value in installation.settings.model_dump().items():
        monkeypatch.setenv(f"PERENNIAL_{name.upper()}", str(value))
    return installation


def square(colour: tuple[int, int, int]) -> bytes:
    """Return a JPEG of one colour."""
    buffer = io.BytesIO()
    Picture.new("RGB", (32, 32), colour).save(buffer, "JPEG")
    return buffer.getvalue()


def _publish(catalog: Catalog, number: int) -> str:
    """Add one day's images, labels and vectors; from the sixth day on, the classes have moved by one place."""
    rng = np.random.default_rng(number)
    day = DAY + dt.timedelta(days=number)
    images, events, vectors = [], [], []
    for post in range(POSTS_A_DAY):
        pixels = square((number * 20, post * 10, 99))
        name = CLASSES[(0, 0, 0, 1, 1, 2)[post % 6]]
        image = Image(digest_of_bytes(pixels), "drawn", f"drawn/{number}-{post}", "", day, "", "", name, {}, 32, 32)
        centre = np.zeros(16)
        centre[CLASSES.index(name) + (3 if number > 5 else 0)] = 400
        images.append((image, pixels))
        events.append(LabelEvent(image.id, "shapes", name, "source", "drawn", day))
        vectors.append(rng.normal(centre, 60).astype(np.int16))
    catalog.add_images(images)
    catalog.add_embeddings(BACKBONE, [image.id for image, _ in images], np.stack(vectors))
    batch = catalog.append_labels("shapes", events)
    assert batch is not None
    return batch.id


def _promote(task: Task, catalog: Catalog, registry: Registry, champion: str | None, run: str) -> str:
    trained = update(task, catalog, BACKBONE, champion)
    assert trained is not None
    source = f"{catalog.objects.url}/{model_prefix(task.name, trained.digest)}"
    version = registry.register(task.name, trained.digest, source, run_id=run, backbone=BACKBONE)
    registry.point(task.name, "champion", version.number)
    registry.record(Run(task.name, run, "promoted", tags={"sentence": f"version {version.number} serves"}))
    return trained.digest
