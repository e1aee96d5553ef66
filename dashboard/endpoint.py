"""One image asked of the running endpoint; without Streamlit."""

import base64
from dataclasses import dataclass
from typing import Any

from dashboard.data import credit_line, web_address
from perennial.errors import TaskError
from perennial.serving import client
from perennial.settings import Settings
from perennial.task import load_task

NEIGHBOURS = 6


@dataclass(frozen=True)
class Probability:
    """A class and how likely it is."""

    cls: str
    value: float


@dataclass(frozen=True)
class Neighbour:
    """A training image near the one that is asked about; ``address`` leads to it, where the web has it."""

    image: str
    cls: str
    similarity: float
    title: str
    address: str
    credit: str


@dataclass(frozen=True)
class Answer:
    """What the endpoint says of one image, and why; ``unfamiliar``: it is unlike anything that the model has learnt.

    ``overlay`` is a JPEG of what spoke for the class; None where the network gives no map.
    """

    cls: str
    probabilities: tuple[Probability, ...]
    unfamiliar: bool
    model_version: str
    release: str
    neighbours: tuple[Neighbour, ...] = ()
    overlay: bytes | None = None


def ask(settings: Settings, task: str, picture: bytes) -> Answer:
    """Ask the endpoint of these settings what a picture shows, and why.

    Raises:
        EndpointError: it doesn't answer, or has no such task.
        ImageRejected: the file is no picture that is taken.
    """
    found = client.explain(address(settings, task), task, picture, neighbours=NEIGHBOURS, overlay=True)
    return Answer(
        cls=found["class"],
        probabilities=tuple(Probability(entry["class"], entry["probability"]) for entry in found["top"]),
        unfamiliar=found["unfamiliar"],
        model_version=str(found["model_version"]),
        release=found["release"],
        neighbours=tuple(_neighbour(entry) for entry in found["neighbours"]),
        overlay=base64.b64decode(found["map"]["overlay"]) if found["map"] else None,
    )


def address(settings: Settings, task: str) -> str:
    """Return the URL of the task's endpoint."""
    return client.address(_endpoint_name(settings, task), settings)


def _neighbour(entry: dict[str, Any]) -> Neighbour:
    return Neighbour(
        image=entry["image"],
        cls=entry["class"],
        similarity=entry["similarity"],
        title=entry["title"] or entry["post"],
        address=web_address(entry["url"]),
        credit=credit_line(entry),
    )


def _endpoint_name(settings: Settings, task: str) -> str:
    try:
        return load_task(task, settings.tasks).endpoint_name
    except TaskError:
        return task
