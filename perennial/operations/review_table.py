"""Unknown labels as a CSV table: written for a person to fill in, read back whole or not at all."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path

from perennial.catalog.catalog import Catalog
from perennial.errors import ReviewError
from perennial.operations.unknown import Row, answer, grouped, waiting
from perennial.rules.folding import fold
from perennial.task import Task

BY_IMAGE = ("image", "value", "place", "title", "url", "class")
BY_VALUE = ("value", "images", "title", "url", "class")
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What makes a spreadsheet run a cell; a caption from the web may begin so."""

NAMED = 10
"""Bad rows that an error names."""


def export_table(catalog: Catalog, task: Task, path: Path, *, values: bool = False, silent: bool = False) -> int:
    """Write what waits, a row for each image, or each value with ``values``; return how many rows.

    Raises:
        ReviewError: the file is there already.
    """
    rows = waiting(catalog, task.name, silent=silent)
    if values:
        lines = [[group.value, str(group.images), group.title, group.url, ""] for group in grouped(rows) if group.value]
    else:
        lines = [[row["id"], row["value"], row["place"], row["title"], row["url"], ""] for row in rows]
    try:
        with path.open("x", encoding="utf-8-sig", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(BY_VALUE if values else BY_IMAGE)
            writer.writerows([_plain(cell) for cell in line] for line in lines)
    except FileExistsError:
        raise ReviewError(f"{path} is there already, perhaps with answers in it. Name another file, or remove it.") from None
    return len(lines)


def import_table(catalog: Catalog, task: Task, path: Path) -> int:
    """Take the classes of a table that was filled in, all or none; return how many images' labels are new.

    A row names an image, or a value, whose waiting images it is for; an image's own row counts before its value's. Rows without
    a class are passed over.

    Raises:
        ReviewError: a row is wrong; the text names each such row, and nothing was changed.
    """
    rows = [row for row in _read(path) if row["class"]]
    known = set(catalog.images(sorted({row["image"] for row in rows if row["image"]}), ("id",))["id"].to_pylist())
    ever = set(map(fold, catalog.unknown_values(task.name)))
    mistakes = list(_mistakes(task, rows, known, ever))
    if mistakes:
        more = f"; and {len(mistakes) - NAMED} more" if len(mistakes) > NAMED else ""
        named = "; ".join(mistakes[:NAMED]) + more
        raise ReviewError(f"{path}: {named}. Nothing was changed; correct the file and import it again.")
    by_value = {fold(row["value"]): row["class"] for row in rows if not row["image"]}
    there = waiting(catalog, task.name) if by_value else []
    answers = {row["id"]: by_value[fold(row["value"])] for row in there if fold(row["value"]) in by_value}
    return answer(catalog, task, answers | {row["image"]: row["class"] for row in rows if row["image"]})


def _read(path: Path) -> list[Row]:
    """Return the rows with their line numbers, each with image, value and class; commas or semicolons stand between cells."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise ReviewError(f"{path} can't be read: {error.strerror}. Name a file that 'perennial review export' wrote.") from None
    except UnicodeDecodeError:
        raise ReviewError(f"{path} isn't UTF-8. Save it as CSV in UTF-8.") from None
    head = text.partition("\n")[0]
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=";" if head.count(";") > head.count(",") else ",")
    try:
        columns = reader.fieldnames or ()
        if "class" not in columns or not {"image", "value"} & set(columns):
            raise ReviewError(f"{path} has no columns 'image' or 'value', and 'class'. Keep the first line of what was exported.")
        return [
            {"line": reader.line_num} | {name: _cell(row.get(name)) for name in ("image", "value", "class")} for row in reader
        ]
    except csv.Error as error:
        raise ReviewError(f"{path} is no CSV table: line {reader.line_num}: {error}. Export it again.") from None


def _mistakes(task: Task, rows: list[Row], images: set[str], values: set[str]) -> Iterator[str]:
    """Yield what is wrong with each row that can't be taken."""
    said: dict[tuple[bool, str], Row] = {}
    for row in rows:
        where, named = f"line {row['line']}", (bool(row["image"]), row["image"] or fold(row["value"]))
        if row["class"] not in task.classes:
            yield f"{where}: '{row['class']}' is no class of {task.name} ({', '.join(task.classes)})"
        elif row["image"] and row["image"] not in images:
            yield f"{where}: there is no image '{row['image'][:70]}'"
        elif not named[1]:
            yield f"{where}: names no image and no value"
        elif not row["image"] and named[1] not in values:
            yield f"{where}: no image waited with the value '{row['value']}'"
        elif said.setdefault(named, row)["class"] != row["class"]:
            yield f"{where}: says '{row['class']}' where line {said[named]['line']} said '{said[named]['class']}'"


def _plain(cell: str) -> str:
    return f"'{cell}" if cell.startswith(FORMULA) else cell


def _cell(cell: object) -> str:
    text = cell.strip() if isinstance(cell, str) else ""
    return text[1:] if text.startswith("'") and text[1:].startswith(FORMULA) else text
