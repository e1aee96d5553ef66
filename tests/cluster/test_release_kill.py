"""The deployer killed after each change that it makes to the cluster: run again, it comes to the undisturbed end."""

import itertools

from tests.cluster import endpoints as e
from tests.cluster.faults import new_code, template
from tests.cluster.load import put_down
from tests.cluster.releases import ENDPOINT, Served, Stand

QUICK = {"shares": [50], "watch_s": 1}
MOST = 60
"""More changes than a promotion makes."""


def test_killed_after_each_change(served: Served) -> None:
    """Two versions take turns; each turn one more change is made before the kill, until the deployer ends by itself."""
    champion, other = served.settled()
    told = []
    with served.load(part=0.25) as load:  # a server starts and ends all the while, on the same cores
        for changes in itertools.count(1):
            assert changes < MOST
            task = str(served.task(**QUICK))
            with template(ENDPOINT, new_code):  # another release each time, so that making its colour is among the changes
                first = served.command("offer", task, str(other), kill_after=changes, code=None)
                killed = "killed after" in first
                again = served.command("offer", task, str(other)) if killed else ""
            told.append(f"{changes}: {first.splitlines()[-1] if killed else 'ended by itself'}")
            stand = served.stand()
            assert stand == undisturbed(other, champion), f"{told[-1]}\n{first}\n{again}"
            assert set(e.colours(ENDPOINT).values()) == set(e.release_record(served.installed, ENDPOINT).roles)
            champion, other = other, champion
            if not killed:
                break
    put_down("killed after each change", *told, load=load)
    assert load.failed == []


def test_a_flip_killed_after_each_change(served: Served) -> None:
    """Reconciling takes it to its end, or the endpoint is as it was."""
    champion, other = served.settled()
    arguments = ("perennial", "rollback", "--endpoint", ENDPOINT)
    with served.load(part=0.25) as load:  # a server starts and ends all the while, on the same cores
        for changes in itertools.count(1):
            assert changes < MOST
            first = served.command(*arguments, kill_after=changes, code=None)
            killed = "killed after" in first
            served.reconcile()
            stand = served.stand()
            assert stand in (undisturbed(other, champion), undisturbed(champion, other)), first
            if not killed:
                break
            champion, other = stand.champion, stand.previous or 0
    assert stand == undisturbed(other, champion)
    put_down(f"a flip killed after each of {changes - 1} changes", load=load)
    assert load.failed == []


def undisturbed(version: int, before: int) -> Stand:
    """Return where an endpoint stands after a promotion that nothing disturbed."""
    roles = {"stable": version, "previous": before}
    return Stand(
        champion=version, stable=version, previous=before, canary=None, traffic={version: 100}, inside=version, roles=roles
    )
