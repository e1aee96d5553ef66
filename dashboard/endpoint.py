"""One image asked of the running endpoint; without Streamlit."""

from dataclasses import dataclass

from perennial.errors import TaskError
from perennial.serving import client
from perennial.settings import Settings
from perennial.task import load_task


@dataclass(frozen=True)
class Probability:
    """A class and how likely it is."""

    cls: str
    value: float


@dataclass(frozen=True)
class Answer:
    """What the endpoint says of one image; ``unfamiliar``: it is unlike anything that the model has learnt."""

    cls: str
    probabilities: tuple[Probability, ...]
    unfamiliar: bool
    model_version: str
    release: str


def ask(settings: Settings, task: str, picture: bytes) -> Answer:
    """Ask the endpoint of these settings what a picture shows.

    Raises:
        EndpointError: it doesn't answer, or has no such task.
        ImageRejected: the file is no picture that is taken.
    """
    found = client.predict(address(settings, task), task, picture)
    return Answer(
        cls=found["class"],
        probabilities=tuple(Probability(entry["class"], entry["probability"]) for entry in found["top"]),
        unfamiliar=found["unfamiliar"],
        model_version=str(found["model_version"]),
        release=found["release"],
    )


def address(settings: Settings, task: str) -> str:
    """Return the URL of the task's endpoint."""
    return client.address(_endpoint_name(settings, task), settings)


def _endpoint_name(settings: Settings, task: str) -> str:
    try:
        return load_task(task, settings.tasks).endpoint_name
    except TaskError:
        return task
