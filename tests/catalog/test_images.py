import dataclasses
import json

import pyarrow as pa
import pytest

from perennial.catalog.catalog import Catalog
from perennial.catalog.rows import Unknown
from perennial.catalog.splits import split_of
from perennial.catalog.tables import Layout, Table, key_field
from perennial.errors import CatalogError, ObjectMissing
from tests.catalog.drawn import TASK, picture, said


def test_an_empty_catalog_answers(catalog: Catalog) -> None:
    assert catalog.image_ids() == []
    assert catalog.images().num_rows == 0
    assert catalog.unlabelled(TASK).num_rows == 0
    assert catalog.to_review(TASK).num_rows == 0
    assert catalog.labelled(TASK).num_rows == 0
    assert catalog.batches(TASK) == []
    assert catalog.add_images([]) == 0


def test_images_come_back_whole(catalog: Catalog) -> None:
    image, pixels = picture(1)
    assert catalog.add_images([(image, pixels)]) == 1
    (row,) = catalog.images().to_pylist()
    assert row.pop("split") == split_of(image.post)
    assert row.pop("copy_of") == ""
    assert row | {"metadata": json.loads(row["metadata"])} == dataclasses.asdict(image) | {"hash": ""}
    assert catalog.pixels(image.id) == pixels
    with pytest.raises(ObjectMissing):
        catalog.pixels("0" * 64)


def test_an_image_is_added_once_and_its_first_post_stays(catalog: Catalog) -> None:
    first, second = picture(1, post="demo/9"), picture(1, post="demo/10")
    assert catalog.add_images([first, second]) == 1
    assert catalog.add_images([picture(1, post="demo/0"), picture(2)]) == 1
    assert catalog.images([first[0].id], ["post"]).to_pylist() == [{"post": "demo/9"}]


def test_pixels_may_be_stored_before_their_rows(catalog: Catalog) -> None:
    (image, pixels), (other, _) = picture(1, post="demo/1"), picture(1, post="demo/2")
    assert [catalog.store_pixels(pixels), catalog.store_pixels(pixels)] == [image.id, image.id]
    assert catalog.pixels(image.id) == pixels
    assert catalog.image_ids() == []
    assert [catalog.add_rows([image, other]), catalog.add_rows([other]), catalog.add_rows([])] == [1, 0, 0]
    assert catalog.images(columns=["post"]).to_pylist() == [{"post": "demo/1"}]


def test_rows_come_in_the_order_asked_for(catalog: Catalog) -> None:
    pictures = [picture(number) for number in range(5)]
    catalog.add_images(pictures)
    ids = [image.id for image, _ in pictures]
    assert catalog.images([*ids[::-1], "unknown"], ["id"])["id"].to_pylist() == ids[::-1]
    assert catalog.images(ids[3:4], ["title", "width"]).to_pylist() == [{"title": "House 3", "width": 640}]
    assert catalog.images([]).num_rows == 0
    assert catalog.image_ids() == sorted(ids)


def test_pixels_that_the_id_does_not_name_are_refused(catalog: Catalog) -> None:
    image, _ = picture(1)
    with pytest.raises(CatalogError, match="came with other pixels"):
        catalog.add_images([(image, b"others")])
    assert catalog.image_ids() == []


def test_unlabelled_images_are_offered_until_labelled_or_set_aside(catalog: Catalog) -> None:
    pictures = [picture(number) for number in range(4)]
    ids = [image.id for image, _ in pictures]
    catalog.add_images(pictures)
    assert catalog.unlabelled(TASK)["id"].to_pylist() == sorted(ids)
    catalog.append_labels(TASK, [said(0), said(1, origin="feedback")])
    assert catalog.unlabelled(TASK)["id"].to_pylist() == sorted(ids[1:])
    assert catalog.review(TASK, [Unknown(ids[1]), Unknown(ids[1]), Unknown(ids[2])]) == 2
    assert catalog.review(TASK, [Unknown(id) for id in ids[1:3]]) == 0
    assert catalog.unlabelled(TASK)["id"].to_pylist() == [ids[3]]
    assert catalog.unlabelled("another")["id"].to_pylist() == sorted(ids)


def test_the_mark_below_which_nothing_is_offered_never_passes_an_open_image(catalog: Catalog) -> None:
    catalog.add_images([picture(0)])
    catalog.add_images([picture(1)])
    catalog.append_labels(TASK, [said(1)])
    for _ in range(2):
        assert catalog.unlabelled(TASK)["id"].to_pylist() == [picture(0)[0].id]
    catalog.append_labels(TASK, [said(0)])
    assert catalog.unlabelled(TASK).num_rows == 0
    catalog.add_images([picture(2)])
    for _ in range(2):
        assert catalog.unlabelled(TASK)["id"].to_pylist() == [picture(2)[0].id]


def test_a_person_takes_images_off_the_review_list(catalog: Catalog) -> None:
    catalog.add_images([picture(0), picture(1)])
    catalog.review(TASK, [Unknown(picture(0)[0].id, "Kosovo", "a"), Unknown(picture(1)[0].id, "", "b")])
    assert {row["id"]: row["value"] for row in catalog.to_review(TASK).to_pylist()} == {
        picture(0)[0].id: "Kosovo",
        picture(1)[0].id: "",
    }
    assert catalog.set_aside_otherwise(TASK, "a") == [picture(1)[0].id]
    catalog.review(TASK, [Unknown(picture(1)[0].id, "Georgia", "a")])
    assert catalog.set_aside_otherwise(TASK, "a") == []
    catalog.append_labels(TASK, [said(0, origin="review")])
    assert catalog.to_review(TASK)["id"].to_pylist() == [picture(1)[0].id]
    catalog.append_labels(TASK, [said(0, None, origin="review")])
    assert catalog.to_review(TASK).num_rows == 2


def test_a_store_whose_review_list_says_no_values_goes_on(catalog: Catalog) -> None:
    columns = [key_field("key"), pa.field("task", pa.string()), pa.field("image", pa.string())]
    earlier = Table(catalog.objects, "review", Layout(pa.schema(columns), ("key", "image")))
    id, other = (picture(number)[0].id for number in range(2))
    earlier.insert(pa.Table.from_pylist([{"key": f"{TASK}/{id}", "task": TASK, "image": id}], schema=earlier.layout.schema))
    catalog.add_images([picture(0), picture(1)])
    assert catalog.to_review(TASK)["value"].to_pylist() == [""]
    assert catalog.set_aside_otherwise(TASK, "rule") == [id]
    assert catalog.review(TASK, [Unknown(id, "Kosovo", "rule"), Unknown(other, "", "rule")]) == 1
    assert catalog.set_aside_otherwise(TASK, "rule") == []
    assert sorted(catalog.to_review(TASK)["value"].to_pylist()) == ["", "Kosovo"]


def test_images_of_other_sources_are_not_offered_and_do_not_hold_up_the_mark(catalog: Catalog) -> None:
    catalog.add_images([picture(0, post="other/1")])
    catalog.add_images([picture(1)])
    assert catalog.unlabelled(TASK, {"demo"})["id"].to_pylist() == [picture(1)[0].id]
    catalog.append_labels(TASK, [said(1)])
    assert catalog.unlabelled(TASK, {"demo"}).num_rows == 0
    assert catalog.objects.get_json(f"labels/{TASK}/mark.json") == {"row": 2, "sources": ["demo"]}
    assert catalog.unlabelled(TASK, {"demo", "other"})["id"].to_pylist() == [picture(0)[0].id]
