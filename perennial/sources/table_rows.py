"""Rows of a CSV, JSONL or Parquet file, one after the other and never all at once."""

import csv
import datetime
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, AnyStr

from perennial.errors import SourceError
from perennial.sources.text import plain

MAX_CELL = 10_000
MAX_LINE = 1_000_000
BATCH = 500


@dataclass(frozen=True)
class Row:
    """One row: its number as the file counts, what stands in it, empty cells aside, and what is wrong with it, if anything."""

    number: int
    cells: dict[str, str] = field(default_factory=dict)
    wrong: str = ""


def read_rows(path: Path) -> Iterator[Row]:
    """Yield a table's rows by its suffix; one that can't be read says so, and the next follows.

    Raises:
        SourceError: the file can't be read at all, or has no column ``image``.
    """
    read = {".csv": _csv, ".jsonl": _jsonl, ".parquet": _parquet}[path.suffix.lower()]
    try:
        yield from read(path)
    except OSError as error:
        raise SourceError(
            f"The table {path} can't be read: {error.strerror or error}. Check that it is there, and its permissions."
        ) from None


def _csv(path: Path) -> Iterator[Row]:
    """Read a CSV with a header; rows count as in a spreadsheet, where the header is row 1."""
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        reader = csv.reader((line.replace("\0", "\ufffd") for line in _lines(file)), strict=True)
        names = [name.strip() for name in _cells(reader) or []]
        _check_columns(path, names)
        number = 1
        while True:
            number += 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield Row(number, wrong=f"The row can't be read as CSV ({error}).")
                continue
            if len(cells) > len(names):
                yield Row(number, wrong=f"The row has {len(cells)} cells under {len(names)} columns.")
            elif cells:
                yield _row(number, dict(zip(names, cells, strict=False)))


def _lines(file: IO[AnyStr]) -> Iterator[AnyStr]:
    """Yield a file's lines, of each no more than the first megabyte."""
    while line := file.readline(MAX_LINE):
        yield line
        while len(line) == MAX_LINE and line[-1:] not in ("\n", b"\n"):
            line = file.readline(MAX_LINE)


def _cells(reader: Iterator[list[str]]) -> list[str] | None:
    try:
        return next(reader, None)
    except csv.Error:
        return None


def _jsonl(path: Path) -> Iterator[Row]:
    """Read an object a line; rows count as lines."""
    with path.open("rb") as file:
        for number, line in enumerate(_lines(file), 1):
            if not line.strip():
                continue
            try:
                cells = json.loads(line)
            except (ValueError, RecursionError):
                cells = None
            if isinstance(cells, dict):
                yield _row(number, cells)
            else:
                yield Row(number, wrong="The line isn't a JSON object of less than a megabyte.")


def _parquet(path: Path) -> Iterator[Row]:
    """Read a Parquet file in batches; rows count from 1."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    number = 0
    try:
        with pq.ParquetFile(path) as file:
            _check_columns(path, file.schema_arrow.names)
            for batch in file.iter_batches(BATCH):
                for cells in batch.to_pylist():
                    number += 1
                    yield _row(number, cells)
    except pa.ArrowException as error:
        why = " ".join(str(error).split())[:200]
        raise SourceError(f"The table {path} can't be read as Parquet after row {number} ({why}). Write it again.") from None


def _check_columns(path: Path, names: list[str]) -> None:
    if "image" not in names:
        there = ", ".join(names)[:200] or "none"
        raise SourceError(
            f"The table {path} has no column 'image' (its columns: {there}). Name the column of paths or URLs 'image'."
        )


def _row(number: int, cells: dict[str, Any]) -> Row:
    said = {str(name): _text(value) for name, value in cells.items()}
    long = next((name for name, text in said.items() if len(text) > MAX_CELL), None)
    if long is not None:
        return Row(
            number, wrong=f"The column '{plain(long, 80)}' has {len(said[long]):,} characters; at most {MAX_CELL:,} are taken."
        )
    if any("\ufffd" in text for text in said.values()):
        return Row(number, wrong="The row isn't UTF-8.")
    texts = {name: text.strip() if name == "image" else _tidy(text) for name, text in said.items()}
    return Row(number, {name: text for name, text in texts.items() if text})


def _tidy(text: str) -> str:
    """Return a cell on one line, without control characters; most are so, and told by a glance."""
    fine = text.isascii() and text.isprintable() and "  " not in text and text == text.strip()
    return text if fine else plain(text, MAX_CELL)


def _text(value: Any) -> str:
    """Return a cell as text; empty where there is nothing in it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime.date):
        return value.isoformat()
    return json.dumps(value, default=str) if isinstance(value, (dict, list)) else str(value)
