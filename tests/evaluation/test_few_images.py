"""A handful of pictures, however they fall on the splits: a verdict or a sentence, never a traceback."""

import datetime
from pathlib import Path

import numpy as np
import pytest

from perennial.catalog.catalog import Catalog
from perennial.catalog.digests import digest_of_bytes
from perennial.catalog.objects import Objects
from perennial.catalog.rows import Image, LabelEvent
from perennial.catalog.splits import split_of
from perennial.errors import ModelError
from perennial.evaluation.compare import evaluate
from perennial.evaluation.gate import judge
from perennial.learning.training import update
from perennial.task import Task

DAY = datetime.date(2026, 1, 1)
TASK = Task.model_validate(
    {"name": "walls", "classes": ["a", "b"], "label": {"rule": "folder"}, "sources": [{"type": "folder", "path": "/nowhere"}]}
)


@pytest.mark.parametrize("alike", [True, False])
@pytest.mark.parametrize("seed", range(12))
def test_they_are_refused_and_not_stumbled_over(tmp_path: Path, seed: int, alike: bool) -> None:
    catalog = Catalog.open(Objects.open(tmp_path.as_uri()))
    rng = np.random.default_rng(seed)
    pictures, events, vectors = [], [], []
    for cls in TASK.classes:
        vector = rng.integers(-3000, 3000, 32).astype(np.int16)
        for number in range(3):
            pixels = f"{seed} {cls} {number}".encode()
            post = f"s/{seed}-{cls}-{number}"
            image = Image(digest_of_bytes(pixels), "s", post, "", DAY, "", "", "photo", {}, 8, 8)
            pictures.append((image, pixels))
            events.append(LabelEvent(image.id, TASK.name, cls, "source", "s", DAY))
            vectors.append(vector if alike else vector + rng.integers(-90, 90, 32).astype(np.int16))
    catalog.add_images(pictures)
    catalog.append_labels(TASK.name, events)
    catalog.add_embeddings("backbone", [image.id for image, _ in pictures], np.array(vectors))
    if all(split_of(image.post) != "train" for image, _ in pictures):
        with pytest.raises(ModelError, match="Add images"):
            update(TASK, catalog, "backbone", None)
        return
    trained = update(TASK, catalog, "backbone", None)
    assert trained
    verdict = judge(TASK, evaluate(TASK, catalog, trained.digest, None, trained.batches_new))
    assert verdict.outcome == "refuse"
    assert "at least 20 are wanted" in verdict.sentence
