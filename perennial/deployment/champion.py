"""Which model serves, without the seconds that MLflow takes where they can be spared."""

from collections.abc import Callable

from perennial.catalog.objects import Objects
from perennial.deployment.releases import served_by
from perennial.registry import Registry
from perennial.serving.record import read_record
from perennial.task import Task


def champion_digest(task: Task, objects: Objects, registry: Callable[[], Registry], *, undisturbed: bool) -> str | None:
    """Return the champion's digest, or None before the first promotion.

    The alias in the registry is the truth. Where every earlier run ended by itself (``undisturbed``), the endpoint's release
    names the same model, and reading that spares the import of MLflow; a deployment checks it against the alias anyway.
    """
    digest = served_digest(task, objects) if undisturbed else None
    if digest is not None:
        return digest
    champion = registry().champion(task.name)
    return champion.digest if champion else None


def served_digest(task: Task, objects: Objects) -> str | None:
    """Return the digest of the model that the endpoint's release names for a task, or None where there is none."""
    served = served_by(objects, task.endpoint_name, read_record(objects, task.endpoint_name).stable)
    return served[task.name].model if task.name in served else None
