"""What actionlint and zizmor can't know of the workflows: this project's make targets, variables and rules."""

import importlib.util
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.images import CODE, ROOT, SETTINGS
from releasing.images import REGISTRY

FOLDER = ROOT / ".github" / "workflows"
FILES = sorted(FOLDER.glob("*.yaml"))
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
TARGETS = set(re.findall(r"(?m)^([a-z][a-z-]*):", MAKEFILE))
LOGIN = 'docker login ghcr.io --username "$GITHUB_ACTOR" --password-stdin <<< "$TOKEN"'
"""The one step that is no make target: on a person's machine it is done once, by hand."""

Document = dict[str, Any]


@pytest.fixture(params=FILES, ids=lambda file: file.stem)
def file(request: pytest.FixtureRequest) -> Path:
    path: Path = request.param
    return path


@pytest.fixture
def workflow(file: Path) -> Document:
    content: Document = yaml.safe_load(file.read_text(encoding="utf-8"))
    return content


def steps(workflow: Document) -> list[Document]:
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


def test_there_are_workflows() -> None:
    assert {file.stem for file in FILES} == {"check", "images", "deploy", "release", "updates"}


def test_actions_are_pinned_by_commit_with_the_version_beside(file: Path) -> None:
    lines = [line for line in file.read_text(encoding="utf-8").splitlines() if "uses:" in line]
    assert lines
    for line in lines:
        assert re.search(r"uses: [\w-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line), line


def test_an_action_has_one_version_everywhere() -> None:
    pins: dict[str, set[str]] = {}
    for file in FILES:
        for action, pin in re.findall(r"uses: (\S+)@(.*)", file.read_text(encoding="utf-8")):
            pins.setdefault(action, set()).add(pin)
    assert {action for action, found in pins.items() if len(found) > 1} == set()


def test_permissions_are_none_but_what_each_job_states(workflow: Document) -> None:
    assert workflow["permissions"] == {}
    for name, job in workflow["jobs"].items():
        assert isinstance(job.get("permissions"), dict), name
    assert "pull_request_target" not in workflow[True]  # YAML reads the key 'on' as true


def test_what_may_write_doesnt_run_on_a_pull_request() -> None:
    for file in FILES:
        workflow = yaml.safe_load(file.read_text(encoding="utf-8"))
        if "pull_request" in workflow[True]:
            granted = [access for job in workflow["jobs"].values() for access in job["permissions"].values()]
            assert set(granted) == {"read"}, file.name


def test_each_job_ends_and_each_workflow_waits_its_turn(workflow: Document) -> None:
    assert workflow["concurrency"]["group"]
    assert all(0 < job["timeout-minutes"] <= 180 for job in workflow["jobs"].values())


def test_a_checkout_keeps_no_credentials(workflow: Document) -> None:
    for step in steps(workflow):
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False


def test_each_step_that_runs_something_is_a_make_target(workflow: Document) -> None:
    for step in steps(workflow):
        for line in step.get("run", "").splitlines():
            command, *rest = line.split()
            assert line == LOGIN or (command == "make" and rest[0] in TARGETS), line
            assert "${{" not in line


def test_images_are_started_before_they_are_pushed_and_signed() -> None:
    jobs = yaml.safe_load((FOLDER / "images.yaml").read_text(encoding="utf-8"))["jobs"]
    targets = [step["run"].split()[1] for step in jobs["build"]["steps"] if step.get("run", "").startswith("make ")]
    assert targets == ["room", "tools", "missing-images", "test-containers", "sbom", "scan", "push"]
    assert jobs["sign"]["needs"] == "build"


def test_a_release_publishes_what_was_verified() -> None:
    jobs = yaml.safe_load((FOLDER / "release.yaml").read_text(encoding="utf-8"))["jobs"]
    targets = [step["run"].split()[1] for step in jobs["build"]["steps"] if step.get("run", "").startswith("make ")]
    assert targets == ["tools", "notes", "verify", "packages"]  # verify writes what publish takes
    assert jobs["publish"]["needs"] == "build"


def test_what_a_step_needs_is_installed_before() -> None:
    needs = {"sbom": "syft", "scan": "grype", "sign": "cosign", "verify": "cosign", "sign-packages": "cosign"}
    tools = {tool.rpartition("@")[0].rpartition("/")[2] for tool in re.findall(r"\S+@v[\d.]+", MAKEFILE)}
    assert set(needs.values()) <= tools
    for file in FILES:
        for job in yaml.safe_load(file.read_text(encoding="utf-8"))["jobs"].values():
            installed: set[str] = set()
            for line in (step.get("run", "") for step in job["steps"]):
                if given := re.fullmatch(r"make tools ONLY=(\S+)", line):
                    installed |= set(given[1].split(","))
                    assert installed <= tools, line
                elif line.startswith("make "):
                    assert needs.get(line.split()[1]) in {None, *installed}, (file.name, line)


def test_images_are_built_when_what_is_in_them_changes() -> None:
    workflow = yaml.safe_load((FOLDER / "images.yaml").read_text(encoding="utf-8"))
    paths = {path.removesuffix("/**").removesuffix("/*.txt") for path in workflow[True]["push"]["paths"]}
    assert {*CODE, ".dockerignore"} <= paths
    assert (ROOT / "dashboard" / SETTINGS).is_dir()  # inside a folder that is named


def test_who_signs_is_who_is_asked_for() -> None:
    signers = {match for file in FILES for match in re.findall(r"SIGNER: (.*)", file.read_text(encoding="utf-8"))}
    (signer,) = signers
    named = re.search(r"/(\.github/workflows/\S+)@refs/heads/main$", signer)
    assert named
    assert "make sign\n" in (ROOT / named[1]).read_text(encoding="utf-8")


def test_each_step_that_asks_the_registry_is_told_which() -> None:
    for file in FILES:
        workflow = yaml.safe_load(file.read_text(encoding="utf-8"))
        for job in workflow["jobs"].values():
            asking = [step["run"] for step in job["steps"] if step.get("run", "").removeprefix("make ") in REGISTRY]
            variables = workflow.get("env", {}) | job.get("env", {})
            assert not asking or variables.get("IMAGES", "").endswith("/"), (file.name, asking)


def test_tests_run_on_the_oldest_python_that_is_allowed() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    jobs = yaml.safe_load((FOLDER / "check.yaml").read_text(encoding="utf-8"))["jobs"]
    assert project["requires-python"] == f">={jobs['test']['strategy']['matrix']['python'][0]}"


def test_each_group_of_packages_has_its_update() -> None:
    spec = importlib.util.spec_from_file_location("resolve", ROOT / "locks" / "resolve.py")
    assert spec
    assert spec.loader
    resolve = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(resolve)
    jobs = yaml.safe_load((FOLDER / "updates.yaml").read_text(encoding="utf-8"))["jobs"]
    assert jobs["lock"]["strategy"]["matrix"]["group"] == list(resolve.GROUPS)
    groups = {package: resolve.group_of(package) for package in resolve.locked()}
    assert {group for group in resolve.GROUPS if group not in groups.values()} == set()
    assert [groups[package] for package in ("ruff", "kfp", "torch", "httpx")] == ["tools", "platform", "learning", "rest"]


def test_what_a_fork_has_to_set_stands_in_the_documentation() -> None:
    page = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
    for file in FILES:
        text = file.read_text(encoding="utf-8")
        assert f"`{file.name}`" in page
        wanted = re.findall(r"(?:vars|secrets)\.(\w+)", text) + re.findall(r"environment: (\w+)", text)
        assert [name for name in wanted if f"`{name}`" not in page] == []


def test_each_target_has_a_rule() -> None:
    phony = {name for line in re.findall(r"(?m)^\.PHONY:(.*)$", MAKEFILE) for name in line.split()}
    assert phony == TARGETS
