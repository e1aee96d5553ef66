"""The client and the commands of docs/serving.md, as they stand there; the port, the task and the picture are exchanged."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import httpx

from tests.serving.conftest import Served
from tests.small_world import picture

PAGE = (Path(__file__).parents[2] / "docs" / "serving.md").read_text(encoding="utf-8")
ROUTES = PAGE.split("\n## Routes\n")[1].split("\n## ")[0]
LIMITS, WATCHING = (PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0] for title in ("Limits", "Watching it"))
PORT = "127.0.0.1:8080"


def run(command: list[str], folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_client_and_the_commands_do_what_they_say(served: Served, tmp_path: Path) -> None:
    (tmp_path / "wall.jpg").write_bytes(picture("red", 1))
    here = served.url.removeprefix("http://")
    (client,) = re.findall(r"```python\n(.*?)```", ROUTES, re.DOTALL)
    (tmp_path / "client.py").write_text(client.replace(PORT, here), encoding="utf-8")
    assert len([line for line in client.splitlines() if line and not line.startswith("import")]) <= 10
    assert run([sys.executable, "client.py", "colours", "wall.jpg"], tmp_path).startswith("red ")
    said = []
    for block in re.findall(r"```console\n(.*?)```", ROUTES, re.DOTALL):
        for line in block.splitlines():
            words = shlex.split(line.removeprefix("$ ").replace(PORT, here).replace("walls", "colours"))
            said.append(json.loads(run([words[0], "-s", *words[1:]], tmp_path)))
    assert said[0]["predictions"][0]["class"] == "red"
    assert said[1]["predictions"][0]["colours"]["class"] == "red"
    assert said[2]["stable"] == served.stable


def test_every_figure_is_described(served: Served) -> None:
    httpx.post(f"{served.url}/v1/models/colours:predict", content=picture("red", 1), timeout=30)
    text = httpx.get(f"{served.url}/metrics").text
    names = set(re.findall(r"^# TYPE (perennial_\w+) ", text, re.MULTILINE))
    told = WATCHING.replace("`_waiting`", "perennial_journal_waiting").replace("`_lost_total`", "perennial_journal_lost_total")
    told = told.replace("`_trouble`", "perennial_journal_trouble")
    assert len(names) >= 15
    missing = [name for name in names if name not in told and not name.endswith("_created")]
    assert not missing


def test_every_error_is_described(served: Served) -> None:
    document = httpx.get(f"{served.url}/openapi.json").json()
    codes = set(document["paths"]["/v1/models/{task}:predict"]["post"]["responses"]) - {"200", "500"}
    assert {code for code in codes if f"| {code} " not in LIMITS} == set()
