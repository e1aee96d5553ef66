"""Embeddings: one table a backbone, one row an image, computed once, ever."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from perennial.catalog.objects import Objects
from perennial.catalog.tables import Layout, Table, key_field
from perennial.errors import CatalogError

FOLDER = "catalog/embeddings"
FRAGMENT_ROWS = 8_192
Vectors = npt.NDArray[np.int16]


def add_embeddings(objects: Objects, backbone: str, ids: Sequence[str], vectors: Vectors) -> int:
    """Store vectors, int16 [n, d], of n images; those that have one already keep it. Returns how many were new."""
    if vectors.ndim != 2 or len(ids) != len(vectors) or vectors.dtype != np.int16:
        raise CatalogError(
            f"{len(ids)} images came with vectors {vectors.dtype}{list(vectors.shape)}; give int16 [{len(ids)}, d]."
        )
    flat = pa.FixedSizeListArray.from_arrays(pa.array(np.ascontiguousarray(vectors).reshape(-1)), vectors.shape[1])
    table = _table(objects, backbone, vectors.shape[1])
    rows = pa.Table.from_arrays([pa.array(ids, pa.string()), flat], schema=table.layout.schema)
    first = {id: place for place, id in reversed(list(enumerate(ids)))}
    return table.insert(rows if len(first) == len(ids) else rows.take(sorted(first.values())))


def embeddings(objects: Objects, backbone: str, ids: Sequence[str]) -> Vectors:
    """Return vectors, int16 [n, d], in the order of ``ids``.

    Raises:
        CatalogError: an image has no embedding under this backbone.
    """
    rows = _table(objects, backbone, 1).view().lookup("id", ids, ("id", "vector"))
    places = pc.index_in(pa.array(ids, pa.string()), rows["id"].combine_chunks())
    if places.null_count:
        missing = pc.filter(pa.array(ids, pa.string()), places.is_null())
        raise CatalogError(
            f"{len(missing)} of {len(ids)} images have no embedding under the backbone {backbone[:12]}, {missing[0]} among them. "
            "Run the embed step, then this again."
        )
    if not len(ids):
        return np.empty((0, 0), np.int16)
    column = rows["vector"].combine_chunks()
    flat = column.flatten().to_numpy(zero_copy_only=False).reshape(len(column), -1)
    return np.asarray(flat[places.to_numpy(zero_copy_only=False)], np.int16)


def without_embedding(objects: Objects, backbone: str, ids: Sequence[str]) -> list[str]:
    """Return those of ``ids`` that have no embedding under this backbone, in their order."""
    there = set(_table(objects, backbone, 1).view().lookup("id", ids, ("id",))["id"].to_pylist())
    return [id for id in ids if id not in there]


def embedded(objects: Objects) -> pa.Table:
    """Return which image has an embedding under which backbone: columns ``image`` and ``backbone``."""
    names = sorted({key.removeprefix(FOLDER + "/").split(".lance/")[0] for key in objects.keys(FOLDER) if ".lance/" in key})
    parts = [pa.table({"image": pa.array([], pa.string()), "backbone": pa.array([], pa.string())})]
    for name in names:
        ids = _table(objects, name, 1).view().read(("id",))["id"]
        parts.append(pa.table({"image": ids, "backbone": pa.array([name] * len(ids), pa.string())}))
    return pa.concat_tables(parts)


def _table(objects: Objects, backbone: str, dims: int) -> Table:
    schema = pa.schema([key_field("id"), pa.field("vector", pa.list_(pa.int16(), dims))])
    return Table(objects, f"embeddings/{backbone}", Layout(schema, indexed=("id",), fragment_rows=FRAGMENT_ROWS))
