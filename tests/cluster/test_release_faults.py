"""Servers gone wrong in each way: the release goes back by itself, says why, and what serves isn't touched."""

import time

import pytest

from tests.cluster import endpoints as e
from tests.cluster.faults import NAMES, broken, fault_of
from tests.cluster.load import put_down
from tests.cluster.releases import ENDPOINT, NAME, Served

KNOWN_S = 60
"""Within so many seconds after a fault can be known, the canary has no traffic any more."""


@pytest.mark.parametrize("name", NAMES)
def test_a_fault_takes_a_release_back(served: Served, name: str) -> None:
    champion, other = served.versions()
    stable = e.wait_role(ENDPOINT, "stable")
    canary = f"{ENDPOINT}-b" if stable == f"{ENDPOINT}-a" else f"{ENDPOINT}-a"
    fault, before = fault_of(name, canary), untouched(served, stable)
    with broken(ENDPOINT, name), served.load(part=0.25) as load, e.Timeline(ENDPOINT) as seen:
        deployed = served.offer(other, ready_s=fault.ready_s)
        ended = time.time()
    late = ended - fault.known_at(seen)
    put_down(f"fault: {name}", deployed["sentence"], f"It was taken back {late:.0f} s after it could be known.", load=load)

    assert (deployed["outcome"], deployed["version"]) == ("rolled_back", other), deployed
    assert fault.tells(deployed["reason"]), deployed
    assert served.reason_in_mlflow(other) == deployed["reason"]
    assert any(deployed["reason"][:200] in message for message in e.events(canary, "RolledBack")), deployed
    assert late <= KNOWN_S

    assert untouched(served, stable) == before
    assert (served.stand().champion, served.stand().traffic) == (champion, {champion: 100})
    begin, end = seen.split()
    assert [answer for answer in load.failed if not (fault.costs and begin <= answer.at <= end)] == []
    assert {answer.version for answer in load.between(end + 1, time.time())} <= {str(champion)}


def test_a_run_says_why_its_release_was_taken_back(served: Served) -> None:
    """The same through the pipeline: in the run's outcome, in MLflow and in an Event; what it learnt isn't lost."""
    champion, _ = served.versions()
    task = served.task()
    served.next_day()
    with broken(ENDPOINT, "wrong"), served.load(part=0.1) as load:
        ended = served.installed.run(task)
    put_down("a run with a fault", load=load)
    run = ended["run"]
    outcome, deployed = served.installed.facts(NAME, run, "outcome") or {}, served.outcome(run)
    assert outcome["outcome"] == "rolled back", (outcome, ended)
    assert "golden image" in outcome["sentence"]
    assert served.reason_in_mlflow(deployed["version"]) == deployed["reason"]
    found = [message for colour in e.colours(ENDPOINT) for message in e.events(colour, "RolledBack")]
    assert any(deployed["reason"][:200] in message for message in found)
    assert load.failed == []
    assert set(load.by_version) == {str(champion)}
    served.next_day()
    assert served.installed.run(task)["outcome"] == "promoted"


def test_new_server_code_that_is_wrong(served: Served) -> None:
    """No version is concerned: the reason stands in the history, in an Event, and is what the command says."""
    before = e.release_record(served.installed, ENDPOINT).stable
    with broken(ENDPOINT, "errors"), served.load(part=0.25) as load, e.Timeline(ENDPOINT) as seen:
        said = served.command("perennial", "reconcile", "--endpoint", ENDPOINT, code=None)
    put_down("new server code that is wrong", said, load=load)
    record = e.release_record(served.installed, ENDPOINT)
    assert (record.stable, record.canary) == (before, None)
    back = record.last("rolled_back")
    assert back is not None
    assert back.reason
    assert back.reason.rstrip(".") in " ".join(said.split())
    found = [message for colour in e.colours(ENDPOINT) for message in e.events(colour, "RolledBack")]
    assert any(back.reason[:200] in message for message in found)
    begin, end = seen.split()
    assert [answer for answer in load.failed if not begin <= answer.at <= end] == []
    assert "Nothing to do" in served.reconcile()  # the template is the earlier one again


def untouched(served: Served, stable: str) -> object:
    """Return what a fault of another colour must leave as it is."""
    record = e.release_record(served.installed, ENDPOINT)
    pods = sorted((pod.name, pod.ready, pod.restarts) for pod in e.pods(stable))
    return record.stable, pods, e.weights(ENDPOINT), e.selected(ENDPOINT)
