"""The feedback table: what people said about pictures, and the decisions of those who look after the task."""

import datetime
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field

from perennial.catalog.objects import Objects
from perennial.catalog.predictions import SHA256, moment
from perennial.catalog.tables import Layout, Table, key_field, quoted

State = Literal["pending", "approved", "rejected"]
COMMENT = 2_000
LAYOUT = Layout(
    pa.schema(
        [
            key_field("feedback"),
            pa.field("at", pa.timestamp("us", "UTC")),
            pa.field("endpoint", pa.string()),
            pa.field("task", pa.string()),
            pa.field("who", pa.string()),
            pa.field("cls", pa.string()),
            pa.field("comment", pa.string()),
            pa.field("prediction_id", pa.string()),
            pa.field("picture", pa.string()),
        ]
    ),
    indexed=("feedback",),
)
DECISIONS = Layout(
    pa.schema(
        [
            key_field("feedback"),
            pa.field("state", pa.string()),
            pa.field("decided_by", pa.string()),
            pa.field("decided", pa.timestamp("us", "UTC")),
            pa.field("reason", pa.string()),
            pa.field("image", pa.string()),
        ]
    ),
    indexed=("feedback",),
)


class FeedbackRecord(BaseModel):
    """What a server notes of one statement; ``picture`` is the id of the picture that was sent with it, if one was."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    feedback: str = Field(pattern=SHA256)
    at: float = Field(ge=0, lt=2**32)
    endpoint: str = Field(max_length=512)
    task: str = Field(max_length=512)
    who: str = Field(min_length=1, max_length=512)
    cls: str = Field(min_length=1, max_length=512)
    comment: str = Field("", max_length=COMMENT)
    prediction_id: str | None = Field(None, max_length=512)
    picture: str | None = Field(None, pattern=SHA256)


@dataclass(frozen=True, slots=True)
class Decision:
    """What became of one statement; ``image`` is the image that an approved one is about."""

    feedback: str
    state: State
    decided_by: str
    decided: datetime.datetime
    reason: str = ""
    image: str | None = None


def add(objects: Objects, records: Sequence[FeedbackRecord]) -> int:
    """Insert the statements that aren't there yet and return how many those were."""
    rows = {record.feedback: record.model_dump() | {"at": moment(record.at)} for record in records}
    return _said(objects).insert(pa.Table.from_pylist(list(rows.values()), schema=LAYOUT.schema))


def decide(objects: Objects, decisions: Sequence[Decision]) -> int:
    """Keep decisions and return how many were new; the first about a statement stands."""
    rows = pa.Table.from_pylist([asdict(decision) for decision in decisions], schema=DECISIONS.schema)
    return _decisions(objects).insert(rows)


def rows(objects: Objects, task: str = "") -> list[dict[str, Any]]:
    """Return the statements about a task, or all, oldest first, each with what was decided about it."""
    said = _said(objects).view().read(where=f"task = {quoted(task)}" if task else None)
    return joined(objects, said).sort_by([("at", "ascending"), ("feedback", "ascending")]).to_pylist()  # type: ignore[no-any-return]


def view(objects: Objects) -> pa.Table:
    """Return all statements with what was decided about them, for SQL."""
    return joined(objects, _said(objects).view().read())


def joined(objects: Objects, said: pa.Table) -> pa.Table:
    """Return statements with the columns of their decisions; ``state`` is "pending" where there is none."""
    decided = _decisions(objects).view().read()
    both = said.join(decided, "feedback", join_type="left outer")
    state = both["state"].fill_null("pending")
    return both.set_column(both.schema.get_field_index("state"), "state", state)


def _said(objects: Objects) -> Table:
    return Table(objects, "feedback", LAYOUT)


def _decisions(objects: Objects) -> Table:
    return Table(objects, "decisions", DECISIONS)
