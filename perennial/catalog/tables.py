"""One Lance table: rows with a key, inserted exactly once by any number of writers, looked up by index.

Lance commits whole versions, so a writer that dies leaves the table as it was. Writers take turns: of two merges of
the same new key at once Lance would insert both (14.0; its check by primary key covers merges without an index only).
"""

from __future__ import annotations

import datetime
import functools
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from perennial.catalog.failures import table_told
from perennial.catalog.locks import exclusive
from perennial.catalog.objects import Objects
from perennial.catalog.upkeep import KEPT_VERSIONS, clean, tidy

if TYPE_CHECKING:
    import lance
    from lance import LanceDataset

VALUES_A_FILTER = 4_000


def key_field(name: str) -> pa.Field:
    """Return the string column that is a table's key."""
    return pa.field(name, pa.string(), nullable=False)


@dataclass(frozen=True)
class Layout:
    """A table's columns, the first of which is its key, which of them are indexed, and how many rows make a full fragment."""

    schema: pa.Schema
    indexed: tuple[str, ...]
    fragment_rows: int = 131_072

    @property
    def key(self) -> str:
        """The name of the key column."""
        return str(self.schema.names[0])


class View:
    """A table as it stood at one moment."""

    def __init__(self, table: Table, dataset: LanceDataset | None) -> None:
        self._table = table
        self.dataset = dataset

    def __len__(self) -> int:
        return self.dataset.count_rows() if self.dataset is not None else 0

    def read(self, columns: Sequence[str] | None = None, where: str | None = None, *, row_ids: bool = False) -> pa.Table:
        """Return rows, in no stated order, with their ever-growing ``_rowid`` if asked for.

        Columns that the table was made without are null; ``where`` can't name them before a writer has added them.
        """
        names = list(columns) if columns is not None else self._table.layout.schema.names
        if self.dataset is None:
            empty = pa.schema([self._table.layout.schema.field(name).remove_metadata() for name in names])
            return (empty.append(pa.field("_rowid", pa.uint64())) if row_ids else empty).empty_table()
        there = [name for name in dict.fromkeys([*names, self._table.layout.key]) if name in self.dataset.schema.names]
        with self._table.told("reading", writing=False):
            rows = self.dataset.to_table(columns=there, filter=where, with_row_id=row_ids)
        for field in (self._table.layout.schema.field(name) for name in names if name not in there):
            rows = rows.append_column(field.remove_metadata(), pa.nulls(rows.num_rows, field.type))
        return rows.select([*names, "_rowid"] if row_ids else names)

    def lookup(self, column: str, values: Sequence[str], columns: Sequence[str], *, also: str = "") -> pa.Table:
        """Return the rows whose indexed ``column`` is one of ``values``; a large share of the table is scanned instead."""
        wanted = sorted(set(values))
        if not wanted or self.dataset is None:
            return self.read(columns, "false" if self.dataset is not None else None)
        if len(wanted) * 4 > len(self) and len(wanted) > VALUES_A_FILTER:
            names = list(dict.fromkeys([*columns, column]))
            rows = self.read(names, also or None)
            return rows.filter(pc.is_in(rows[column], pa.array(wanted))).select(list(columns))
        parts = [wanted[start : start + VALUES_A_FILTER] for start in range(0, len(wanted), VALUES_A_FILTER)]
        return pa.concat_tables([self.read(columns, among(column, part) + (f" AND {also}" if also else "")) for part in parts])

    def without(self, rows: pa.Table) -> pa.Table:
        """Return those of ``rows`` whose key isn't there."""
        key = self._table.layout.key
        there = self.lookup(key, rows[key].to_pylist(), (key,))[key]
        return rows.filter(pc.invert(pc.is_in(rows[key], there.combine_chunks())))


class Table:
    """A Lance table that is made by its first row."""

    def __init__(self, objects: Objects, name: str, layout: Layout) -> None:
        self.objects = objects
        self.name = name
        self.layout = layout
        self._uri, self._options = objects.lance_uri(f"catalog/{name}.lance")

    def told(self, doing: str, *, writing: bool) -> AbstractContextManager[None]:
        """Say what goes wrong while ``doing`` something to this table."""
        return table_told(self.objects.url, self.name, doing, writing=writing)

    def view(self) -> View:
        """Return the table as it stands now."""
        return View(self, self._open())

    def insert(self, rows: pa.Table) -> int:
        """Insert the rows whose key isn't there yet, and return how many those were."""
        return self.append(lambda view: view.without(rows)).num_rows if rows.num_rows else 0

    def append(self, make: Callable[[View], pa.Table]) -> pa.Table:
        """Append, and return, the rows that ``make`` draws up from the table as it stands, while no other writer changes it."""
        with exclusive(self.objects, f"table {self.name}") as check:
            dataset = self._made()
            rows = make(View(self, dataset))
            if rows.num_rows:
                check()
                self._append(dataset, rows.cast(self.layout.schema))
        return rows

    def change(self, make: Callable[[View], pa.Table]) -> pa.Table:
        """Put the rows that ``make`` draws up in the place of those with their keys, while no other writer changes the table.

        Returns them. Each keeps its row id; a row whose key isn't there is left out.
        """
        with exclusive(self.objects, f"table {self.name}") as check:
            dataset = self._open()
            rows = make(View(self, dataset))
            if rows.num_rows and dataset is not None:
                check()
                with self.told("changing", writing=True):
                    dataset.merge_insert(self.layout.key).when_matched_update_all().execute(rows.cast(self.layout.schema))
                    tidy(dataset, self.layout.indexed, self.layout.fragment_rows)
        return rows

    def put(self, rows: pa.Table) -> None:
        """Insert rows, in place of those that have the same keys."""
        if not rows.num_rows:
            return
        with exclusive(self.objects, f"table {self.name}") as check:
            dataset = self._made()
            check()
            with self.told("writing", writing=True):
                merge = dataset.merge_insert(self.layout.key).when_matched_update_all().when_not_matched_insert_all()
                merge.execute(rows.cast(self.layout.schema))
                tidy(dataset, self.layout.indexed, self.layout.fragment_rows)

    def delete(self, where: str) -> None:
        """Delete the rows that a condition holds for; they stay in older versions until these are cleaned."""
        with exclusive(self.objects, f"table {self.name}") as check:
            dataset = self._open()
            if dataset is not None:
                check()
                with self.told("deleting from", writing=True):
                    dataset.delete(where)

    def outdated(self) -> list[datetime.datetime]:
        """Return when those versions were written that :meth:`clean` would drop."""
        dataset = self._open()
        if dataset is None:
            return []
        before = datetime.datetime.now(datetime.UTC) - KEPT_VERSIONS
        written = [version["timestamp"].astimezone(datetime.UTC) for version in dataset.versions()[:-1]]
        return [moment for moment in written if moment < before]

    def clean(self) -> int:
        """Drop versions that are an hour old and what only they hold, deleted rows among it; return the bytes freed."""
        with exclusive(self.objects, f"table {self.name}") as check:
            dataset = self._open()
            if dataset is None:
                return 0
            check()
            with self.told("cleaning", writing=True):
                return clean(dataset, self.layout.fragment_rows)

    def _open(self) -> LanceDataset | None:
        import lance

        with self.told("opening", writing=False):
            try:
                return lance.dataset(self._uri, storage_options=self._options, session=_session())
            except ValueError as error:
                if "was not found" not in str(error):
                    raise
        return None

    def _made(self) -> LanceDataset:
        """Return the table as it stands, made if it isn't there yet, with the columns that it was made without as nulls."""
        import lance

        dataset = self._open()
        if dataset is not None:
            missing = [field for field in self.layout.schema if field.name not in dataset.schema.names]
            if missing:
                with self.told("adding columns to", writing=True):
                    dataset.add_columns(pa.schema(missing))
            return dataset
        empty = self.layout.schema.empty_table()
        with self.told("making", writing=True):
            return lance.write_dataset(
                empty,
                self._uri,
                storage_options=self._options,
                enable_stable_row_ids=True,
                session=_session(),
            )

    def _append(self, dataset: LanceDataset, rows: pa.Table) -> None:
        import lance

        with self.told("writing", writing=True):
            lance.write_dataset(rows, dataset, mode="append", storage_options=self._options)
            tidy(dataset, self.layout.indexed, self.layout.fragment_rows)


def bound_cache(mb: int) -> None:
    """Bound the memory for index pages and table metadata, for a process that goes through more rows than it looks at twice."""
    _Cache.mb = mb


class _Cache:
    """This process's bound in MB; 0 is Lance's own, several GB."""

    mb = 0


def _session() -> lance.Session:
    return _session_of(_Cache.mb)


@functools.cache
def _session_of(mb: int) -> lance.Session:
    """Return this process's cache of index pages and table metadata."""
    import lance

    half = mb * 2**20 // 2 or None
    return lance.Session(index_cache_size_bytes=half, metadata_cache_size_bytes=half)


def among(column: str, values: Sequence[str]) -> str:
    """Return the condition that a column is one of these values."""
    return f"{column} IN ({', '.join(quoted(value) for value in values)})" if values else "false"


def quoted(value: str) -> str:
    """Return a string as a SQL literal."""
    return "'" + value.replace("'", "''") + "'"
