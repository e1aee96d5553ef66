"""What a run's steps found and did, as small objects in the store: what one step leaves for the next, and for the outcome."""

from typing import Any

from perennial.catalog.objects import Objects
from perennial.errors import ObjectMissing, StepFailed

_ERROR = ".error"


class RunFolder:
    """The facts of one run, ``runs/<task>/<run>/<step>.json``, and beside them the error that a step ended in."""

    def __init__(self, objects: Objects, task: str, run: str) -> None:
        self.objects = objects
        self.task = task
        self.id = run

    def write(self, step: str, facts: dict[str, Any]) -> None:
        """Keep what a step found or did; an error that an earlier attempt of it ended in is forgotten."""
        self.objects.put_json(self.key(f"{step}.json"), facts)
        error = self.key(f"{step}{_ERROR}.json")
        if self.objects.exists(error):
            self.objects.delete(error)

    def fail(self, step: str, sentence: str) -> None:
        """Keep why a step, or a part of it such as ``embed-2``, ended in an error."""
        self.objects.put_json(self.key(f"{step}{_ERROR}.json"), {"step": step.partition("-")[0], "sentence": sentence})

    def find(self, step: str) -> dict[str, Any] | None:
        """Return a step's facts, or None where it left none."""
        try:
            facts: dict[str, Any] = self.objects.get_json(self.key(f"{step}.json"))
        except ObjectMissing:
            return None
        return facts

    def read(self, step: str) -> dict[str, Any]:
        """Return a step's facts.

        Raises:
            StepFailed: the step left none.
        """
        facts = self.find(step)
        if facts is None:
            raise StepFailed(f"The step {step} of run {self.id} of task {self.task} left no result; run the task again.")
        return facts

    def errors(self) -> list[tuple[str, str]]:
        """Return step and sentence of each error that stands."""
        keys = [key for key in self.objects.keys(self.key()) if key.endswith(f"{_ERROR}.json")]
        return [(found["step"], found["sentence"]) for found in map(self.objects.get_json, keys)]

    def key(self, name: str = "") -> str:
        """Return the key of an object in this folder, or the folder's own."""
        return f"runs/{self.task}/{self.id}/{name}".rstrip("/")
