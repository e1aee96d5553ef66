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
    if undisturbed:
        served = served_by(objects, task.endpoint_name, read_record(objects, task.endpoint_name).stable)
        if task.name in served:
            return served[task.name].model
    champion = registry().champion(task.name)
    return champion.digest if champion else None
