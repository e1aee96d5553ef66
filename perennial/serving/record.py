"""The endpoint record: which releases an endpoint is to serve, and how it came to that.

The deployer writes it, the server polls it. There is no other way to change what a server serves.
"""

from datetime import UTC, datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from perennial.catalog.objects import Objects
from perennial.errors import EndpointError, ObjectMissing

CanaryState = Literal["staged", "ready", "verified", "shifting", "shifted"]
Outcome = Literal[
    "staged", "ready", "verified", "shifting", "shifted", "stable", "rolled_back", "undone", "flipped", "held", "retired"
]
_HISTORY = 500


class Event(BaseModel):
    """One step in the life of a release."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    at: datetime
    release: str
    state: Outcome
    run: str
    reason: str = ""


class Hold(BaseModel):
    """An A/B: the canary is held at a share until a time or a number of answers, and promotions wait meanwhile."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    task: str
    champion: int
    challenger: int
    share: int = Field(ge=1, le=99)
    began: datetime
    until: datetime | None = None
    answers: int | None = None


class Queued(BaseModel):
    """A promotion that waits for the end of an A/B: digests of the model and of the champion that it was judged against."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    task: str
    model: str
    champion: str | None
    run: str


class EndpointRecord(BaseModel):
    """The desired state of one endpoint.

    ``share`` is the canary's part of the traffic, in percent; ``retired`` says that the previous release is scaled down.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    endpoint: str
    stable: str | None = None
    canary: str | None = None
    state: CanaryState | None = None
    share: int = Field(0, ge=0, le=100)
    previous: str | None = None
    retired: bool = False
    hold: Hold | None = None
    queue: tuple[Queued, ...] = ()
    fence: int = 0
    history: tuple[Event, ...] = ()

    @property
    def roles(self) -> dict[str, str]:
        """Releases that are to be kept ready, each with its role."""
        named = (("previous", self.previous), ("canary", self.canary), ("stable", self.stable))
        return {digest: role for role, digest in named if digest}

    def last(self, *states: Outcome) -> Event | None:
        """Return the latest event of one of these states, or of any."""
        return next((event for event in reversed(self.history) if not states or event.state in states), None)

    def noted(self, release: str, state: Outcome, run: str, reason: str = "") -> "EndpointRecord":
        """Return the record with one more event in its history; the same event twice in a row is one."""
        last = self.history[-1] if self.history else None
        if last and (last.release, last.state, last.run, last.reason) == (release, state, run, reason):
            return self
        event = Event(at=datetime.now(UTC), release=release, state=state, run=run, reason=reason)
        return self.model_copy(update={"history": (*self.history, event)[-_HISTORY:]})


def record_key(endpoint: str) -> str:
    """Return the object that holds an endpoint's record."""
    return f"endpoints/{endpoint}.json"


def read_record(objects: Objects, endpoint: str) -> EndpointRecord:
    """Return an endpoint's record, an empty one where nothing was released yet."""
    try:
        return parse_record(endpoint, objects.get(record_key(endpoint)))
    except ObjectMissing:
        return EndpointRecord(endpoint=endpoint)


def parse_record(endpoint: str, data: bytes | None) -> EndpointRecord:
    """Return the record that these bytes hold, an empty one for None.

    Raises:
        EndpointError: they hold none.
    """
    if data is None:
        return EndpointRecord(endpoint=endpoint)
    try:
        return EndpointRecord.model_validate_json(data)
    except ValidationError as error:
        raise EndpointError(
            f"The record of the endpoint '{endpoint}', {record_key(endpoint)} in the store, is damaged or from a newer version: "
            f"{error.errors()[0]['msg']}. Update Perennial, or delete the record and deploy again."
        ) from None
