"""How far a fine-tuning is, so that one that was killed goes on, and how it ended, so that it isn't done twice.

``finetuning/<task>/<key>/epoch-N.safetensors`` holds weights and the optimiser's state, ``state.json`` beside it says which
epoch counts; ``finetuning/<task>/<key>.json`` is the result. The key covers all that the result depends on.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from perennial.catalog.objects import Objects
from perennial.errors import ObjectMissing

if TYPE_CHECKING:
    import torch

Facts = dict[str, Any]


class Checkpoints:
    """The states and the result of one fine-tuning."""

    def __init__(self, objects: Objects, task: str, key: str) -> None:
        self._objects = objects
        self._task = f"finetuning/{task}"
        self._own = f"{self._task}/{key}"

    def result(self) -> Facts | None:
        """Return how it ended; None where it hasn't."""
        return self._read(f"{self._own}.json")

    def latest(self) -> "tuple[Facts, dict[str, torch.Tensor]] | None":
        """Return what was saved last."""
        from safetensors.torch import load

        facts = self._read(f"{self._own}/state.json")
        if facts is None:
            return None
        return facts, load(self._objects.get(self._epoch(facts["epochs"])))

    def save(self, facts: Facts, tensors: "Mapping[str, torch.Tensor]") -> None:
        """Keep the state after ``facts["epochs"]`` epochs, the file that says so last, and drop the one before."""
        from safetensors.torch import save

        done = int(facts["epochs"])
        self._objects.put(self._epoch(done), save({name: tensor.contiguous() for name, tensor in tensors.items()}))
        self._objects.put_json(f"{self._own}/state.json", facts)
        self._objects.delete(self._epoch(done - 1))

    def finish(self, facts: Facts) -> None:
        """Keep the result, and drop every state of this task's, those of fine-tunings that were given up too."""
        self._objects.put_json(f"{self._own}.json", facts)
        for key in sorted(self._objects.keys(self._task), reverse=True):  # state.json before what it names
            if key.count("/") > self._own.count("/"):
                self._objects.delete(key)

    def _epoch(self, number: int) -> str:
        return f"{self._own}/epoch-{number}.safetensors"

    def _read(self, key: str) -> Facts | None:
        try:
            found: Facts = self._objects.get_json(key)
        except ObjectMissing:
            return None
        return found
