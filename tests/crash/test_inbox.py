"""kill -9 of the inbox's listener at seeded moments while objects come: each is a row once, and the inbox ends empty."""

import json
import random
import threading
import time
from pathlib import Path

import pytest

from perennial.catalog.quarantine import quarantined
from perennial.sources.inbox.taking import Taker
from tests.sources.inbox.conftest import Store, bucket, folder, minio, store  # noqa: F401 (fixtures)
from tests.sources.inbox.drops import IntoBucket, picture, sidecar
from tests.sources.inbox.listening import Listening, until

SEED = 7
OBJECTS, KILLS = 1000, 10
BAD = {f"walls/bad {number}.png": f"no picture {number}".encode() for number in range(12)}


def key_of(number: int) -> str:
    """Return where picture ``number`` is dropped: a third below one folder, a third below another, a third in none."""
    return (f"walls/{number}.png", f"doors/deep/{number} ü.png", f"{number}.png")[number % 3]


def fields_of(number: int) -> dict[str, str]:
    return {"number": str(number)} | ({"folder": ("walls", "deep")[number % 3]} if number % 3 < 2 else {})


def actions(store: Store, moments: random.Random) -> list[tuple[str, bytes, dict[str, str]]]:  # noqa: F811
    """Return all that is dropped, in an order of chance: pictures, the sidecars of some, tags on the others, bad ones."""
    tagged = isinstance(store.inbox, IntoBucket)
    dropped: list[tuple[str, bytes, dict[str, str]]] = [(key, data, {}) for key, data in BAD.items()]
    for number in range(OBJECTS):
        tags = {"number": str(number)} if tagged and number % 2 else {}
        dropped.append((key_of(number), picture(number), tags))
        if not tags:
            dropped.append((f"{key_of(number)}.json", sidecar(number=number), {}))
        if number % 20 == 0:  # once more: the same again, written over the first or after it was taken
            dropped.append((key_of(number), picture(number), tags))
    moments.shuffle(dropped)
    return dropped


@pytest.mark.crash
@pytest.mark.timeout(900)
def test_a_thousand_objects_and_ten_kills(store: Store, tmp_path: Path) -> None:  # noqa: F811
    moments = random.Random(SEED)
    dropped = actions(store, moments)
    going = threading.Event()
    lying = store.inbox.keys

    def drop() -> None:
        for key, data, tags in dropped:
            going.wait()
            store.inbox.drop(key, data, tags)
            time.sleep(0.01)

    dropper = threading.Thread(target=drop, name="dropper")
    dropper.start()
    killed_at_work = 0
    for _ in range(KILLS):
        listener = Listening(store.variables, tmp_path / "home")
        going.set()
        listener.wait_until_up()
        time.sleep(moments.uniform(0.0, 1.5))
        killed_at_work += bool(store.inbox.keys())
        listener.kill()
        going.clear()
    assert killed_at_work >= KILLS // 2
    going.set()
    dropper.join()

    listener = Listening(store.variables, tmp_path / "home")
    waiting = ".json"  # a sidecar that came after its picture was taken waits a minute for another one
    until(lambda: all(key.endswith(waiting) for key in lying()), 120, lambda: listener.said[-5:])
    listener.wait_until_up()
    assert listener.end() == 0
    Taker(store.catalog, late_s=0).take_all()

    assert store.inbox.keys() == []
    rows = store.catalog.images().to_pylist()
    assert len(rows) == OBJECTS
    assert {row["post"] for row in rows} == {f"inbox/{key_of(number)}" for number in range(OBJECTS)}
    found = store.rows
    for number in range(OBJECTS):
        row = found[key_of(number)]
        assert json.loads(str(row["metadata"])) == fields_of(number), key_of(number)
    assert {record.name for record in quarantined(store.objects)} == BAD.keys()
    assert len(list(store.objects.keys("quarantine"))) == 3 * len(BAD)
