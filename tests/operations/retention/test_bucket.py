"""A store in a bucket, tidied by the user who does so on a cluster: what goes and what stays is what it is in a folder."""

import dataclasses
import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest

from perennial.catalog import feedback
from perennial.catalog.access import Keys, Place
from perennial.catalog.bucket import set_up_bucket
from perennial.catalog.images import pixels_key
from perennial.catalog.leases import lease
from perennial.catalog.objects import Objects
from perennial.catalog.quarantine import quarantine
from perennial.errors import LeaseHeld, RegistryError, StoreError
from perennial.operations.copy import copy
from perennial.operations.facts import RunFolder
from perennial.serving.record import read_record
from perennial.sources.fetched import Fetched, Journal
from perennial.task import save_task
from tests.deployment.acts import assert_settled
from tests.minio_server import ROOT, needs_minio, running_minio
from tests.operations.retention.acts import answers, back_to, counts, learn, tidied
from tests.operations.retention.conftest import MODELS
from tests.operations.retention.test_predictions import predict, say
from tests.small_world import DAY, World, picture

pytestmark = needs_minio
USERS = {service: Keys(service, f"{service}-password") for service in ("pipeline", "inbox")}
URL = "s3://perennial/store"
UNUSED = "ab" * 32
DAYS = 400


@pytest.fixture(scope="module")
def minio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a MinIO with a bucket that was set up."""
    with running_minio(tmp_path_factory.mktemp("minio")) as address:
        set_up_bucket(Place.of(address, URL), ROOT, USERS, wait_s=60)
        yield address


def become(service: str, minio: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Go on as one of the bucket's users."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", minio)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", USERS[service].access)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", USERS[service].secret)


def left_behind(world: World) -> None:
    """Have a bit of everything that goes, and of what stays beside it."""
    objects, catalog = world.objects, world.catalog
    for number in range(3):
        predict(world, f"old {number}", 100 + number, seed=number)
    feedback.add(objects, [say("waits", "old 0")])
    objects.put("pictures/ab/nobody.jpg", b"")
    quarantine(objects, "inbox", "a.png", b"no picture", "It isn't one.")
    for run in ("run-0", "run-1", "run-9"):
        RunFolder(objects, "colours", run).write("scrape", {})
    catalog.store_pixels(picture("red", 6000))
    fetched = catalog.store_pixels(picture("red", 6001))
    Journal(objects, "site").note(Fetched("one", "taken", 0, sha=fetched))
    ids, own = catalog.image_ids()[:4], world.registry.versions("colours")[0].backbone
    for key in list(objects.keys(f"backbones/{own}")):
        objects.copy(key, key.replace(own, UNUSED))
    catalog.add_embeddings(UNUSED, ids, catalog.embeddings(own, ids))
    objects.put_json("finetuning/colours/abc.json", {"backbone": UNUSED})


def lies(world: World) -> set[str]:
    """Return what lies in a store, but tables, whose files have names of chance, and leases."""
    return {key for key in world.objects.sizes() if not key.startswith(("catalog/", "leases/"))}


def test_as_in_a_folder_all_that_goes_goes_and_the_champion_learns_on(
    promoted: World, minio: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    become("pipeline", minio, monkeypatch)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    left_behind(promoted)
    since_first = (dt.datetime.now(dt.UTC).date() - DAY).days + DAYS
    task = promoted.task.model_copy(update={"archive_images_days": since_first})
    tasks = promoted.settings.home / "tasks"
    save_task(task, tasks / "colours.yaml")
    folder = dataclasses.replace(promoted, task=task).copy(tmp_path / "twin")
    settings = promoted.settings.model_copy(update={"store": URL, "tasks": tasks})
    bucket = dataclasses.replace(promoted, task=task, settings=settings)
    copy(promoted.objects, bucket.objects)
    RunFolder(bucket.objects, "colours", "run-9").write("scrape", {})  # the newest there too
    for name in ("tables", "upkeep"):
        monkeypatch.setattr(f"perennial.catalog.{name}.KEPT_VERSIONS", dt.timedelta(0))
    record = read_record(bucket.objects, "colours")
    before = {release: answers(bucket, release) for release in record.roles}
    rows = bucket.catalog.images(None, ("id", "published")).to_pylist()
    images = [row["id"] for row in rows if row["published"] == DAY]

    with lease(bucket.objects, "retention"), pytest.raises(LeaseHeld):
        tidied(bucket, DAYS)
    told = counts(tidied(bucket, DAYS, dry_run=True, keep_versions=2))
    went = tidied(bucket, DAYS, keep_versions=2)
    in_a_folder = tidied(folder, DAYS, keep_versions=2, tasks=tasks)
    everything = "predictions pictures models releases backbones embeddings runs quarantine images pixels"
    assert [name.split()[0] for name, count in counts(went).items() if count] == everything.split()
    assert counts(went) == told == counts(in_a_folder)
    assert [kind.stays for kind in went.values()] == [kind.stays for kind in in_a_folder.values()]
    assert went["old versions of tables"].bytes > 0
    assert lies(bucket) == lies(folder)
    assert counts(tidied(bucket, DAYS, keep_versions=2)) == {}

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "another machine's cache"))
    assert {release: answers(bucket, release) for release in record.roles} == before
    archived = [version for version in bucket.registry.versions("colours") if version.archived]
    assert [version.number for version in archived] == [2]
    with pytest.raises(RegistryError, match=f"perennial copy {URL}/archive/models/colours/{archived[0].digest} {URL}/models"):
        back_to(bucket, 2)
    where = f"models/colours/{archived[0].digest}"
    copy(Objects.open(f"{URL}/archive/{where}"), Objects.open(f"{URL}/{where}"))
    for version in (2, MODELS - 1):
        assert back_to(bucket, version) == "promoted"
    assert_settled(bucket, learn(bucket, 100))

    become("inbox", minio, monkeypatch)
    taking = Objects.open(URL)
    assert went["images"].count == len(images) == 60
    for id in images[::10]:
        assert len(bucket.catalog.pixels(id)) > 100
        assert not taking.exists(pixels_key(id))
    with pytest.raises(StoreError):
        taking.put(f"archive/{pixels_key(images[0])}", b"")
    with pytest.raises(StoreError):
        taking.get(f"archive/{where}/model.json")
