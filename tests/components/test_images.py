"""The images' tag says what is in them, and the manifests take it."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from components import images
from components.images import BESIDE, CODE, KUSTOMIZATION, NAMES, ON_REQUEST, ROOT, SETTINGS, build, kustomize, place, tag
from perennial.errors import PerennialError, SettingsError
from tests.stages import stages


@pytest.fixture(autouse=True)
def _no_tag(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PERENNIAL_TAG", raising=False)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A small checkout, its files written in the given order."""
    return _checkout(tmp_path / "one")


def _checkout(root: Path, backwards: bool = False) -> Path:
    files = ["pyproject.toml", "README.md", "LICENSE", "components/Dockerfile", "components/entrypoints/serve_mlflow.py"]
    files += ["components/entrypoints/serve_postgres.sh", "perennial/__init__.py", "perennial/a/b.py", "pipelines/c.py"]
    files += ["dashboard/d.py", "locks/step.txt", "locks/mlflow.txt", "locks/resolve.py"]
    for name in reversed(files) if backwards else files:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"content of {name}\n")
    return root


def test_the_same_content_has_the_same_tag_on_every_machine(checkout: Path, tmp_path: Path) -> None:
    other = _checkout(tmp_path / "two", backwards=True)
    for path in (other / "perennial/__pycache__/a.pyc", other / "perennial/.hidden", other / "tests/t.py"):
        path.parent.mkdir(exist_ok=True)
        path.write_text("not in an image")
    (other / "locks/resolve.py").write_text("not in an image")
    (other / "locks/lint").mkdir()
    (other / "locks/lint/checkov.txt").write_text("not in an image")
    assert re.fullmatch("[0-9a-f]{12}", tag(root=checkout))
    assert [tag(name, checkout) for name in NAMES] == [tag(name, other) for name in NAMES]


@pytest.mark.parametrize("file", ["perennial/a/b.py", "components/Dockerfile", "locks/step.txt", "pyproject.toml"])
def test_another_content_has_another_tag(checkout: Path, file: str) -> None:
    before = tag(root=checkout)
    (checkout / file).write_text("changed")
    assert tag(root=checkout) != before


def test_a_file_that_moves_changes_the_tag(checkout: Path) -> None:
    before = tag(root=checkout)
    (checkout / "perennial/a/b.py").rename(checkout / "perennial/a/c.py")
    assert tag(root=checkout) != before


def test_a_change_of_code_leaves_the_services_beside_it_alone(checkout: Path) -> None:
    before = {name: tag(name, checkout) for name in NAMES}
    assert len({before[name] for name in NAMES if name not in BESIDE}) == 1
    (checkout / "perennial/a/b.py").write_text("changed")
    assert {name for name in NAMES if tag(name, checkout) == before[name]} == set(BESIDE)
    (checkout / "components/entrypoints/serve_mlflow.py").write_text("changed")
    assert tag("mlflow", checkout) != before["mlflow"]
    assert tag("postgres", checkout) == before["postgres"]


def test_the_variable_wins(checkout: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PERENNIAL_TAG", "v7")
    assert tag(root=checkout) == tag("mlflow", tmp_path) == "v7"


def test_neither_checkout_nor_variable_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=re.escape(f"{tmp_path} is no checkout of Perennial and PERENNIAL_TAG is not set")):
        tag(root=tmp_path)


def test_the_manifests_take_the_tags(checkout: Path) -> None:
    written = kustomize("ghcr.io/acme/", checkout)
    assert written == checkout / KUSTOMIZATION
    content = yaml.safe_load(written.read_text())
    assert content["kind"] == "Component"
    assert {image["name"] for image in content["images"]} == {f"perennial-{name}" for name in NAMES}
    step = next(image for image in content["images"] if image["name"] == "perennial-step")
    assert step == {"name": "perennial-step", "newName": "ghcr.io/acme/perennial-step", "newTag": tag(root=checkout)}
    assert "newName" not in kustomize(root=checkout).read_text()


def test_what_the_tag_counts_is_what_docker_is_given() -> None:
    given = {line[1:].removesuffix("/*.txt") for line in (ROOT / ".dockerignore").read_text().splitlines() if line[0] == "!"}
    assert given == {*CODE, f"dashboard/{SETTINGS}"}
    assert (ROOT / "dashboard" / SETTINGS / "config.toml").is_file()


def test_every_image_has_a_target_and_what_stands_beside_the_code_is_there() -> None:
    assert [target for target in stages() if target in NAMES] == list(NAMES)
    assert all((ROOT / file).is_file() for files in BESIDE.values() for file in files)


def test_what_the_dockerfile_copies_into_the_services_counts_for_their_tags() -> None:
    for name, files in BESIDE.items():
        assert set(re.findall(r"(?m)^COPY (?!--)(\S+) ", stages()[name])) == set(files) - {"components/Dockerfile"}


def test_the_base_is_named_by_digest() -> None:
    assert re.match(r"FROM \S+:\S+@sha256:[0-9a-f]{64} AS python\n", stages()["base"])


@pytest.mark.parametrize("name", NAMES)
def test_an_image_runs_as_nobody_in_particular_and_says_how_it_is_where_it_listens(name: str) -> None:
    text = stages()[name]
    assert re.findall(r"(?m)^USER (.*)$", text)[-1] == "10001:10001"
    assert ("\nEXPOSE " in text) is ("\nHEALTHCHECK " in text) is (name not in ("step", "train"))


@pytest.mark.parametrize("name", NAMES)
def test_torch_is_in_the_image_for_training_alone_and_every_package_has_hashes(name: str) -> None:
    locks = re.findall(r"(?m)^COPY (locks/\S+)", stages()[name])
    packages = {package for lock in locks for package in re.findall(r"(?m)^([a-z0-9-]+)==", (ROOT / lock).read_text())}
    assert ("torch" in packages) is (name == "train")
    assert len(re.findall("pip .*install", stages()[name])) == stages()[name].count("--require-hashes")


def test_an_unknown_image_and_a_missing_docker_are_sentences(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(PerennialError, match=r"There is no image 'steps'\. The images are mlflow, postgres"):
        build(["steps"])
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PerennialError, match="there is no docker command here"):
        build(["step"])


def test_a_place_that_isnt_one_is_a_sentence() -> None:
    assert [place(""), place("acme/"), place("acme/", registry=True)] == ["", "acme/", "acme/"]
    with pytest.raises(PerennialError, match=r"an image would be called ghcr.io/acmeperennial-step. Say IMAGES=ghcr.io/acme/."):
        place("ghcr.io/acme")
    with pytest.raises(PerennialError, match=r"Docker Hub would be asked for the images. Say which registry has them: IMAGES="):
        place("", registry=True)


@pytest.mark.parametrize(
    "arguments", [["build", "--prefix", "ghcr.io/acme"], ["build", "--push"], ["kustomize", "--prefix", "a"]]
)
def test_a_wrong_place_is_refused_with_exit_code_2(arguments: list[str]) -> None:
    command = [sys.executable, "-m", "components.images", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(r"IMAGES[ =].*\. Say .*IMAGES=\S+/\.\n", done.stderr)


def test_build_hands_docker_what_was_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    told = tmp_path / "told"
    fake = tmp_path / "docker"
    fake.write_text(f'#!/bin/sh\necho "$@" >>{told}\n')
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    build(["train", "step"], prefix="ghcr.io/acme/", base="python:3.12", push=True, docker=["--network", "host"])
    lines = told.read_text().splitlines()
    assert [line.split()[0] for line in lines] == ["build", "push", "build", "push"]
    image = f"ghcr.io/acme/perennial-step:{tag()}"
    assert f"--target step --tag {image} --build-arg TAG={tag()} --build-arg BASE=python:3.12 " in lines[0]
    assert re.search(r" --label org\.opencontainers\.image\.revision=[0-9a-f]{40}(-dirty)? --network host \.$", lines[0])
    assert lines[1] == f"push {image}"
    assert "perennial-train" in lines[2]


def test_what_needs_gigabytes_is_built_on_request_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["images", "build"])
    given = images._arguments().only.split(",")
    assert given == [name for name in NAMES if name not in ON_REQUEST]
    assert "server-cuda" in ON_REQUEST


def test_the_image_for_gpus_has_one_onnxruntime_and_the_libraries_that_it_loads() -> None:
    packages = re.findall(r"(?m)^([a-z0-9-]+)==", (ROOT / "locks/serve-onnxruntime-cuda.txt").read_text())
    assert "onnxruntime-gpu" in packages
    assert "onnxruntime" not in packages
    assert {"cublas", "cudnn", "cufft", "curand", "cuda-runtime", "cuda-nvrtc", "nvjitlink"} == {
        re.sub(r"^nvidia-|-cu\d+$", "", name) for name in packages if name.startswith("nvidia-")
    }


def test_the_locks_name_no_index() -> None:
    locks = [path.read_text() for path in (ROOT / "locks").rglob("*.txt")]
    assert len(locks) >= 7
    assert not [line for lock in locks for line in lock.splitlines() if "://" in line or line.startswith("-")]


def test_the_postgres_entry_point_is_a_shell_script_that_parses() -> None:
    script = ROOT / "components/entrypoints/serve_postgres.sh"
    assert subprocess.run(["sh", "-n", script], check=False).returncode == 0
