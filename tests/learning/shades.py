"""Pictures whose class is a faint tint under shades, spots and grain that vary far more: hard for a network as it is seeded."""

import datetime as dt
import io
from pathlib import Path

import numpy as np
from PIL import Image as Picture

from perennial.backbones.embed import embed_missing
from perennial.backbones.engines import Backbone
from perennial.catalog.catalog import Catalog
from perennial.catalog.digests import digest_of_bytes
from perennial.catalog.objects import Objects
from perennial.catalog.rows import Batch, Image, LabelEvent
from perennial.rules import FolderRule
from perennial.task import BackboneSpec, FinetuneSpec, FolderSource, GateSpec, LearnerSpec, Task

CLASSES = ("red", "green", "blue")
TINT, GRAIN, SIDE = 25, 25, 40


def task(**changes: object) -> Task:
    """Return the task of telling tints apart, with a network of 32 pixels."""
    fields = {
        "name": "tints",
        "classes": CLASSES,
        "label": FolderRule(rule="folder"),
        "sources": (FolderSource(type="folder", path=Path("pictures")),),
        "backbone": BackboneSpec(network="shufflenet_v2_x0_5", weights="random:0", resize=32, crop=32),
        "learner": LearnerSpec(name="ncm"),
        "finetune": FinetuneSpec(when="always", epochs=3, batch=16, learning_rate=0.001),
        "gate": GateSpec(min_held_out=5),
    }
    return Task.model_validate(fields | changes)


def picture(cls: str, seed: int) -> bytes:
    """Draw a picture of a class as JPEG bytes."""
    random = np.random.default_rng(seed)
    pixels = np.full((SIDE, SIDE, 3), 0.0) + random.integers(60, 190) + random.integers(-GRAIN, GRAIN + 1, (SIDE, SIDE, 3))
    down, across = random.integers(0, SIDE - 12, 2)
    pixels[down : down + 12, across : across + 12] += random.integers(-60, 61, 3)
    pixels[..., CLASSES.index(cls)] += TINT
    buffer = io.BytesIO()
    Picture.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


def opened(folder: Path) -> Catalog:
    """Return the catalog of a store in a folder."""
    return Catalog.open(Objects.open(folder.as_uri()))


def add(catalog: Catalog, images: range, *, wrong: int = 0) -> Batch:
    """Add pictures of all classes in turn as one batch; ``wrong`` shifts what they are said to be."""
    rows, events, day = [], [], dt.date(2026, 1, 1)
    for number in images:
        jpeg, said = picture(CLASSES[number % 3], number), CLASSES[(number + wrong) % 3]
        rows.append((Image(digest_of_bytes(jpeg), "tints", f"tints/{number}", "", day, "", "", "", {}, SIDE, SIDE), jpeg))
        events.append(LabelEvent(rows[-1][0].id, "tints", said, "source", "drawn", day))
    catalog.add_images(rows)
    batch = catalog.append_labels("tints", events)
    assert batch is not None
    return batch


def nearest_mean(catalog: Catalog, backbone: str) -> float:
    """Return the share of held-out pictures that lie nearest to the mean of their class's train split."""
    rows = catalog.labelled("tints")
    images, splits = rows["image"].to_pylist(), np.array(rows["split"].to_pylist())
    embed_missing(catalog, Backbone.load(catalog.objects, backbone, 2), images)
    vectors = catalog.embeddings(backbone, images).astype(np.float64)
    classes = np.array([CLASSES.index(cls) for cls in rows["cls"].to_pylist()])
    means = np.stack([vectors[(splits == "train") & (classes == cls)].mean(axis=0) for cls in range(len(CLASSES))])
    asked = splits == "hold_out"
    found = ((vectors[asked][:, None] - means) ** 2).sum(axis=-1).argmin(axis=1)
    return float((found == classes[asked]).mean())
