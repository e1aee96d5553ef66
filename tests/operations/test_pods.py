"""Why a run's pod doesn't run, told from pods as a real cluster described them, and from their logs."""

import copy
from typing import Any

import pytest

from perennial.operations.pods import RunPods, step_pod
from tests.kube.recorded import recorded


class FakeKube:
    """A cluster with these pods and logs."""

    def __init__(self, pods: list[dict[str, Any]], logs: dict[str, str] | None = None) -> None:
        self.pods = pods
        self.logs = logs or {}

    def items(self, path: str, **query: str) -> list[dict[str, Any]]:
        return self.pods

    def text(self, path: str, **query: str) -> str:
        return "".join(f"2026-11-20T21:21:10.1Z {line}\n" for line in self.logs.get(path.split("/")[-2], "").splitlines())


def reasons(pods: list[dict[str, Any]], logs: dict[str, str] | None = None) -> list[str]:
    reader = RunPods("kubeflow", FakeKube(pods, logs))  # type: ignore[arg-type]
    return reader.reasons(reader.of("a run"))


def test_a_step_that_told_its_own_error_is_quoted() -> None:
    pod = recorded("ended")
    log = "[perennial] train progress: started\n[perennial] train error: The bucket is full. Free some.\nError: exit status 1"
    assert reasons([pod], {pod["metadata"]["name"]: log}) == ["Step train: The bucket is full. Free some."]


def test_of_several_steps_in_a_pod_the_one_under_way_is_named() -> None:
    pod = recorded("out_of_memory")
    log = "[perennial] embed progress: started\n[perennial] embed done: fine\n[perennial] train progress: started"
    (said,) = reasons([pod], {pod["metadata"]["name"]: log})
    assert said.startswith("Step train was killed")


def test_a_child_that_the_node_killed_alone_is_out_of_memory_too() -> None:
    pod = recorded("ended")
    (said,) = reasons([pod], {pod["metadata"]["name"]: "F1120 21:23:43.810022      24 main.go:49] failed: signal: killed"})
    assert "killed: it needed more memory" in said


def test_what_kfps_launcher_says_is_quoted() -> None:
    pod = recorded("ended")
    said_by_kfp = (
        'F1120 21:56:25.6     29 main.go:49] failed to execute component: Failed to open bucket "mlpipeline": Unauthorized'
    )
    (said,) = reasons([pod], {pod["metadata"]["name"]: said_by_kfp})
    assert said.startswith('Step learn failed in KFP\'s part: Failed to open bucket "mlpipeline": Unauthorized; its log: kubectl')
    (said,) = reasons(
        [pod], {pod["metadata"]["name"]: "F1120 21:56:25.6     29 main.go:49] failed to execute component: exit status 2"}
    )
    assert "exit code 1" in said


def test_a_pod_that_was_never_made_is_told_by_argo() -> None:
    reader = RunPods("kubeflow", FakeKube([recorded("workflow_without_account")]))  # type: ignore[arg-type]
    (said,) = reader.unmade("a run")
    assert said.startswith("The driver of step root can't start: namespace kubeflow has no service account perennial-pipeline.")


def test_a_later_attempt_that_went_well_ends_the_trouble() -> None:
    failed, again = recorded("ended"), copy.deepcopy(recorded("ended"))
    again["metadata"] |= {"name": "second", "creationTimestamp": "2026-11-20T22:00:00Z"}
    again["status"] = {"phase": "Succeeded"}
    assert reasons([again, failed]) == []
    assert len(reasons([failed])) == 1


@pytest.mark.parametrize(
    ("node", "step", "driver"),
    [
        ("wf-1.root.exit-handler-1.learn.executor", "learn", False),
        ("wf-1.root.exit-handler-1.learn.executor(1)", "learn", False),
        ("wf-1.root.exit-handler-1.condition-2.embed-3.executor", "embed-3", False),
        ("wf-1.root.exit-handler-1.learn-driver", "learn", True),
        ("wf-1.root-driver", "root", True),
    ],
)
def test_steps_are_known_by_argos_names(node: str, step: str, driver: bool) -> None:
    pod = recorded("ended")
    pod["metadata"]["annotations"] = {"workflows.argoproj.io/node-name": node}
    assert (step_pod(pod).step, step_pod(pod).driver) == (step, driver)
