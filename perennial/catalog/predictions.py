"""The predictions table: what an endpoint answered, a row for each picture and task."""

import datetime
from collections.abc import Sequence
from typing import Annotated, Any

import pyarrow as pa
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from perennial.catalog.digests import canonical
from perennial.catalog.objects import Objects
from perennial.catalog.tables import Layout, Table, key_field

LAYOUT = Layout(
    pa.schema(
        [
            key_field("prediction_id"),
            pa.field("at", pa.timestamp("us", "UTC")),
            pa.field("endpoint", pa.string()),
            pa.field("task", pa.string()),
            pa.field("release", pa.string()),
            pa.field("model_version", pa.int32()),
            pa.field("backbone", pa.string()),
            pa.field("cls", pa.string()),
            pa.field("probability", pa.float64()),
            pa.field("top", pa.string()),
            pa.field("unfamiliar", pa.bool_()),
            pa.field("image", pa.string()),
            pa.field("picture", pa.string()),
            pa.field("request_id", pa.string()),
            pa.field("seconds", pa.float64()),
        ]
    ),
    indexed=("prediction_id",),
)
_TEXT = 512
SHA256 = r"^[0-9a-f]{64}$"


class PredictionRecord(BaseModel):
    """What a server notes of one answer.

    ``image`` is the sha256 of the bytes that it got, ``picture`` the id of the picture that was kept of them, if it was.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    prediction_id: str = Field(min_length=1, max_length=_TEXT)
    at: float = Field(ge=0, lt=2**32)
    endpoint: str = Field(max_length=_TEXT)
    task: str = Field(max_length=_TEXT)
    release: str = Field("", max_length=_TEXT)
    model_version: int = Field(0, ge=0, lt=2**31)
    backbone: str = Field("", max_length=_TEXT)
    cls: str = Field(max_length=_TEXT)
    probability: float = 0.0
    top: list[tuple[str, float]] = Field(default=[], max_length=1000)
    unfamiliar: bool = False
    image: str = Field("", max_length=_TEXT)
    picture: str | None = Field(None, pattern=SHA256)
    request_id: Annotated[str, BeforeValidator(lambda text: str(text)[:_TEXT])] = ""
    seconds: float = 0.0


def table(objects: Objects) -> Table:
    """Open the table."""
    return Table(objects, "predictions", LAYOUT)


def add(objects: Objects, records: Sequence[PredictionRecord]) -> int:
    """Insert the records that aren't there yet and return how many those were."""
    rows = {record.prediction_id: _row(record) for record in records}
    return table(objects).insert(pa.Table.from_pylist(list(rows.values()), schema=LAYOUT.schema))


def find(objects: Objects, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return the rows of these predictions that are there, by id."""
    rows = table(objects).view().lookup("prediction_id", ids, LAYOUT.schema.names)
    return {row["prediction_id"]: row for row in rows.to_pylist()}


def moment(seconds: float) -> datetime.datetime:
    """Return seconds since 1970 as a time in UTC."""
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC)


def _row(record: PredictionRecord) -> dict[str, Any]:
    return record.model_dump() | {"at": moment(record.at), "top": canonical(record.top).decode()}
