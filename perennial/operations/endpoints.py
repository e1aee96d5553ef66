"""Looking after all endpoints of a store, as a scheduled job or an operator does."""

from collections.abc import Iterator

from perennial.catalog.catalog import Catalog
from perennial.catalog.objects import Objects
from perennial.deployment.reconcile import reconcile
from perennial.deployment.states import Progress
from perennial.errors import ClusterUnavailable, EndpointError, LeaseHeld, PerennialError, RegistryError, StoreError
from perennial.operations.definitions import present
from perennial.operations.runs import reopen
from perennial.registry import Registry
from perennial.settings import Settings


def known_endpoints(objects: Objects) -> list[str]:
    """Return the names of the endpoints that ever had a release."""
    return sorted(key.removeprefix("endpoints/").removesuffix(".json") for key in objects.keys("endpoints"))


def reconcile_all(settings: Settings, names: list[str], progress: Progress) -> Iterator[tuple[str, str]]:
    """Reconcile these endpoints, or all, and yield what was done as endpoint and sentence.

    An endpoint that can't be looked after doesn't keep the others from it.

    Raises:
        EndpointError: there never was a release on one of these names; or, at the end, what was wrong with some endpoints.
        ClusterError: the cluster is away.
        StoreError, RegistryError: store or registry can't be read or written.
    """
    objects = Objects.open(settings.store_url)
    catalog, registry = Catalog.open(objects), Registry(settings.mlflow_uri)
    known, troubles = known_endpoints(objects), []
    for name in names:
        if name not in known:
            raise EndpointError(f"There is no endpoint '{name}' with a release. Known here: {', '.join(known) or 'none'}.")
    for name in names or known:
        try:
            done = reconcile(
                name, catalog, registry, settings, lambda task: present(task, objects, settings.tasks), progress=progress
            )
        except LeaseHeld:
            yield name, f"{name} is being deployed to and was left alone."
            continue
        except (ClusterUnavailable, StoreError, RegistryError):
            raise
        except PerennialError as error:
            troubles.append(str(error))
            continue
        for task in done.superseded:
            reopen(objects, task, "queued")
        for sentence in done.sentences:
            yield name, sentence
    if troubles:
        raise EndpointError(" ".join(troubles))
