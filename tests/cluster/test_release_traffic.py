"""An endpoint under half of the load that it bears: whatever moves it, no request fails."""

import asyncio
import base64
import contextlib
import json
import subprocess
import time
import warnings
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.cluster import endpoints as e
from tests.cluster import kubectl as k
from tests.cluster.faults import new_code, template
from tests.cluster.load import Answer, Load, put_down, split_within
from tests.cluster.releases import ENDPOINT, NAME, Served, picture_of, recurring_run, soon

CLASSES = {"africa", "asia", "australia", "central-america", "europe", "middle-east", "north-america", "south-america"}
SHARE = 30


def none_failed(load: Load) -> None:
    """Check that every request was answered."""
    assert load.answers
    assert load.failed == [], f"{len(load.failed)} of {len(load.answers)} failed, first {load.failed[0]}"


def last_version(load: Load) -> str:
    """Return the version that answered last."""
    return max(load.answers, key=lambda answer: answer.at).version


def test_a_recurring_run_ends_in_a_promoted_inference_service(served: Served) -> None:
    run, load = served.recurring or recurring_run(served)
    put_down("a recurring run", load=load)
    assert (served.installed.facts(NAME, run, "outcome") or {})["outcome"] == "promoted"
    version = next(one.number for one in served.installed.registry.versions(NAME) if one.run == run)
    assert served.outcome(run)["version"] == version
    assert str(version) in load.by_version
    none_failed(load)


def test_a_promotion(served: Served) -> None:
    champion, other = served.versions()
    with served.load() as load, e.Timeline(ENDPOINT) as seen:
        deployed = served.offer(other)
    put_down("promotion", f"{served.bears:.0f} requests per second are borne.", f"Traffic: {steps(seen)}", load=load)
    assert deployed["outcome"] == "promoted", deployed
    none_failed(load)
    assert {str(champion), str(other)} <= set(load.by_version)
    assert last_version(load) == str(other)
    stand = served.stand()
    assert (stand.champion, stand.stable, stand.previous, stand.canary) == (other, other, champion, None)
    assert (set(stand.traffic), stand.inside, stand.roles) == ({other}, other, {"stable": other, "previous": champion})
    assert len({served.installed.registry.version(NAME, number).backbone for number in (champion, other)}) == 2


def test_a_rollback_of_the_task(served: Served) -> None:
    champion, other = served.versions()
    with served.load() as load:
        served.roll_back(other)
    put_down("rollback of the task", load=load)
    none_failed(load)
    assert served.stand().champion == other
    assert last_version(load) == str(other)
    assert served.reason_in_mlflow(champion) == "by hand"


def test_a_flip(served: Served) -> None:
    champion, other = served.settled()
    with served.load() as load:
        began = time.time()
        served.command("perennial", "rollback", "--endpoint", ENDPOINT)
        took = time.time() - began
    put_down("flip", f"It took {took:.1f} s.", load=load)
    none_failed(load)
    stand = served.stand()
    assert (stand.champion, stand.stable, stand.previous) == (other, other, champion)
    assert last_version(load) == str(other)


def test_a_flip_by_kubectl_alone(served: Served) -> None:
    champion, other = served.settled()
    previous = e.wait_role(ENDPOINT, "previous")
    assert not e.stopped(previous), "the bake time is over already"
    with served.load() as load:
        by_hand(previous)
        soon(lambda: last_version(load) == str(other))
        said = served.reconcile()
    put_down("flip by kubectl", said, load=load)
    none_failed(load)
    stand = served.stand()
    assert (stand.champion, stand.stable, stand.previous, set(stand.traffic)) == (other, other, champion, {other})
    assert e.weights(ENDPOINT).keys() == {previous}
    flipped = e.release_record(served.installed, ENDPOINT).last("flipped")
    assert flipped is not None
    assert "kubectl" in flipped.reason, flipped


def test_new_server_code(served: Served) -> None:
    champion, _ = served.versions()
    with served.load() as load, template(ENDPOINT, new_code):
        before = e.release_record(served.installed, ENDPOINT).stable
        served.reconcile()
        after = e.release_record(served.installed, ENDPOINT)
    put_down("new server code", load=load)
    none_failed(load)
    assert (after.previous, after.canary) == (before, None)
    assert after.stable != before
    assert served.stand().champion == served.stand().stable == champion
    assert {answer.release for answer in load.answers} == {before, after.stable}
    served.reconcile()  # the template is the earlier one again


def test_a_killed_pod(served: Served) -> None:
    with replicas(served, 2):
        colour = e.wait_role(ENDPOINT, "stable")
        k.until(lambda: e.pods(colour), lambda pods: len([pod for pod in pods if pod.ready]) == 2, 180)
        with served.load() as load:
            k.kubectl(*e.IN, "delete", "pod", e.pods(colour)[0].name)
            k.until(lambda: e.pods(colour), lambda pods: len([pod for pod in pods if pod.ready]) == 2, 180)
        with served.load() as forced:
            k.kubectl(*e.IN, "delete", "pod", e.pods(colour)[0].name, "--force", "--grace-period=0")
            k.until(lambda: e.pods(colour), lambda pods: len([pod for pod in pods if pod.ready]) == 2, 180)
    put_down("a pod deleted", load=load)
    put_down("a pod killed without grace", "What it was answering at that moment can't be answered.", load=forced)
    none_failed(load)


def test_an_ab_splits_and_lets_promotions_wait(served: Served) -> None:
    champion, other = served.versions()
    with served.load(part=0.25) as load:  # the deployer runs all the while, on the same cores
        held = served.begin("perennial", "ab", "start", str(served.task()), str(other), "--share", str(SHARE), "--answers", "200")
        canary = e.wait_role(ENDPOINT, "canary", 300)
        k.until(lambda: e.weights(ENDPOINT), lambda weights: weights.get(canary) == SHARE, 300, 0.5)
        time.sleep(2)  # for the gateway to follow
        began = time.time()
        load.wait(600)
        answers = load.between(began, time.time())
        told = held.communicate(timeout=300)[0]
        assert held.returncode == 0, told
        queued = served.offer(other)
        k.until(lambda: served.reconcile() and e.release_record(served.installed, ENDPOINT), lambda now: now.hold is None, 300, 5)
    of_canary = count(answers, other)
    put_down("an A/B", told, f"{of_canary} of {len(answers)} answers are the canary's, {SHARE} % is its share.", load=load)
    none_failed(load)
    assert split_within(of_canary, len(answers), SHARE)
    assert queued["outcome"] == "queued", queued
    record = e.release_record(served.installed, ENDPOINT)
    assert (record.canary, record.queue) == (None, ())
    stand = served.stand()
    assert stand.champion == stand.stable
    assert stand.champion in (champion, other)


def test_a_task_added_and_one_removed(served: Served) -> None:
    """A second task comes to the endpoint by a run, and goes when the release before it comes back."""
    champion, _ = served.versions()
    before = tasks_of(served)
    with served.load(part=0.1) as load:
        assert served.learn("joined")["outcome"] == "promoted"
    put_down("a task added, by a run", load=load)
    none_failed(load)
    assert tasks_of(served) == before | {"joined"}
    assert asked(f"{served.gateway}/v1/models/joined:predict", served, {"host": e.host(ENDPOINT)})["class"] in CLASSES
    with served.load() as load:
        served.command("perennial", "rollback", "--endpoint", ENDPOINT)
    put_down("the added task removed, by a flip", load=load)
    none_failed(load)
    assert tasks_of(served) == before
    assert served.stand().champion == champion


def test_without_a_gateway_api_it_says_so_and_switches(served: Served) -> None:
    champion, other = served.versions()
    k.kubectl(*e.IN, "delete", "httproute", ENDPOINT)
    try:
        said = served.roll_back(other)
        assert "split" in said or "Gateway" in said, said
        assert e.selected(ENDPOINT) == e.colour_of(ENDPOINT, "stable")
        with k.forwarded(k.NAMESPACE, ENDPOINT, 80) as url:
            assert asked(f"{url}/v1/models/{NAME}:predict", served, {})["model_version"] == other
    finally:
        k.apply()
        soon(lambda: e.accepted(ENDPOINT), 60)
        served.reconcile()
    stand = served.stand()
    assert (stand.champion, stand.previous, set(stand.traffic)) == (other, champion, {other})
    soon(lambda: answers_at_the_gateway(served), 60)


def test_plain_curl(served: Served) -> None:
    address = f"{served.gateway}/v1/models/{NAME}:predict"
    headers = ("-H", f"Host: {e.host(ENDPOINT)}", "-H", "Content-Type: image/jpeg")
    said = subprocess.run(
        ["curl", "-sS", "--max-time", "20", *headers, "--data-binary", f"@{picture_of(served)}", address],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    answer = json.loads(said)["predictions"][0]
    assert answer["class"] in CLASSES
    assert answer["model_version"] == served.versions()[0]


@pytest.mark.parametrize("protocol", ["v1", "v2"])
def test_kserves_own_client(served: Served, protocol: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig

    text = base64.b64encode(served.pictures[0]).decode()
    headers = {"host": e.host(ENDPOINT)}

    async def ask() -> Any:
        client = InferenceRESTClient(RESTConfig(protocol=protocol, retries=0))
        request: Any = {"instances": [{"image": {"b64": text}}]}
        if protocol == "v2":
            request = InferRequest(NAME, [InferInput("image", [1], "BYTES", [text])])
        try:
            assert await client.is_model_ready(served.gateway, NAME, headers=headers)
            return await client.infer(served.gateway, request, model_name=NAME, headers=headers)
        finally:
            await client.close()

    found = asyncio.run(ask())
    if protocol == "v2":
        answer = json.loads(next(output.data[0] for output in found.outputs if output.name == "answer"))
    else:
        answer = found["predictions"][0]
    assert answer["class"] in CLASSES
    assert answer["model_version"] == served.versions()[0]


def by_hand(colour: str) -> None:
    """Give a colour all of the traffic, as docs/release.md says, by kubectl."""
    backend = {"group": "", "kind": "Service", "name": f"{colour}-predictor", "port": 80, "weight": 100}
    change = [{"op": "replace", "path": "/spec/rules/0/backendRefs", "value": [backend]}]
    k.kubectl(*e.IN, "patch", "httproute", ENDPOINT, "--type=json", "-p", json.dumps(change))


@contextlib.contextmanager
def replicas(served: Served, least: int) -> Iterator[None]:
    """Let the endpoint have so many pods of a colour while the block runs."""

    def have(count: int) -> None:
        notes = (f"perennial/min-replicas={count}", f"perennial/max-replicas={count}")
        k.kubectl(*e.IN, "annotate", "servingruntime", ENDPOINT, "--overwrite", *notes)
        served.reconcile()

    have(least)
    try:
        yield
    finally:
        have(1)


def steps(seen: e.Timeline) -> str:
    """Return the weights that were seen, in their order."""
    told: list[str] = []
    for moment in seen.moments:
        one = ", ".join(f"{colour} {weight}" for colour, weight in sorted(moment.weights.items()))
        if not told or told[-1] != one:
            told.append(one)
    return "; ".join(told)


def count(answers: list[Answer], version: int) -> int:
    """Return how many answers a version gave."""
    return len([answer for answer in answers if answer.version == str(version)])


def tasks_of(served: Served) -> set[str]:
    """Return the tasks of the stable release."""
    stable = e.release_record(served.installed, ENDPOINT).stable
    return set(served.installed.objects.get_json(f"releases/{ENDPOINT}/{stable}/release.json")["tasks"])


def asked(url: str, served: Served, headers: dict[str, str]) -> Any:
    """Return the answer for a picture."""
    told = httpx.post(url, content=served.pictures[0], headers={"content-type": "image/jpeg", **headers}, timeout=20)
    return told.raise_for_status().json()["predictions"][0]


def answers_at_the_gateway(served: Served) -> bool:
    """Return whether the endpoint answers there."""
    try:
        return bool(asked(f"{served.gateway}/v1/models/{NAME}:predict", served, {"host": e.host(ENDPOINT)}))
    except httpx.HTTPError:
        return False
