"""What many writers, killed writers and damaged files do to the tables."""

import shutil
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from perennial.catalog.catalog import Catalog
from perennial.catalog.objects import Objects
from perennial.catalog.tables import Layout, Table, key_field
from perennial.errors import CatalogError
from tests.catalog.drawn import TASK, picture, run_python, said, start_python

WRITE = """
import sys
import numpy as np
from perennial.catalog.catalog import Catalog
from perennial.catalog.objects import Objects
from tests.catalog.drawn import TASK, picture, said
catalog = Catalog.open(Objects.open(sys.argv[1]))
for start in range(0, int(sys.argv[2]), 5):
    numbers = range(start, start + 5)
    pictures = [picture(number) for number in numbers]
    catalog.add_images(pictures)
    catalog.append_labels(TASK, [said(number) for number in numbers])
    vectors = np.repeat(np.arange(start, start + 5, dtype=np.int16)[:, None], 4, axis=1)
    catalog.add_embeddings("bb", [image.id for image, _ in pictures], vectors)
"""


def assert_whole(catalog: Catalog, count: int) -> None:
    """Every image, label and vector is there once, and each batch says truly what it holds."""
    ids = [picture(number)[0].id for number in range(count)]
    assert catalog.image_ids() == sorted(ids)
    assert sorted(catalog.sql("SELECT image FROM labels")["image"].to_pylist()) == sorted(ids)
    assert sorted(catalog.sql("SELECT image FROM embeddings")["image"].to_pylist()) == sorted(ids)
    assert catalog.embeddings("bb", ids)[:, 0].tolist() == list(range(count))
    for batch in catalog.batches(TASK):
        assert catalog.events(TASK, [batch.id]).num_rows == batch.events
    assert catalog.labelled(TASK).num_rows == count


def test_writers_of_the_same_rows_write_each_once(catalog: Catalog, url: str) -> None:
    writers = [start_python(WRITE, url, "30") for _ in range(3)]
    assert [writer.wait(120) for writer in writers] == [0, 0, 0]
    assert_whole(catalog, 30)
    assert [batch.events for batch in catalog.batches(TASK)] == [5] * 6


def test_a_killed_writer_leaves_readable_tables_and_the_next_completes_them(catalog: Catalog, url: str) -> None:
    for delay in (0.05, 0.2, 0.4):
        before = len(catalog.image_ids())
        writer = start_python(WRITE, url, "40")
        while len(catalog.image_ids()) == before < 40 and writer.poll() is None:
            time.sleep(0.01)
        time.sleep(delay)
        writer.kill()
        writer.wait()
        assert catalog.labelled(TASK).num_rows <= len(catalog.image_ids())
        for batch in catalog.batches(TASK):
            assert catalog.events(TASK, [batch.id]).num_rows == batch.events
    done = run_python(WRITE, url, "40")
    assert done.returncode == 0, done.stderr
    assert_whole(catalog, 40)


def test_many_small_writes_leave_few_fragments_and_open_readers_alone(tmp_path: Path) -> None:
    import lance

    catalog = Catalog.open(Objects.open(tmp_path.as_uri()))
    catalog.add_embeddings("bb", ["first"], np.ones((1, 4), np.int16))
    table = tmp_path / "catalog/embeddings/bb.lance"
    reader = lance.dataset(table)
    for number in range(40):
        catalog.add_embeddings("bb", [str(number)], np.full((1, 4), number, np.int16))
    now = lance.dataset(table)
    assert len(now.get_fragments()) <= 16
    assert [index.num_rows_indexed for index in now.describe_indices()] == [41]
    assert catalog.embeddings("bb", [str(number) for number in range(40)])[:, 0].tolist() == list(range(40))
    assert reader.to_table()["id"].to_pylist() == ["first"]


def test_images_are_offered_once_across_compactions(tmp_path: Path) -> None:
    catalog = Catalog.open(Objects.open(tmp_path.as_uri()))
    for number in range(20):
        catalog.add_images([picture(number)])
        assert catalog.unlabelled(TASK)["id"].to_pylist() == [picture(number)[0].id]
        catalog.append_labels(TASK, [said(number)])
    assert catalog.unlabelled(TASK).num_rows == 0


OLD = Layout(pa.schema([key_field("key"), pa.field("a", pa.string())]), indexed=("key",))
NEW = Layout(pa.schema([key_field("key"), pa.field("b", pa.int32()), pa.field("a", pa.string())]), indexed=("key", "b"))


def test_a_table_made_without_a_column_is_read_and_written_with_it(objects: Objects) -> None:
    Table(objects, "old", OLD).insert(pa.table({"key": ["1"], "a": ["x"]}, schema=OLD.schema))
    table = Table(objects, "old", NEW)
    assert table.view().read().to_pylist() == [{"key": "1", "b": None, "a": "x"}]
    assert table.view().lookup("key", ["1"], ["b"]).to_pylist() == [{"b": None}]
    assert table.view().read(["b"], row_ids=True).column_names == ["b", "_rowid"]
    assert table.insert(pa.table({"key": ["1", "2"], "b": [1, 2], "a": ["no", "y"]}, schema=NEW.schema)) == 1
    rows = table.view().read().sort_by("key").to_pylist()
    assert rows == [{"key": "1", "b": None, "a": "x"}, {"key": "2", "b": 2, "a": "y"}]
    assert Table(objects, "old", OLD).view().read(where="key = '2'").to_pylist() == [{"key": "2", "a": "y"}]


def test_a_row_that_is_put_stands_in_place_of_its_kind(objects: Objects) -> None:
    table = Table(objects, "new", NEW)
    for number in range(20):
        table.put(pa.table({"key": ["1", str(number)], "b": [number, -1], "a": ["x", "y"]}, schema=NEW.schema).slice(number == 1))
    rows = {row["key"]: row["b"] for row in table.view().read().to_pylist()}
    assert rows == {"0": -1} | {"1": 19} | {str(number): -1 for number in range(2, 20)}
    assert table.view().lookup("key", ["1"], ["b"]).to_pylist() == [{"b": 19}]


@pytest.mark.parametrize("part", ["data", "_versions"])
def test_a_damaged_table_is_named_with_what_to_do(tmp_path: Path, part: str) -> None:
    Catalog.open(Objects.open(tmp_path.as_uri())).add_images([picture(0)])
    moved = tmp_path / "moved"  # under another name, so that nothing of it is cached in this process
    shutil.copytree(tmp_path / "catalog", moved / "catalog")
    for path in (moved / "catalog/images.lance" / part).iterdir():
        path.write_bytes(b"garbage" * 10)
    with pytest.raises(CatalogError, match=r"The table images in file://\S+ failed at .*restore catalog/images\.lance"):
        Catalog.open(Objects.open(moved.as_uri())).image_ids()


FULL = """
import resource, sys
from perennial.catalog.catalog import Catalog
from perennial.catalog.objects import Objects
from perennial.errors import StoreFull
from tests.catalog.drawn import picture
import numpy as np
catalog = Catalog.open(Objects.open(sys.argv[1]))
catalog.add_embeddings("bb", ["a"], np.ones((1, 2048), np.int16))
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
ids = [str(number) for number in range(100)]
try:
    catalog.add_embeddings("bb", ids, np.ones((100, 2048), np.int16))
except StoreFull as error:
    print(error)
assert catalog.without_embedding("bb", ["a", *ids]) == ids
"""

READ_ONLY = """
import sys
import lance
from perennial.catalog.catalog import Catalog
from perennial.catalog.objects import Objects
from perennial.errors import StoreReadOnly
from tests.catalog.drawn import TASK, become_nobody, picture, said
become_nobody()
catalog = Catalog.open(Objects.open(sys.argv[1]))
assert len(catalog.image_ids()) == 1
try:
    catalog.append_labels(TASK, [said(0)])
except StoreReadOnly as error:
    print(error)
"""


def test_a_full_store_says_so_and_the_table_is_as_before(tmp_path: Path) -> None:
    done = run_python(FULL, tmp_path.as_uri())
    assert done.returncode == 0, done.stderr
    assert "has no room left for writing the table embeddings/bb" in done.stdout


def test_a_read_only_store_is_read_and_says_why_it_is_not_written(open_folder: Path) -> None:
    Catalog.open(Objects.open(open_folder.as_uri())).add_images([picture(0)])
    done = run_python(READ_ONLY, open_folder.as_uri())
    assert done.returncode == 0, done.stderr
    assert "can't be written: locking table labels was refused" in done.stdout
