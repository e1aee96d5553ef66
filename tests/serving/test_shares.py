"""Two releases side by side in one server."""

from collections import Counter

import httpx
import pytest

from perennial.errors import EndpointError, ImageRejected
from perennial.serving.client import predict, running
from perennial.settings import Settings
from tests.serving.conftest import Served
from tests.small_world import picture

RED = picture("red", 1)


def ask(served: Served, times: int) -> Counter[str]:
    with httpx.Client() as client:
        answers = [client.post(f"{served.url}/v1/models/colours:predict", content=RED) for _ in range(times)]
    return Counter(answer.json()["predictions"][0]["release"] for answer in answers)


def test_each_release_answers_its_share(served: Served) -> None:
    served.world.write_record(stable=served.stable, canary=served.other, state="shifting", share=30)
    before = served.until(lambda facts: facts["share"] == 30 and facts["canary"] == served.other)
    assert ask(served, 100) == {served.stable: 70, served.other: 30}
    after = served.facts()
    counts = [
        after["releases"][release]["requests"] - before["releases"][release]["requests"]
        for release in (served.stable, served.other)
    ]
    assert counts == [70, 30]


def test_a_canary_without_traffic_answers_those_who_name_it(served: Served) -> None:
    served.world.write_record(stable=served.stable, canary=served.other, state="staged")
    served.until(lambda facts: facts["canary"] == served.other)
    assert ask(served, 20) == {served.stable: 20}
    assert predict(served.url, "colours", RED, release=served.other)["model_version"] == 2


def test_a_release_that_is_not_there_is_told(served: Served) -> None:
    with pytest.raises(EndpointError, match="no ready release 'nowhere'"):
        predict(served.url, "colours", RED, release="nowhere")
    with pytest.raises(EndpointError, match="no model 'shapes'"):
        predict(served.url, "shapes", RED)
    with pytest.raises(ImageRejected, match="not a JPEG"):
        predict(served.url, "colours", b"no image")
    with pytest.raises(EndpointError, match="Start one with 'perennial serve colours'"):
        predict("http://127.0.0.1:9", "colours", RED)


def test_the_swap_of_stable_and_previous_is_seen(served: Served) -> None:
    served.world.write_record(stable=served.other, previous=served.stable)
    served.until(lambda facts: facts["stable"] == served.other)
    assert ask(served, 5) == {served.other: 5}
    assert predict(served.url, "colours", RED, release=served.stable)["model_version"] == 1


def test_a_damaged_canary_is_reported_and_stable_serves_on(served: Served) -> None:
    objects = served.world.objects
    damaged = served.world.release(3)
    key = f"releases/colours/{damaged}/heads/colours/head.safetensors"
    whole = objects.get(key)
    objects.put(key, whole[:-1])
    served.world.write_record(stable=served.stable, canary=damaged, state="shifting", share=50)
    facts = served.until(lambda facts: bool(facts["releases"].get(damaged, {}).get("reason")))
    assert "was changed after it was made" in facts["releases"][damaged]["reason"]
    assert facts["releases"][damaged]["ready"] is False
    assert ask(served, 10) == {served.stable: 10}
    objects.put(key, whole)
    served.until(lambda facts: facts["releases"][damaged]["ready"])


def test_a_record_that_vanishes_or_is_damaged_is_reported_and_serving_goes_on(served: Served) -> None:
    for trouble, sentence in ((None, "is gone"), (b"{", "is damaged")):
        served.world.objects.delete("endpoints/colours.json")
        if trouble:
            served.world.objects.put("endpoints/colours.json", trouble)
        facts = served.until(lambda facts, sentence=sentence: sentence in facts["store_trouble"])  # type: ignore[misc]
        assert facts["stable"] == served.stable
        assert ask(served, 5) == {served.stable: 5}


def test_the_running_server_is_found_for_its_own_store_and_endpoint_alone(served: Served) -> None:
    settings = served.world.settings
    assert running("colours", settings) == served.address
    assert running("shapes", settings) is None
    assert running("colours", Settings.load(home=settings.home, store="file:///elsewhere")) is None
