"""Why a pod doesn't run, told from pods as a real cluster described them."""

import pytest

from perennial.kube.pod_reasons import reason
from tests.kube.recorded import recorded


@pytest.mark.parametrize(
    ("name", "named"),
    [
        ("image", ("Step learn", "registry.example/made-up-absent:1", "no such host", "PERENNIAL_IMAGES")),
        ("no_gpu", ("Step learn", "1 Insufficient nvidia.com/gpu", "PERENNIAL_ACCELERATOR")),
        ("missing_secret", ("Step learn", "Secret made-up-missing", "namespace kubeflow", "set-up")),
        ("missing_key", ("Step learn", "Secret made-up-there", "no key absent")),
        ("out_of_memory", ("Step learn", "killed", "limit of 100M")),
        ("ended", ("Step learn", "exit code 1", "kubectl -n kubeflow logs perennial-continual-vjfg5")),
    ],
)
def test_each_kind_of_trouble_is_one_sentence_that_names_it(name: str, named: tuple[str, ...]) -> None:
    said = reason(recorded(name), "Step learn")
    assert said is not None
    assert all(part in said for part in named), said
    assert "\n" not in said
    assert said.endswith(".")


def test_a_time_limit_is_named() -> None:
    said = reason(recorded("late"), "step train")
    assert said == "step train ran past its time limit of 5 s and was ended; the next run goes on where it stopped."


def test_a_time_limit_that_ended_a_pod_before_its_image_came_names_the_image() -> None:
    said = reason(recorded("never_began"), "Step learn")
    assert said is not None
    assert "Step learn never began within its time limit of 1 s" in said
    assert "its image perennial-step:not-there" in said
    assert "kubectl -n kubeflow describe pod" in said


def test_a_workload_that_keeps_ending_names_its_last_log() -> None:
    said = reason(recorded("crash"), "mlflow")
    assert said == "mlflow keeps ending with exit code 3; its log: kubectl -n perennial logs crash -c main --previous."


def test_a_pod_that_is_only_starting_is_no_trouble() -> None:
    pod = recorded("missing_secret")
    pod["status"]["containerStatuses"] = [{"name": "main", "state": {"waiting": {"reason": "PodInitializing"}}}]
    assert reason(pod, "Step learn") is None
