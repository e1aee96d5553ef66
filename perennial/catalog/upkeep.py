"""Upkeep of Lance tables: indices that cover the rows, few fragments, no endless line of old versions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lance import LanceDataset

SMALL_FRAGMENTS = 16
ALL_PARTS = 1_000
KEPT_VERSIONS = timedelta(hours=1)
"""How long a version stays readable; a reader opens the newest one for each call, so none is pinned for longer."""


def tidy(dataset: LanceDataset, indexed: Sequence[str], fragment_rows: int) -> None:
    """Index the rows that aren't yet; once small fragments have piled up, merge them and the parts of the indices.

    A look-up scans what isn't indexed, so each write is indexed at once, as a part of its own. A full fragment
    is never rewritten. What a killed writer leaves undone, the next one does.
    """
    dataset.checkout_latest()
    _index(dataset, indexed)
    small = [part for part in dataset.get_fragments() if part.metadata.num_rows < fragment_rows]
    if len(small) < SMALL_FRAGMENTS:
        dataset.optimize.optimize_indices(num_indices_to_merge=0)
        return
    dataset.optimize.optimize_indices(num_indices_to_merge=ALL_PARTS)
    dataset.optimize.compact_files(target_rows_per_fragment=fragment_rows)
    dataset.cleanup_old_versions(KEPT_VERSIONS)


def clean(dataset: LanceDataset, fragment_rows: int) -> int:
    """Write fragments anew without the rows that were deleted, drop versions that are an hour old, and return the bytes freed."""
    if any(part.metadata.num_deletions for part in dataset.get_fragments()):
        dataset.optimize.compact_files(target_rows_per_fragment=fragment_rows, materialize_deletions_threshold=0.0)
    return int(dataset.cleanup_old_versions(KEPT_VERSIONS).bytes_removed)


def _index(dataset: LanceDataset, columns: Sequence[str]) -> None:
    there = {name for index in dataset.describe_indices() for name in index.field_names}
    for column in columns:
        if column not in there:
            dataset.create_scalar_index(column, "BTREE")
