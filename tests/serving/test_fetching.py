"""One release alone: fetched first, then served while the store is away."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from perennial.catalog.objects import Objects
from perennial.deployment.golden import TOLERANCE
from perennial.errors import BackboneError, EndpointError, ModelError, StoreUnavailable
from perennial.serving.address import read_address
from perennial.serving.client import predict, report
from perennial.serving.fetching import Fetched, fetch
from perennial.serving.releases import read_golden
from tests.serving.bucket import NAME, bucket
from tests.small_world import World, picture, settings_in, template, waited

STORE = f"s3://{NAME}"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    made = template(tmp_path_factory.getbasetemp()).copy(tmp_path_factory.mktemp("fetching") / "home")
    made.release(1)
    return made


@pytest.fixture
def away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Access to a bucket that isn't there yet; downloads are kept in this folder."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "somebody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "something")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    return tmp_path


def perennial(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "perennial", *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@contextmanager
def pinned(home: Path, release: str, store: str) -> Iterator[tuple[str, "subprocess.Popen[bytes]"]]:
    """Run ``perennial serve --release`` and yield its address once it answers."""
    settings = settings_in(home)
    environment = {f"PERENNIAL_{key}": str(getattr(settings, key.lower())) for key in ("HOME", "HTTP_PORT", "GRPC_PORT")}
    command = [sys.executable, "-m", "perennial", "serve", "--endpoint", "colours", "--release", release]
    url = f"http://127.0.0.1:{settings.http_port}"
    with subprocess.Popen(command, env={**os.environ, **environment, "PERENNIAL_STORE": store}) as process:
        try:
            waited(lambda: report(url) or process.poll(), lambda facts: facts is not None, 90)
            yield url, process
        finally:
            process.terminate()


def test_a_fetched_release_is_served_and_verified_while_the_store_is_away(world: World, away: Path) -> None:
    release = world.release(1)
    with bucket(world.settings.home / "store") as address:
        done = perennial("fetch", "--endpoint", "colours", "--release", release, AWS_ENDPOINT_URL=address, PERENNIAL_STORE=STORE)
        assert done.returncode == 0, done.stderr
        assert f"colours: release {release[:12]} and 1 backbone are here ({away}" in done.stderr
    with pinned(away / "other", release, STORE) as (url, _):
        facts = report(url)
        assert facts is not None
        assert (facts["endpoint"], facts["store"], facts["stable"], facts["canary"]) == ("colours", STORE, release, None)
        assert {digest: (told["role"], told["ready"]) for digest, told in facts["releases"].items()} == {
            release: ("stable", True)
        }
        folder = fetch(STORE, "colours", release).folder
        for golden in read_golden(folder):
            jpeg = (folder / "golden" / f"{golden.image}.jpg").read_bytes()
            answer = predict(url, golden.task, jpeg, release=release, noted=False)
            assert answer["probability"] == pytest.approx(golden.probabilities[answer["class"]], abs=TOLERANCE)
        with pytest.raises(EndpointError, match="has no ready release"):
            predict(url, "colours", picture("red", 1), release="0" * 64)


def test_a_pinned_server_reads_no_record_and_isnt_announced(world: World, tmp_path: Path) -> None:
    store = tmp_path / "store"
    shutil.copytree(world.settings.home / "store", store)
    (store / "endpoints").mkdir(exist_ok=True)
    (store / "endpoints/colours.json").write_text("{")
    release = world.release(1)
    with pinned(tmp_path / "home", release, store.as_uri()) as (url, _):
        time.sleep(1)  # four times as long as a server that follows the record takes to read it
        facts = report(url)
        assert facts is not None
        assert (facts["stable"], facts["store_trouble"]) == (release, "")
        assert read_address(settings_in(tmp_path / "home"), "colours") is None


def test_what_cant_be_fetched_is_told(world: World, away: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    release = world.release(1)
    with pytest.raises(EndpointError, match=r"'\.\./x' names no release\. Give all 64 digits"):
        fetch(STORE, "colours", "../x")
    with bucket(world.settings.home / "store") as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        with pytest.raises(ModelError, match=r"The release releases/colours/0{64} is incomplete"):
            fetch(STORE, "colours", "0" * 64)
    empty = away / "a bucket"
    shutil.copytree(world.settings.home / "store/releases", empty / "releases")
    with bucket(empty) as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        with pytest.raises(BackboneError, match=rf"that the release releases/colours/{release} needs isn't in {STORE}"):
            fetch(STORE, "colours", release)


def test_a_store_that_is_away_is_told_by_both_commands(world: World, away: Path) -> None:
    named = ("--endpoint", "colours", "--release", world.release(1))
    for command in ("fetch", "serve"):
        done = perennial(command, *named, PERENNIAL_STORE=STORE, PERENNIAL_HOME=str(away / "home"))
        assert done.returncode == 2
        assert "Traceback" not in done.stderr
        assert STORE in done.stderr


def test_serve_takes_a_release_of_an_endpoint_alone(tmp_path: Path) -> None:
    done = perennial("serve", "colours", "--release", "0" * 64, PERENNIAL_HOME=str(tmp_path))
    assert (done.returncode, done.stdout) == (2, "")
    assert "--endpoint NAME" in done.stderr


def test_a_damaged_copy_is_fetched_again(world: World, away: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    release = world.release(1)
    with bucket(world.settings.home / "store") as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        fetched = fetch(STORE, "colours", release)
        (network,) = (folder / "network.bin" for folder in fetched.backbones.values())
        whole = network.read_bytes()
        network.write_bytes(whole[:100])
        (fetched.folder / "golden.json").unlink()
        assert fetch(STORE, "colours", release) == fetched
        assert network.read_bytes() == whole
        network.write_bytes(b"")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(StoreUnavailable):
        fetch(STORE, "colours", release)


def test_what_wasnt_fetched_is_asked_of_the_store(world: World) -> None:
    prefix = f"releases/colours/{world.release(1)}"
    objects = Fetched.open(world.settings.store_url)
    assert objects.kept(prefix) is None
    assert objects.folder(prefix) == Objects.open(world.settings.store_url).folder(prefix)
