import datetime
import functools
import io
import itertools
import random
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Picture
from PIL import ImageEnhance, ImageFilter

from perennial.catalog import images as table
from perennial.catalog.catalog import Catalog
from perennial.catalog.digests import digest_of_bytes
from perennial.catalog.images import FEEDBACK
from perennial.catalog.near_duplicates import DISTANCE, NearDuplicates, perceptual_hash
from perennial.catalog.objects import Objects
from perennial.catalog.rows import Image, LabelEvent
from perennial.catalog.splits import split_of
from perennial.catalog.tables import Layout, Table

DAY = datetime.date(2026, 3, 1)


@functools.cache
def scene(seed: int) -> Picture.Image:
    """Draw blurred noise, as unlike each other as photographs are."""
    noise = np.random.default_rng(seed).integers(0, 256, (15, 20, 3), dtype=np.uint8)
    return Picture.fromarray(noise).resize((320, 240), Picture.Resampling.BICUBIC).filter(ImageFilter.GaussianBlur(2))


def jpeg(picture: Picture.Image, quality: int = 90) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def row(pixels: bytes, post: str, source: str = "demo", kind: str = "photo") -> tuple[Image, bytes]:
    return Image(digest_of_bytes(pixels), source, post, "", DAY, "", "", kind, {}, 320, 240), pixels


def copies(catalog: Catalog) -> dict[str, str]:
    """Return the copies by post, with the post that each is a copy of."""
    rows = {found["id"]: found for found in catalog.images().to_pylist()}
    return {found["post"]: rows[found["copy_of"]]["post"] for found in rows.values() if found["copy_of"]}


ALTERED = {
    "quality": lambda picture: jpeg(picture, 60),
    "half": lambda picture: jpeg(picture.resize((160, 120))),
    "contrast": lambda picture: jpeg(ImageEnhance.Contrast(picture).enhance(1.1)),
    "cropped": lambda picture: jpeg(picture.crop((2, 2, 318, 238))),
}


@pytest.mark.parametrize("name", ALTERED)
def test_the_same_picture_in_another_form_is_a_copy(catalog: Catalog, name: str) -> None:
    post = next(f"demo/{number}" for number in itertools.count() if split_of(f"demo/{number}") != split_of("demo/first"))
    catalog.add_images([row(jpeg(scene(seed)), f"demo/other-{seed}") for seed in range(1, 5)])
    catalog.add_images([row(jpeg(scene(0)), "demo/first"), row(jpeg(scene(5)), "demo/last")])
    assert catalog.add_images([row(ALTERED[name](scene(0)), post)]) == 1
    assert copies(catalog) == {post: "demo/first"}
    splits = {found["post"]: found["split"] for found in catalog.images().to_pylist()}
    assert splits[post] == splits["demo/first"] == split_of("demo/first")


def test_different_pictures_are_no_copies(catalog: Catalog) -> None:
    catalog.add_images([row(jpeg(scene(seed)), f"demo/{seed}") for seed in range(100)])
    assert copies(catalog) == {}


def test_one_pattern_in_other_colours_is_no_copy(catalog: Catalog) -> None:
    red, green, blue = scene(0).split()
    darker = scene(0).point(lambda level: level // 2)
    coloured = [scene(0), darker, Picture.merge("RGB", (green, blue, red)), Picture.merge("RGB", (blue, red, green))]
    catalog.add_images([row(jpeg(picture), f"demo/{number}") for number, picture in enumerate(coloured)])
    assert copies(catalog) == {}


def test_pictures_of_one_colour_say_nothing() -> None:
    assert {perceptual_hash(jpeg(Picture.new("RGB", (64, 64), colour))) for colour in ("white", "red", "black")} == {""}
    assert perceptual_hash(b"no picture") == perceptual_hash(jpeg(scene(0))[:600]) == ""


def test_a_copy_is_never_offered_for_labelling(catalog: Catalog) -> None:
    catalog.add_images([row(jpeg(scene(0)), "demo/1"), row(jpeg(scene(0), 60), "demo/2"), row(jpeg(scene(1)), "demo/3")])
    assert sorted(catalog.unlabelled("regions")["post"].to_pylist()) == ["demo/1", "demo/3"]
    first = catalog.unlabelled("regions")["id"].to_pylist()
    catalog.append_labels("regions", [LabelEvent(id, "regions", "europe", "source", "demo", DAY) for id in first])
    assert catalog.unlabelled("regions").num_rows == 0
    catalog.add_images([row(jpeg(scene(2)), "demo/4"), row(jpeg(scene(1), 70), "demo/5")])
    assert catalog.unlabelled("regions")["post"].to_pylist() == ["demo/4"]


def test_a_picture_that_someone_sends_falls_on_the_side_of_the_one_it_copies(catalog: Catalog) -> None:
    catalog.add_images([row(jpeg(scene(0)), "demo/1")])
    catalog.add_images([row(jpeg(scene(0), 60), "feedback/1", FEEDBACK)])
    assert copies(catalog) == {"feedback/1": "demo/1"}


def test_a_copy_of_a_copy_is_a_copy_of_the_first_or_of_none(catalog: Catalog) -> None:
    steps = [scene(0).crop((place, 0, 320, 240)) for place in range(0, 60, 4)]
    for number, step in enumerate(steps):
        catalog.add_images([row(jpeg(step), f"demo/{number}")])
    found = copies(catalog)
    assert len(set(found.values())) > 1
    assert not set(found.values()) & set(found)


def test_images_of_a_store_without_hashes_stay_and_new_ones_are_compared(objects: Objects) -> None:
    fields = [field for field in table.LAYOUT.schema if field.name not in ("hash", "copy_of")]
    Catalog.open(objects).add_images([row(jpeg(scene(0)), "demo/1")])
    old = Catalog.open(objects).images().select([field.name for field in fields])
    other = Objects.open(f"{objects.url}-old")
    Table(other, "images", Layout(pa.schema(fields), indexed=("id",))).insert(old)
    catalog = Catalog.open(other)
    assert catalog.images(columns=["hash", "copy_of"]).to_pylist() == [{"hash": None, "copy_of": None}]
    assert catalog.unlabelled("regions").num_rows == 1
    catalog.add_images([row(jpeg(scene(1)), "demo/2"), row(jpeg(scene(1), 60), "demo/3")])
    assert copies(catalog) == {"demo/3": "demo/2"}
    assert sorted(catalog.unlabelled("regions")["post"].to_pylist()) == ["demo/1", "demo/2"]


PICTURES = [row(jpeg(scene(seed), quality), f"demo/{seed}-{quality}") for seed in range(4) for quality in (50, 70, 90)]


@settings(deadline=None, max_examples=15)
@given(st.permutations(range(len(PICTURES))), st.sets(st.integers(1, len(PICTURES) - 1)))
def test_a_stream_gives_the_same_however_it_is_cut(order: Sequence[int], cuts: set[int]) -> None:
    found = []
    for edges in ([0, len(order)], [0, *sorted(cuts), len(order)]):
        with tempfile.TemporaryDirectory() as folder:
            catalog = Catalog.open(Objects.open(Path(folder).as_uri()))
            for start, end in itertools.pairwise(edges):
                catalog.add_images([PICTURES[number] for number in order[start:end]])
            found.append(catalog.images(columns=["id", "split", "hash", "copy_of"]).to_pylist())
    assert found[0] == found[1]
    first = {post.partition("-")[0]: post for post in reversed([PICTURES[number][0].post for number in order])}
    ids = {image.id: image.post for image, _ in PICTURES}
    assert {ids[entry["id"]]: ids.get(entry["copy_of"], "") for entry in found[0]} == {
        post: "" if first[post.partition("-")[0]] == post else first[post.partition("-")[0]] for post in ids.values()
    }


def test_what_differs_in_few_bits_is_found_among_many(objects: Objects) -> None:
    chance = random.Random(0)
    hashes = {f"a{number}": f"{chance.getrandbits(256):064x}" for number in range(300)}

    def altered(bits: int) -> dict[str, str]:
        flips = [sum(1 << place for place in chance.sample(range(256), bits)) for _ in hashes]
        return {f"b{id}": f"{int(hash, 16) ^ flip:064x}" for (id, hash), flip in zip(hashes.items(), flips, strict=True)}

    rows = Table(objects, "images", table.LAYOUT)
    known = [{"id": id, "hash": hash, "copy_of": ""} for id, hash in hashes.items()]
    rows.insert(pa.Table.from_pylist(known, schema=table.LAYOUT.schema))
    near_duplicates = NearDuplicates(lambda _: jpeg(scene(0)))
    assert near_duplicates.copies(rows.view(), altered(DISTANCE)) == {f"b{id}": id for id in hashes}
    assert near_duplicates.copies(rows.view(), altered(DISTANCE + 1)) == {}
