"""What the pages show, read from catalog and registry; without Streamlit."""

import datetime as dt
import io
import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
from PIL import Image as Picture
from PIL import ImageOps

from perennial.catalog.catalog import Catalog
from perennial.catalog.objects import Objects
from perennial.catalog.rows import Batch
from perennial.errors import ObjectMissing
from perennial.registry import RecordedRun, Registry

SPLITS = ("train", "calibrate", "hold_out")
RECENT_RUNS = 10
EXAMPLES = 60
THUMBNAIL = 320


@dataclass(frozen=True)
class ClassCount:
    """How many images a class has in one split."""

    cls: str
    split: str
    images: int


@dataclass(frozen=True)
class Overview:
    """A task's labelled images in numbers; ``days`` holds images by day of publication, ``waiting`` what isn't learnt."""

    images: int
    posts: int
    classes: tuple[ClassCount, ...]
    days: tuple[tuple[dt.date, int], ...]
    waiting: tuple[Batch, ...]


@dataclass(frozen=True)
class RunRow:
    """A pipeline run and how it ended."""

    id: str
    started: dt.datetime
    outcome: str
    sentence: str


@dataclass(frozen=True)
class Example:
    """A held-out image with its current label; ``credit`` says whose it is and under which licence, as far as is known."""

    image: str
    cls: str
    published: dt.date
    address: str = ""
    credit: str = ""


def open_catalog(store_url: str) -> Catalog:
    """Open the catalog of a store."""
    return Catalog.open(Objects.open(store_url))


def open_registry(mlflow_uri: str) -> Registry:
    """Open the model registry."""
    return Registry(mlflow_uri)


def tasks(catalog: Catalog) -> list[str]:
    """Return the names of the tasks that have labels, sorted."""
    names: list[str] = catalog.sql("SELECT DISTINCT task FROM labels ORDER BY task")["task"].to_pylist()
    return names


def overview(catalog: Catalog, task: str) -> Overview:
    """Count a task's images that are neither held nor rejected, and list the batches that are."""
    table = catalog.labelled(task)
    days = Counter(table["published"].to_pylist())
    return Overview(
        images=table.num_rows,
        posts=pc.count_distinct(table["post"]).as_py(),
        classes=_class_counts(table),
        days=tuple(sorted(days.items())),
        waiting=tuple(batch for batch in reversed(catalog.batches(task)) if batch.status != "open"),
    )


def recent_runs(registry: Registry, task: str, count: int = RECENT_RUNS) -> list[RunRow]:
    """Return the newest of a task's recorded runs, newest first."""
    return [_run_row(run) for run in reversed(registry.runs(task)[-count:])]


def examples(catalog: Catalog, task: str, count: int = EXAMPLES) -> list[Example]:
    """Return held-out images of the newest posts, in an order that mixes classes and days and is the same each time."""
    table = catalog.labelled(task)
    held_out = table.filter(pc.equal(table["split"], "hold_out")).sort_by([("published", "descending"), ("image", "ascending")])
    newest = held_out.slice(0, count).select(("image", "cls", "published")).to_pylist()
    random.Random(0).shuffle(newest)
    about = catalog.images([row["image"] for row in newest], ("id", "url", "credit", "licence")).to_pylist()
    owned = {row["id"]: {"address": web_address(row["url"]), "credit": credit_line(row)} for row in about}
    return [Example(**row, **owned.get(row["image"], {})) for row in newest]


def credit_line(about: Mapping[str, str]) -> str:
    """Return whose an image is and under which licence, as far as is known."""
    return ", ".join(part for part in (about["credit"], about["licence"]) if part)


def web_address(url: str) -> str:
    """Return an image's address if it leads to the web, and nothing otherwise."""
    return url if url.startswith(("https://", "http://")) else ""


def thumbnail(catalog: Catalog, image: str) -> bytes | None:
    """Return the middle of an image as a square JPEG; None where it isn't in the catalog any more."""
    try:
        pixels = catalog.pixels(image)
    except ObjectMissing:
        return None
    buffer = io.BytesIO()
    with Picture.open(io.BytesIO(pixels)) as opened:
        ImageOps.fit(opened, (THUMBNAIL, THUMBNAIL)).save(buffer, "JPEG", quality=88)
    return buffer.getvalue()


def _class_counts(table: pa.Table) -> tuple[ClassCount, ...]:
    """Count by class and split, the largest class first."""
    counts = Counter(zip(table["cls"].to_pylist(), table["split"].to_pylist(), strict=True))
    sizes = Counter(table["cls"].to_pylist())
    ordered = sorted(sizes, key=lambda cls: (-sizes[cls], cls))
    return tuple(ClassCount(cls, split, counts[cls, split]) for cls in ordered for split in SPLITS)


def _run_row(run: RecordedRun) -> RunRow:
    return RunRow(run.id, run.started, run.outcome, run.tags.get("sentence", ""))
