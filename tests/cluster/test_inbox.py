"""Pictures dropped into the bucket through the S3 API: rows within seconds, whatever becomes of the pod that takes them in."""

import io
import json
import os
import statistics
import time
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from perennial.catalog.quarantine import quarantined
from tests.cluster import kubectl as k
from tests.cluster.installation import Installation
from tests.sources.inbox.drops import picture, sidecar

WITHIN_S = 2.0
FOLDER = "store/inbox/cluster-test/"
Row = dict[str, Any]


class Dropping:
    """The inbox, as MinIO's administrator reaches it by a forwarded port."""

    def __init__(self, installed: Installation) -> None:
        from minio import Minio

        root = k.secret(k.NAMESPACE, "minio-root")
        place = os.environ["AWS_ENDPOINT_URL"].removeprefix("http://")
        self.client = Minio(place, root["MINIO_ROOT_USER"], root["MINIO_ROOT_PASSWORD"], secure=False)
        self.installed = installed

    def drop(self, name: str, data: bytes, tags: Mapping[str, str] | None = None) -> None:
        from minio.commonconfig import Tags

        named = Tags.new_object_tags()
        named.update(tags or {})
        self.client.put_object("perennial", FOLDER + name, io.BytesIO(data), len(data), tags=named if tags else None)

    def left(self) -> list[str]:
        found = self.client.list_objects("perennial", FOLDER, recursive=True)
        return [str(one.object_name).removeprefix(FOLDER) for one in found]

    def rows(self) -> dict[str, Row]:
        """Return the rows of what was dropped, by name."""
        rows = self.installed.catalog.images(None, ("id", "post", "metadata")).to_pylist()
        below = "inbox/cluster-test/"
        return {row["post"].removeprefix(below): row for row in rows if row["post"].startswith(below)}


@pytest.fixture
def inbox(installed: Installation) -> Iterator[Dropping]:
    yield Dropping(installed)
    k.kubectl("-n", k.NAMESPACE, "scale", "deployment/inbox", "--replicas=1")


def test_a_dropped_picture_is_a_row_within_two_seconds(inbox: Dropping) -> None:
    took = []
    for number in range(11):
        inbox.drop(f"fast {number}.png.json", sidecar(number=number))
        inbox.drop(f"fast {number}.png", picture(number), {"place": "Portugal"})
        began = time.monotonic()
        k.until(inbox.rows, lambda rows, number=number: f"fast {number}.png" in rows, 60, 0.05)
        took.append(time.monotonic() - began)
    assert json.loads(inbox.rows()["fast 3.png"]["metadata"]) == {"folder": "cluster-test", "place": "Portugal", "number": "3"}
    assert statistics.median(took[1:]) < WITHIN_S, took
    k.until(inbox.left, lambda left: not left, 60)


def test_a_bad_one_is_moved_with_the_reason(inbox: Dropping) -> None:
    inbox.drop("bad.png", b"no picture")
    k.until(inbox.left, lambda left: not left, 60)
    (record,) = [one for one in quarantined(inbox.installed.objects) if one.name == "cluster-test/bad.png"]
    assert "not a JPEG, PNG or WebP" in record.reason
    assert inbox.installed.objects.get(f"quarantine/inbox/{record.digest}.bin") == b"no picture"


def test_what_is_dropped_while_nobody_listens_is_taken_in_afterwards(inbox: Dropping) -> None:
    k.kubectl("-n", k.NAMESPACE, "scale", "deployment/inbox", "--replicas=0")
    k.until(lambda: k.objects("pod", "-n", k.NAMESPACE, "-l", "app.kubernetes.io/name=inbox"), lambda pods: not pods, 120)
    inbox.drop("while down.png", picture(100))
    k.kubectl("-n", k.NAMESPACE, "scale", "deployment/inbox", "--replicas=1")
    k.until(inbox.rows, lambda rows: "while down.png" in rows, 180)
    k.until(inbox.left, lambda left: not left, 60)


def test_a_pod_that_is_killed_loses_nothing(inbox: Dropping) -> None:
    names = {f"killed {number}.png" for number in range(100)}
    for number, name in enumerate(sorted(names)):
        inbox.drop(name, picture(1000 + number), {"number": str(number)})
        if number in (30, 70):
            k.kubectl("-n", k.NAMESPACE, "delete", "pod", "-l", "app.kubernetes.io/name=inbox", "--grace-period=0", "--force")
    k.until(inbox.left, lambda left: not left, 300)
    assert names <= inbox.rows().keys()
    assert len(inbox.installed.catalog.image_ids()) == len(set(inbox.installed.catalog.image_ids()))
