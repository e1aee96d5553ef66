"""A pipeline sent to a cluster and followed there, as far as that goes without one."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from perennial.errors import ClusterError, ClusterUnavailable
from perennial.kube.api import Refused
from perennial.operations.pods import RunPods
from perennial.settings import Settings
from perennial.task import load_task, parse_task
from pipelines.api import PipelinesApi
from pipelines.cluster import arguments
from pipelines.package import digest_of_package, package
from pipelines.records import Run
from pipelines.seen import Seen

PARAMETERS = {"task": {"parameterType": "STRING"}, "definition": {"parameterType": "STRING", "defaultValue": ""}}


def write(path: Path, documents: list[Any], **layout: Any) -> Path:
    path.write_text("# a comment\n" + yaml.safe_dump_all(documents, **layout), encoding="utf-8")
    return path


def documents(**changed: Any) -> list[Any]:
    return [{"root": {"inputDefinitions": {"parameters": PARAMETERS}}, "sdkVersion": "kfp", **changed}, {"platforms": {}}]


def test_a_packages_name_is_its_content(tmp_path: Path) -> None:
    names = {
        digest_of_package(write(tmp_path / "one.yaml", documents())),
        digest_of_package(
            write(tmp_path / "two.yaml", [dict(reversed(documents()[0].items())), documents()[1]], sort_keys=False)
        ),
        digest_of_package(write(tmp_path / "three.yaml", documents(), indent=7)),
    }
    assert len(names) == 1
    assert len(names.pop()) == 12
    other = write(tmp_path / "four.yaml", documents(sdkVersion="other"))
    assert digest_of_package(other) != digest_of_package(tmp_path / "one.yaml")


def test_a_given_package_is_sent_as_it_is(tmp_path: Path) -> None:
    given = write(tmp_path / "given.yaml", documents())
    with package(Settings.load(), given) as found:
        assert found.path == given


@pytest.mark.parametrize(
    "parameters",
    [{}, {"task": {}}, {**PARAMETERS, "needed": {"parameterType": "STRING"}}],
    ids=["none", "no definition", "one more that is needed"],
)
def test_another_pipelines_package_is_refused(tmp_path: Path, parameters: dict[str, Any]) -> None:
    other = write(tmp_path / "other.yaml", [{"root": {"inputDefinitions": {"parameters": parameters}}}])
    with pytest.raises(ClusterError, match=r"no package of this pipeline.*definition and task"):
        digest_of_package(other)


def test_a_package_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match=r"nowhere\.yaml can't be read"):
        digest_of_package(tmp_path / "nowhere.yaml")
    (tmp_path / "torn.yaml").write_text("a: [")
    with pytest.raises(ClusterError, match=r"torn\.yaml can't be read"):
        digest_of_package(tmp_path / "torn.yaml")


def test_a_run_is_given_the_whole_task() -> None:
    task = load_task("regions").model_copy(update={"schedule": "", "description": "'quoted': {{and}} more"})
    sent = json.loads(json.dumps(arguments(task)))
    assert sent["task"] == "regions"
    assert parse_task(sent["definition"], "what was sent") == task


def test_without_an_address_the_sentence_says_which_setting_and_command() -> None:
    with pytest.raises(ClusterUnavailable, match=r"PERENNIAL_KFP.*kubectl -n kubeflow port-forward svc/ml-pipeline"):
        PipelinesApi(Settings.load(kfp=""))


def test_where_nothing_answers_the_sentence_says_where() -> None:
    with pytest.raises(ClusterUnavailable, match=r"http://127\.0\.0\.1:9 .*connection refused.*port-forward"):
        PipelinesApi(Settings.load(kfp="http://127.0.0.1:9"))


class FakeKube:
    """A cluster whose pods and logs change from look to look."""

    def __init__(self) -> None:
        self.pods: dict[str, dict[str, Any]] = {}
        self.logs: dict[str, list[str]] = {}
        self.refuses = False

    def pod(self, step: str, phase: str, *lines: str, state: dict[str, Any] | None = None) -> None:
        about = {
            "name": f"pod-{step}",
            "namespace": "kubeflow",
            "creationTimestamp": f"2026-11-20T21:00:{len(self.pods):02d}Z",
            "annotations": {"workflows.argoproj.io/node-name": f"wf.root.loop.{step}.executor"},
        }
        statuses = [{"name": "main", "state": state or {}}]
        self.pods[step] = {
            "metadata": about,
            "spec": {"containers": []},
            "status": {"phase": phase, "containerStatuses": statuses},
        }
        self.logs[f"pod-{step}"] = list(lines)

    def items(self, path: str, **query: str) -> list[dict[str, Any]]:
        if self.refuses:
            raise Refused("Kubernetes refused GET pods: forbidden.", 403)
        return list(self.pods.values())

    def text(self, path: str, **query: str) -> str:
        lines = self.logs[path.split("/")[-2]]
        return "".join(f"2026-11-20T21:00:{second:02d}.123456789Z {line}\n" for second, line in enumerate(lines))


class Watched:
    """A run that is looked at, and all that was handed on."""

    def __init__(self) -> None:
        self.kube = FakeKube()
        self.lines: list[tuple[str, str, str]] = []
        self.notices: list[str] = []
        pods = RunPods("kubeflow", self.kube)  # type: ignore[arg-type]
        self.seen = Seen("r", pods, lambda *line: self.lines.append(line[:3]), self.notices.append)

    def look(self, **states: str) -> None:
        self.seen.look(Run("r", "a run", "RUNNING", "", None, "", states))


SCRAPED = ("noise", "[perennial] scrape progress: started", "[perennial] scrape done: 3 new posts")


def test_each_line_is_handed_on_once() -> None:
    watched = Watched()
    watched.kube.pod("scrape", "Running", *SCRAPED[:2])
    watched.look()
    watched.look()
    watched.kube.pod("scrape", "Succeeded", *SCRAPED)
    watched.look()
    watched.kube.pod("record", "Succeeded", "[perennial] record done: nothing new")
    watched.look()
    assert watched.lines == [
        ("scrape", "progress", "started"),
        ("scrape", "done", "3 new posts"),
        ("record", "done", "nothing new"),
    ]
    assert (watched.seen.outcome, watched.seen.sentence, watched.notices) == ("nothing new", "3 new posts", [])


def test_an_error_that_a_retry_mended_is_forgotten() -> None:
    watched = Watched()
    watched.kube.pod("learn", "Failed", "[perennial] train error: MLflow is away.")
    watched.look()
    assert watched.seen.error == "train: MLflow is away."
    watched.kube.pod("learn-2", "Succeeded", "[perennial] train done: 9 images learnt")
    watched.look()
    assert (watched.seen.error, watched.seen.sentence) == ("", "9 images learnt")


def test_a_pod_that_cannot_start_is_told_once_and_counts_as_stuck_until_it_starts() -> None:
    watched = Watched()
    waiting = {"waiting": {"reason": "CreateContainerConfigError", "message": 'secret "perennial-store" not found'}}
    watched.kube.pod("learn", "Pending", state=waiting)
    for _ in range(4):
        watched.look()
    assert len(watched.notices) == 1
    assert "perennial-store" in watched.notices[0]
    assert watched.seen.stuck_for() > 0
    assert watched.seen.trouble == watched.notices[0]
    watched.kube.pod("learn", "Running")
    watched.look()
    assert (watched.seen.stuck_for(), watched.seen.trouble) == (0.0, "")


def test_without_rights_to_the_pods_kfps_states_are_followed() -> None:
    watched = Watched()
    watched.kube.refuses = True
    groups = {
        "root": "RUNNING",
        "exit-handler-1": "RUNNING",
        "scrape-driver": "SUCCEEDED",
        "executor": "RUNNING",
        "condition-2": "RUNNING",
    }
    watched.look(**groups, scrape="RUNNING")
    watched.look(**groups, scrape="RUNNING")
    watched.look(**groups, scrape="SUCCEEDED")
    assert watched.lines == [("scrape", "progress", "started"), ("scrape", "done", "succeeded")]
    assert len(watched.notices) == 1
    assert "forbidden" in watched.notices[0]
