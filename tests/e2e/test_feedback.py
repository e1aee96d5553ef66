"""Predict, correct, approve, run: the corrected pictures' answers change, and the report counts them."""

import io
import random
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from tests.e2e.bench import Bench, draw, until

PICTURES = 24


def odd(number: int) -> bytes:
    """Draw a wall of a kind that the model has never seen."""
    rng = random.Random(f"odd/{number}")
    picture = Image.new("RGB", (120, 96), tuple(rng.randint(20, 60) + (120 if channel == 1 else 0) for channel in range(3)))
    picture.paste((20, 20, 20), (10, 10, 40 + rng.randint(0, 30), 60))
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def predict(bench: Bench, number: int) -> dict[str, Any]:
    response = httpx.post(f"{bench.url}/v1/models/walls:predict", content=odd(number), headers={"content-type": "image/png"})
    answer: dict[str, Any] = response.raise_for_status().json()["predictions"][0]
    return answer


@pytest.mark.timeout(1200)
def test_what_people_correct_is_learnt_and_counted(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    for material in ("brick", "glass"):
        draw(tmp_path / "walls", material, range(110))
    bench("init", "walls", "--from-folder", "walls")
    bench.small_backbone("walls")
    task = tmp_path / "tasks" / "walls.yaml"
    task.write_text(f"keep_pictures: true\nrelease: {{watch_s: 1}}\n{task.read_text()}")
    bench.promotes("walls")
    token = bench("feedback", "token", "ana").strip()
    server = bench.start(sys.executable, "-m", "perennial", "serve", "walls")
    try:
        bench.ready(f"{bench.url}/v1/endpoint")
        before = [predict(bench, number) for number in range(PICTURES)]
        right = "brick" if before[0]["class"] == "glass" else "glass"
        for answer in before:
            said = {"prediction_id": answer["prediction_id"], "class": right, "comment": "Look at the windows."}
            given = httpx.post(f"{bench.url}/v1/models/walls/feedback", json=said, headers={"authorization": f"Bearer {token}"})
            assert (given.status_code, given.json()["learnable"]) == (202, True)
        until(lambda: httpx.get(f"{bench.url}/v1/endpoint").json()["journal"]["waiting"] == 0, 20)

        pending = bench.json("feedback", "list", "walls")
        assert [(row["who"], row["cls"], row["state"]) for row in pending] == [("ana", right, "pending")] * PICTURES
        assert {row["predicted"] for row in pending} == {answer["class"] for answer in before}
        bench("feedback", "reject", pending[-1]["feedback"], "--reason", "doubtful")
        bench("feedback", "approve", *(row["feedback"][:12] for row in pending[:-1]))
        bench.promotes("walls")
        until(lambda: predict(bench, 0)["model_version"] == 2, 30)
        after = [predict(bench, number) for number in range(PICTURES)]
    finally:
        server.terminate()
        server.wait()
    corrected = [now["class"] == right for then, now in zip(before, after, strict=True) if then["class"] != right]
    assert sum(corrected) >= len(corrected) * 2 / 3, corrected
    report = bench.json("report", "walls")
    assert (report["corrections"], report["corrections_waiting"], report["feedback_pending"]) == (PICTURES - 1, 0, 0)
    counted = bench.json("catalog", "sql", "select state, count(*) as n from feedback group by state order by state")
    assert counted == [{"state": "approved", "n": PICTURES - 1}, {"state": "rejected", "n": 1}]
    assert bench.json("run", "walls")["outcome"] == "nothing new"
