"""One installation of the development overlay on the cluster that KUBECONFIG names, for all tests here."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster import kubectl as k
from tests.cluster import releases
from tests.cluster.installation import Installation, compiled
from tests.cluster.volumes import make_volumes

ORDER = (
    "test_install.py",
    "test_inbox.py",
    "test_release_traffic.py",
    "test_release_faults.py",
    "test_release_kill.py",
    "test_kill.py",
    "test_finetune.py",
    "test_faults.py",
    "test_runs.py",
    "test_operations.py",
)
"""The first ones take few days of the site's, which later ones then have; the last one takes the installation down."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    items.sort(key=lambda item: ORDER.index(item.path.name) if here in item.path.parents else -1)
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.cluster)
            item.add_marker(pytest.mark.timeout(1800))


@pytest.fixture(scope="session")
def cluster() -> None:
    """Skip where there is no cluster; refuse one where somebody has an installation."""
    if not os.environ.get("KUBECONFIG"):
        pytest.skip("KUBECONFIG names no cluster")
    answered = k.kubectl("get", "--raw", "/readyz", "--request-timeout=10s", ok=False)
    if answered.strip() != "ok":
        pytest.skip(f"the cluster of KUBECONFIG doesn't answer: {answered.strip()}")
    found = k.kubectl("get", "namespace", k.NAMESPACE, "--ignore-not-found", "-o", "name")
    if found and not os.environ.get("PERENNIAL_TEST_REUSE"):
        pytest.exit(f"{found.strip()} is there: these tests would change and delete it. PERENNIAL_TEST_REUSE=1 lets them.", 2)


@pytest.fixture(scope="session")
def package(cluster: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Compile the pipeline for a cluster without GPUs."""
    return compiled(tmp_path_factory.mktemp("package"), accelerator="")


@pytest.fixture(scope="session")
def installed(cluster: None, package: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """Apply the overlay, wait until all is ready, and forward what the tests ask."""
    make_volumes(k.image("perennial-step"))
    k.apply()
    k.wait_ready()
    with Installation.forwarded(package, tmp_path_factory.mktemp("home")) as installation:
        yield installation


@pytest.fixture(scope="session")
def served(installed: Installation) -> Iterator[releases.Served]:
    """Have a task with two versions on the endpoint, behind the gateway."""
    with releases.served(installed) as here:
        yield here
