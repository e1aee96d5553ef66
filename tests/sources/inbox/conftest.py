"""A store with an inbox, of each kind: a folder, and a bucket on a MinIO, as the service ``inbox`` may use it."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from perennial.catalog.access import Keys, Place
from perennial.catalog.bucket import set_up_bucket
from perennial.catalog.catalog import Catalog
from perennial.catalog.objects import Objects
from perennial.processes import free_port
from tests.minio_server import MINIO, ROOT, needs_minio, running_minio
from tests.sources.inbox.drops import Dropping, IntoBucket, IntoFolder

TOKEN = "open-sesame"  # noqa: S105


@dataclasses.dataclass(frozen=True)
class Store:
    """A store's catalog and its inbox, and the whole of it, as one who may do anything there.

    ``variables`` are those with which a process of its own comes to the same.
    """

    catalog: Catalog
    whole: Catalog
    inbox: Dropping
    variables: dict[str, str]

    @property
    def objects(self) -> Objects:
        return self.whole.objects

    @property
    def rows(self) -> dict[str, dict[str, object]]:
        """Return the images by their posts."""
        return {row["post"].removeprefix("inbox/"): row for row in self.catalog.images().to_pylist()}


@dataclasses.dataclass(frozen=True)
class Server:
    """A running MinIO, and the port to which it sends notifications."""

    endpoint: str
    port: int


@pytest.fixture(scope="session")
def minio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    if not MINIO:
        pytest.skip(needs_minio.kwargs["reason"])
    port = free_port()
    variables = {"ENABLE": "on", "ENDPOINT": f"http://127.0.0.1:{port}/", "AUTH_TOKEN": TOKEN}
    told = {f"MINIO_NOTIFY_WEBHOOK_{name}_INBOX": value for name, value in variables.items()}
    with running_minio(tmp_path_factory.mktemp("minio"), **told) as endpoint:
        yield Server(endpoint, port)


@pytest.fixture
def folder(tmp_path: Path) -> Store:
    url = (tmp_path / "store").as_uri()
    catalog = Catalog.open(Objects.open(url))
    return Store(catalog, catalog, IntoFolder(url), {"PERENNIAL_STORE": url})


@pytest.fixture
def bucket(minio: Server, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A bucket of the test's own."""
    name = "b" + str(abs(hash(request.node.nodeid)))
    keys = Keys(f"{name}-inbox", "inbox-password")
    set_up_bucket(Place.of(minio.endpoint, f"s3://{name}/store"), ROOT, {"inbox": keys}, wait_s=60)
    variables = {
        "PERENNIAL_STORE": f"s3://{name}/store",
        "PERENNIAL_INBOX_PORT": str(minio.port),
        "PERENNIAL_INBOX_TOKEN": TOKEN,
        "AWS_ENDPOINT_URL": minio.endpoint,
        "AWS_ACCESS_KEY_ID": keys.access,
        "AWS_SECRET_ACCESS_KEY": keys.secret,
    }
    for variable, value in {**variables, "AWS_ACCESS_KEY_ID": ROOT.access, "AWS_SECRET_ACCESS_KEY": ROOT.secret}.items():
        monkeypatch.setenv(variable, value)
    whole = Catalog.open(Objects.open(variables["PERENNIAL_STORE"]))
    for variable, value in variables.items():
        monkeypatch.setenv(variable, value)
    catalog = Catalog.open(Objects.open(variables["PERENNIAL_STORE"]))
    return Store(catalog, whole, IntoBucket(minio.endpoint, name), variables)


@pytest.fixture(params=["folder", "bucket"])
def store(request: pytest.FixtureRequest) -> Store:
    found: Store = request.getfixturevalue(request.param)
    return found
