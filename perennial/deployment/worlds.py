"""Which world an endpoint runs in: a cluster where the settings say where endpoints answer, else this machine."""

from collections.abc import Iterator
from contextlib import contextmanager

from perennial.catalog.objects import Objects
from perennial.deployment.local import LocalWorld
from perennial.deployment.server import ProvingServer
from perennial.deployment.world import World
from perennial.settings import Settings


@contextmanager
def open_world(endpoint: str, objects: Objects, settings: Settings) -> Iterator[World]:
    """Yield the world of an endpoint.

    Raises:
        ClusterError: it is a cluster, and that is away or lacks what the manifests make.
    """
    if settings.endpoint_url:
        from perennial.deployment.kserve import KServeWorld

        yield KServeWorld(endpoint, objects, settings)
        return
    with ProvingServer(endpoint, settings) as server:
        yield LocalWorld(server)
