"""A store of each kind for every test: a folder always, an S3 bucket where a server is named."""

import os
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from perennial.catalog.catalog import Catalog
from perennial.catalog.objects import Objects

S3 = os.environ.get("PERENNIAL_TEST_S3", "")
NO_S3 = "set PERENNIAL_TEST_S3=s3://bucket and AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY to run on an S3 server"


@pytest.fixture(params=["file", "s3"] if S3 else ["file"])
def url(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of an empty store."""
    if request.param == "s3":
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        return f"{S3.rstrip('/')}/{uuid.uuid4().hex}"
    return (tmp_path / "a store").as_uri()


@pytest.fixture
def objects(url: str) -> Objects:
    return Objects.open(url)


@pytest.fixture
def catalog(objects: Objects) -> Catalog:
    return Catalog.open(objects)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user may read and only this one may write (pytest's own are closed to others)."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)
