"""Images are embedded once, in order, and a run that was stopped goes on where it was."""

import datetime
import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from perennial.backbones import embed
from perennial.backbones.embed import embed_missing
from perennial.backbones.engines import Backbone
from perennial.catalog.catalog import Catalog
from perennial.catalog.objects import Objects
from perennial.catalog.rows import Image
from perennial.errors import CatalogError


def image(jpeg: bytes) -> tuple[Image, bytes]:
    name = hashlib.sha256(jpeg).hexdigest()
    row = Image(
        id=name, source="here", post=f"here/{name[:8]}", url="", published=datetime.date(2026, 1, 1), title="", place="",
        kind="exterior", metadata={}, width=120, height=90,
    )  # fmt: skip
    return row, jpeg


@pytest.fixture
def catalog(tmp_path: Path, jpegs: Callable[..., list[bytes]]) -> Catalog:
    """A catalog of 21 pictures."""
    catalog = Catalog.open(Objects.open((tmp_path / "store").as_uri()))
    catalog.add_images([image(jpeg) for jpeg in jpegs(21)])
    return catalog


def test_each_image_gets_its_own_vector_once(catalog: Catalog, backbone: Backbone) -> None:
    ids = catalog.image_ids()
    told: list[tuple[int, int]] = []

    first = embed_missing(catalog, backbone, [*ids, ids[0]], batch=4, progress=lambda done, total: told.append((done, total)))
    again = embed_missing(catalog, backbone, ids)

    alone = [backbone.embed(backbone.preprocess(catalog.pixels(name))[None])[0] for name in ids]
    assert (first.new, first.clipped, again.new) == (21, 0, 0)
    assert np.array_equal(catalog.embeddings(backbone.digest, ids), alone)
    assert told[-1] == (21, 21)
    assert told == sorted(told)


class Stopped(Exception):
    """Stands for a kill."""


def test_a_stopped_run_goes_on_after_what_was_stored(
    catalog: Catalog, backbone: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embed, "FLUSH", 8)
    ids = catalog.image_ids()

    def stop(done: int, total: int) -> None:
        if done >= 12:
            raise Stopped

    with pytest.raises(Stopped):
        embed_missing(catalog, backbone, ids, batch=4, progress=stop)

    assert len(catalog.without_embedding(backbone.digest, ids)) == 13
    assert embed_missing(catalog, backbone, ids).new == 13


def test_a_damaged_picture_is_named(catalog: Catalog, backbone: Backbone) -> None:
    name = catalog.image_ids()[3]
    catalog.objects.put(f"images/{name[:2]}/{name}.jpg", b"damaged")

    with pytest.raises(CatalogError, match=rf"The stored picture {name} is damaged: .*Restore images/"):
        embed_missing(catalog, backbone, catalog.image_ids())
