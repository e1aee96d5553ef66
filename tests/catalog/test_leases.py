import os
import threading
import time

import pytest

from perennial.catalog.leases import lease
from perennial.catalog.objects import Objects
from perennial.errors import LeaseHeld, LeaseLost
from tests.catalog.drawn import start_python


def test_the_fence_grows_with_each_holder(objects: Objects) -> None:
    fences = []
    for _ in range(3):
        with lease(objects, "endpoint-regions") as held:
            held.check()
            fences.append(held.fence)
    assert fences == [1, 2, 3]


def test_a_second_holder_is_told_by_whom_and_what_to_do(objects: Objects) -> None:
    told = rf"'run' is being worked on by process {os.getpid()} on .*Wait for it"
    with lease(objects, "run"), pytest.raises(LeaseHeld, match=told), lease(objects, "run"):
        pass
    with lease(objects, "other"), lease(objects, "run") as held:
        held.check()


def test_waiting_takes_the_lease_once_it_is_given_back(objects: Objects) -> None:
    inside, fences = threading.Event(), []

    def hold() -> None:
        with lease(objects, "run") as held:
            fences.append(held.fence)
            inside.set()
            time.sleep(0.3)

    thread = threading.Thread(target=hold)
    thread.start()
    inside.wait(10)
    with lease(objects, "run", wait_s=10) as held:
        fences.append(held.fence)
    thread.join()
    assert fences == [1, 2]


def test_it_is_renewed_while_it_is_held(objects: Objects) -> None:
    with lease(objects, "run", ttl_s=0.6) as held:
        time.sleep(1.3)
        held.check()
        with pytest.raises(LeaseHeld), lease(objects, "run"):
            pass


def test_an_expired_one_is_taken_over_and_its_holder_may_not_write(objects: Objects) -> None:
    with lease(objects, "run", ttl_s=60) as stale:
        expired = objects.get_json("leases/run.json") | {"expires": 0.0}
        objects.put_json("leases/run.json", expired)
        with pytest.raises(LeaseLost, match="it expired"):
            stale.check()
        with lease(objects, "run") as held:
            assert held.fence == stale.fence + 1
            with pytest.raises(LeaseLost, match="took it over"):
                stale.check()
            held.check()
    assert objects.get_json("leases/run.json")["fence"] == 2


HOLD = """
import sys, time
from perennial.catalog.leases import lease
from perennial.catalog.objects import Objects
with lease(Objects.open(sys.argv[1]), "run") as held:
    Objects.open(sys.argv[1]).put("held", b"")
    time.sleep(60)
"""


def test_a_killed_holder_of_this_machine_is_replaced_at_once(objects: Objects, url: str) -> None:
    process = start_python(HOLD, url)
    deadline = time.monotonic() + 30
    while not objects.exists("held") and time.monotonic() < deadline:
        time.sleep(0.05)
    with pytest.raises(LeaseHeld, match=f"process {process.pid} on"), lease(objects, "run"):
        pass
    process.kill()
    with lease(objects, "run", wait_s=5) as held:
        assert held.fence == 2
    process.wait()


COUNT = """
import sys
from perennial.catalog.leases import lease
from perennial.catalog.objects import Objects
objects = Objects.open(sys.argv[1])
for _ in range(8):
    with lease(objects, "run", wait_s=60) as held:
        before = int(objects.get("count")) if objects.exists("count") else 0
        objects.put("count", str(before + 1).encode())
        assert held.fence == before + 1
"""


def test_processes_never_hold_it_together(objects: Objects, url: str) -> None:
    processes = [start_python(COUNT, url) for _ in range(2)]
    assert [process.wait(100) for process in processes] == [0, 0]
    assert objects.get("count") == b"16"
