"""One server for all tests of the routes."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from perennial.serving.address import Address
from perennial.serving.client import report
from tests.small_world import World, server, template, waited


@dataclass(frozen=True)
class Served:
    """A running server and its world; ``stable`` serves, ``other`` may be made its canary."""

    world: World
    address: Address
    stable: str
    other: str

    @property
    def url(self) -> str:
        return self.address.url

    def facts(self) -> dict[str, Any]:
        facts = report(self.url)
        assert facts is not None
        return facts

    def until(self, reached: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Wait until the server reports what is asked for."""
        return waited(self.facts, reached)


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    world = template(tmp_path_factory.getbasetemp()).copy(tmp_path_factory.mktemp("served") / "home")
    stable, other = world.release(1), world.release(2)
    world.write_record(stable=stable)
    with server(world) as address:
        yield Served(world, address, stable, other)


@pytest.fixture
def served(shared: Served) -> Served:
    """The server with its stable release alone."""
    shared.world.write_record(stable=shared.stable)
    shared.until(lambda facts: set(facts["releases"]) == {shared.stable})
    return shared
