"""What tests of containers need; they are run by ``make test-containers`` alone."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.containers.containers import BUILT, Containers, missing


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.containers)
            item.add_marker(pytest.mark.timeout(1200))


@pytest.fixture(scope="session", autouse=True)
def _images(request: pytest.FixtureRequest) -> None:
    if reason := missing(BUILT):
        if request.config.getoption("markexpr") == "containers":  # asked for by name
            pytest.exit(reason, 2)
        pytest.skip(reason)


@pytest.fixture
def containers() -> Iterator[Containers]:
    """Containers with a volume of their own."""
    containers = Containers()
    yield containers
    containers.close()
