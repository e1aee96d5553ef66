import threading
from pathlib import Path

import pytest

from perennial.catalog.objects import Objects
from perennial.errors import ObjectMissing, StoreError, StoreReadOnly, StoreUnavailable
from tests.catalog.conftest import NO_S3, S3
from tests.catalog.drawn import run_python, start_python


def test_what_was_put_is_got(objects: Objects) -> None:
    objects.put("a/b.bin", b"one")
    objects.put("a/b.bin", b"two")
    assert objects.get("a/b.bin") == b"two"
    assert objects.exists("a/b.bin")
    objects.delete("a/b.bin")
    objects.delete("a/b.bin")
    for number in range(5):
        objects.put(f"many/{number}", b"")
    objects.delete_all(["many/0", "many/none", "many/3", "many/4"])
    assert list(objects.keys("many")) == ["many/1", "many/2"]
    objects.delete_all([])
    assert not objects.exists("a/b.bin")


def test_a_missing_object_is_named(objects: Objects) -> None:
    with pytest.raises(ObjectMissing, match="no object models/none"):
        objects.get("models/none")


def test_create_writes_once(objects: Objects) -> None:
    assert objects.create("a", b"first")
    assert not objects.create("a", b"second")
    assert objects.get("a") == b"first"


def test_keys_are_sorted_and_below_whole_parts_of_the_prefix(objects: Objects) -> None:
    for key in ("b/2", "b/1/x", "bb/3", "c"):
        objects.put(key, b"")
    objects.update("b/0", lambda _: b"")
    assert list(objects.keys("b")) == ["b/0", "b/1/x", "b/2"]
    assert list(objects.keys()) == ["b/0", "b/1/x", "b/2", "bb/3", "c"]
    assert list(objects.keys("nothing")) == []


@pytest.mark.parametrize("key", ["", "/a", "a/", "a//b", "../a", "a/../../b"])
def test_a_key_stays_inside_the_store(objects: Objects, key: str) -> None:
    with pytest.raises(StoreError, match="is no key"):
        objects.put(key, b"")


def test_json_comes_back_and_damage_is_told(objects: Objects) -> None:
    objects.put_json("a.json", {"b": [1, "é"]})
    assert objects.get_json("a.json") == {"b": [1, "é"]}
    assert not objects.create_json("a.json", {})
    objects.put("a.json", b'{"b": ')
    with pytest.raises(StoreError, match=r"a\.json .* is damaged"):
        objects.get_json("a.json")


def test_updates_from_threads_lose_nothing(objects: Objects) -> None:
    def count() -> None:
        for _ in range(10):
            objects.update("counter", lambda data: str(int(data or b"0") + 1).encode())

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert objects.get("counter") == b"40"


def test_updates_from_processes_lose_nothing(objects: Objects, url: str) -> None:
    code = """
        import sys
        from perennial.catalog.objects import Objects
        for _ in range(20):
            Objects.open(sys.argv[1]).update("counter", lambda data: str(int(data or b"0") + 1).encode())
    """
    processes = [start_python(code, url) for _ in range(3)]
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    assert objects.get("counter") == b"60"


def test_a_change_that_raises_changes_nothing(objects: Objects) -> None:
    objects.put("a", b"before")
    with pytest.raises(ZeroDivisionError):
        objects.update("a", lambda _: bytes(1 // 0))
    assert objects.get("a") == b"before"


def folder_with(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def test_a_published_folder_comes_back(objects: Objects, tmp_path: Path) -> None:
    made = folder_with(tmp_path / "made", model_json="{}", heads__a_bin="weights")
    objects.publish("models/regions/ab", made)
    objects.publish("models/regions/ab", folder_with(made, model_json="changed"))
    for _ in range(2):
        there = objects.folder("models/regions/ab")
        assert (there / "model.json").read_text() == "{}"
        assert (there / "heads/a.bin").read_text() == "weights"


def test_without_its_marker_nothing_is_published(objects: Objects, tmp_path: Path) -> None:
    objects.put("models/regions/ab/head.bin", b"half")
    with pytest.raises(ObjectMissing, match="Nothing is published under models/regions/ab"):
        objects.folder("models/regions/ab")
    with pytest.raises(StoreError, match="needs exactly one of"):
        objects.publish("models/regions/cd", folder_with(tmp_path / "made", head_bin="x"))


@pytest.mark.parametrize("url", ["", "/store", "gs://bucket", "s3://", "file://host/store", "file:store"])
def test_a_url_that_names_no_store_is_refused(url: str) -> None:
    with pytest.raises(StoreUnavailable, match="names no store"):
        Objects.open(url)


def test_a_store_that_does_not_answer_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
    with pytest.raises(StoreUnavailable, match=r"s3://bucket failed at reading a .*Check that it is up"):
        Objects.open("s3://bucket").get("a")


READ_ONLY = """
import sys
from perennial.catalog.objects import Objects
from perennial.errors import StoreReadOnly
from tests.catalog.drawn import become_nobody
become_nobody()
objects = Objects.open(sys.argv[1])
assert objects.get("a") == b"there"
for write in (lambda: objects.put("b", b""), lambda: objects.create("b", b""), lambda: objects.update("a", lambda d: d)):
    try:
        write()
        raise SystemExit("was written")
    except StoreReadOnly as error:
        print(error)
"""


def test_a_read_only_store_is_read_and_says_why_it_is_not_written(open_folder: Path) -> None:
    Objects.open(open_folder.as_uri()).put("a", b"there")
    open_folder.chmod(0o555)
    done = run_python(READ_ONLY, open_folder.as_uri())
    open_folder.chmod(0o755)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("can't be written") == 3


def test_a_store_that_can_not_be_made_says_so() -> None:
    with pytest.raises((StoreReadOnly, StoreUnavailable), match="making the folder"):
        Objects.open("file:///dev/null/store")


FULL = """
import resource, sys
from perennial.catalog.objects import Objects
from perennial.errors import StoreFull
objects = Objects.open(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
objects.put("small", b"fits")
try:
    objects.put("large", bytes(10_000))
except StoreFull as error:
    print(error)
assert list(objects.keys()) == ["small"], list(objects.keys())
"""


def test_a_full_store_says_so_and_keeps_what_it_had(tmp_path: Path) -> None:
    done = run_python(FULL, tmp_path.as_uri())
    assert done.returncode == 0, done.stderr
    assert "has no room left for writing large" in done.stdout


@pytest.mark.skipif(not S3, reason=NO_S3)
def test_an_s3_server_is_among_the_stores(url: str) -> None:
    assert S3.startswith("s3://")
