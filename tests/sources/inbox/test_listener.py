"""The command as a process: by notifications and by listing, how fast, how it ends, and what it says."""

import json
import statistics
import sys
import time
from pathlib import Path

import httpx

from perennial.processes import free_port
from tests.sources.inbox.conftest import Server, Store
from tests.sources.inbox.drops import IntoFolder, picture, sidecar
from tests.sources.inbox.listening import listening, until

WITHIN_S = 2.0


def test_what_is_notified_is_a_row_within_two_seconds(bucket: Store, tmp_path: Path) -> None:
    """Nothing is listed meanwhile but at the start."""
    took = []
    with listening(bucket.variables, tmp_path / "home", "--every", "1h") as running:
        until(lambda: httpx.get(f"http://127.0.0.1:{bucket.variables['PERENNIAL_INBOX_PORT']}/health/ready").is_success, 30)
        bucket.inbox.drop("x/first.png", picture(1000))
        until(lambda: "x/first.png" in bucket.rows, 30)
        for number in range(10):
            key = f"x/{number} ü.png"
            bucket.inbox.drop(f"{key}.json", sidecar(place=f"Oslo {number}"))
            bucket.inbox.drop(key, picture(number), {"style": "art deco"})
            took.append(until(lambda key=key: key in bucket.rows, 30))
            said = json.loads(str(bucket.rows[key]["metadata"]))
            assert said == {"folder": "x", "style": "art deco", "place": f"Oslo {number}"}
        until(lambda: not bucket.inbox.keys(), 30)
        assert running.end() == 0
        assert running.said[-1] == "inbox: ended"
    sys.stdout.write(f"from dropped to row: median {statistics.median(took):.2f} s, longest {max(took):.2f} s\n")
    assert statistics.median(took) < WITHIN_S


def test_a_late_picture_of_which_only_a_sidecar_says_something_is_notified_by_it(bucket: Store, tmp_path: Path) -> None:
    with listening(bucket.variables, tmp_path / "home", "--every", "1h"):
        bucket.inbox.drop("a.png", picture(1))
        time.sleep(1)
        assert not bucket.rows
        bucket.inbox.drop("a.png.json", sidecar(place="Oslo, Norway"))
        until(lambda: "a.png" in bucket.rows, 30)
        assert bucket.rows["a.png"]["place"] == "Oslo, Norway"


def test_what_nobody_notified_is_found_by_listing(bucket: Store, tmp_path: Path) -> None:
    bucket.inbox.drop("x/before.png", picture(1))
    elsewhere = {**bucket.variables, "PERENNIAL_INBOX_PORT": str(free_port())}
    with listening(elsewhere, tmp_path / "home", "--every", "1s") as running:
        bucket.inbox.drop("x/after.png", picture(2))
        until(lambda: bucket.rows.keys() == {"x/before.png", "x/after.png"}, 30, lambda: running.said)


def test_a_folder_is_looked_through_each_second(folder: Store, tmp_path: Path) -> None:
    inbox = IntoFolder(folder.variables["PERENNIAL_STORE"], age_s=0)
    with listening(folder.variables, tmp_path / "home") as running:
        for number in range(3):
            inbox.drop(f"x/{number}.png", picture(number))
            until(lambda number=number: f"x/{number}.png" in folder.rows, 30)
        inbox.drop("x/bad.png", b"bad")
        until(lambda: not inbox.keys(), 30)
        assert running.end() == 0
    assert [line for line in running.said if "quarantine" in line] == ["inbox: 1 into quarantine"]
    assert sum("taken in" in line for line in running.said) == 3


def test_a_store_that_is_away_is_waited_for(bucket: Store, minio: Server, tmp_path: Path) -> None:
    port = free_port()
    away = {**bucket.variables, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{free_port()}", "PERENNIAL_INBOX_PORT": str(port)}
    with listening(away, tmp_path / "home") as running:
        assert httpx.get(f"http://127.0.0.1:{port}/health/live").is_success
        until(lambda: any("Check that it is up" in line for line in running.said), 60)
        answer = httpx.get(f"http://127.0.0.1:{port}/health/ready")
        assert answer.status_code == 503
        assert running.end() == 0
