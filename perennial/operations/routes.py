"""Which way a run takes from labelled images to a challenger, looked up without torch and without MLflow."""

from dataclasses import dataclass

from perennial.catalog.catalog import Catalog
from perennial.deployment.champion import served_digest
from perennial.learning.tuned import backbone_of, wanted
from perennial.operations.ways import Way
from perennial.task import Task


@dataclass(frozen=True)
class Route:
    """A way, the digest of the backbone that the run starts with, None where the store hasn't got it, and the images to embed."""

    way: Way
    backbone: str | None
    images: int


def route(task: Task, catalog: Catalog) -> Route:
    """Choose the way of a run that has something to learn.

    Raises:
        BackboneError: the task's weights are wrongly written.
    """
    backbone = backbone_of(task, catalog.objects, served_digest(task, catalog.objects))
    labelled = catalog.labelled(task.name)["image"].to_pylist()
    if wanted(task, catalog.objects):
        return Route("finetune", backbone, len(labelled))
    if backbone is None:
        return Route("export", None, len(labelled))
    images = len(catalog.without_embedding(backbone, labelled))
    return Route("fan-out" if images > task.shard_images else "learn", backbone, images)
