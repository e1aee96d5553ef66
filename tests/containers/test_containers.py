"""Every image runs on a read-only root, as nobody in particular, without capabilities: a step, a prediction, a page."""

import base64
import json
from pathlib import Path

import pytest

from components.images import tag
from tests.containers.containers import BUILT, Containers, described, docker, image
from tests.e2e.bench import draw

TASK = """\
name: walls
classes: [brick, glass]
label: {rule: folder}
sources: [{type: folder, path: /given/walls}]
backbone: {network: resnet18, weights: 'random:0', resize: 64, crop: 64, engine: ENGINE}
"""
FETCH = """\
import sys, urllib.request as r
print(r.urlopen(r.Request(sys.argv[1], headers=dict(h.split(": ") for h in sys.argv[2:])), timeout=60).read().decode())
"""
SETUID = "find / -xdev -type f -perm /6000"


@pytest.mark.parametrize("name", BUILT)
def test_an_image_says_what_it_is_and_whose_it_runs_as(name: str) -> None:
    config = described(name)
    assert config["User"] == "10001:10001"
    labels = {key.removeprefix("org.opencontainers.image."): value for key, value in config["Labels"].items()}
    assert (labels["title"], labels["version"]) == (f"perennial-{name}", tag(name))
    assert ("Healthcheck" in config) is bool(config.get("ExposedPorts"))


@pytest.mark.parametrize("name", BUILT)
def test_an_image_has_nothing_that_makes_root_of_others(name: str) -> None:
    assert docker("run", "--rm", "--network", "none", "--user", "0", "--entrypoint", "sh", image(name), "-c", SETUID) == ""


@pytest.mark.parametrize("name", [name for name in BUILT if name != "postgres"])
def test_torch_is_where_it_trains_and_nowhere_else(name: str, containers: Containers) -> None:
    code = "import importlib.util as u; print(u.find_spec('torch') is not None)"
    said = docker("run", "--rm", "--network", "none", "--entrypoint", "python", image(name), "-c", code)
    assert said.strip() == str(name == "train")


@pytest.mark.parametrize(("name", "engine"), [("server", "openvino"), ("server-onnxruntime", "onnxruntime")])
def test_steps_a_prediction_and_a_page(name: str, engine: str, containers: Containers, tmp_path: Path) -> None:
    given = tmp_path / "given"  # a container's user may read it, but not pytest's own folder
    (given / "tasks").mkdir(parents=True)
    (given / "tasks" / "walls.yaml").write_text(TASK.replace("ENGINE", engine))

    def promotes(image: str, pictures: range) -> bool:
        for material in ("brick", "glass"):
            draw(given / "walls", material, pictures)
        ended = json.loads(containers.once(image, "run", "walls", "--json", given=given))
        return bool(ended["outcome"] == "promoted")

    assert promotes("train", range(120))  # it exports the backbone, for which it needs torch
    assert promotes("step", range(120, 180))

    server = containers.start(name, "serve", "--endpoint", "walls")
    asked = ["/given/walls/brick/000.png", "/given/walls/glass/001.png"]
    told = json.loads(containers.once("step", "predict", "walls", *asked, "--json", given=given, beside=server))
    assert [answer["class"] for answer in told.values()] == ["brick", "glass"]

    page = containers.start("dashboard", "dashboard", beside=server)
    assert "streamlit" in docker("exec", page, "python", "-c", FETCH, "http://127.0.0.1:8501/").lower()
    assert "Traceback" not in containers.logs(server) + containers.logs(page)

    docker("stop", "--time", "60", server)
    assert json.loads(docker("inspect", server))[0]["State"]["ExitCode"] == 0


def test_mlflow_on_postgresql(containers: Containers) -> None:
    shared = {"MLFLOW_DB_PASSWORD": "between the two"}
    database = containers.start("postgres", keeps="/var/lib/postgresql/data", POSTGRES_PASSWORD="of the database", **shared)  # noqa: S106
    own = shared | {"MLFLOW_ADMIN_PASSWORD": "of the administrator", "MLFLOW_FLASK_SERVER_SECRET_KEY": "of its forms"}
    mlflow = containers.start(
        "mlflow",
        keeps="",
        beside=database,
        POSTGRES_HOST="127.0.0.1",
        MLFLOW_ADMIN_USERNAME="admin",
        MLFLOW_ARTIFACTS_DESTINATION="file:///tmp/artifacts",
        **own,
    )
    basic = f"authorization: Basic {base64.b64encode(b'admin:of the administrator').decode()}"
    url = "http://127.0.0.1:5000/api/2.0/mlflow/experiments/get?experiment_id=0"
    assert '"Default"' in docker("exec", mlflow, "python", "-c", FETCH, url, basic)
    docker("stop", "--time", "60", database)
    assert json.loads(docker("inspect", database))[0]["State"]["ExitCode"] == 0
