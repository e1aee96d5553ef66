"""Images in a registry, with stand-ins for docker, syft, grype and cosign that note how they were called."""

import base64
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.images import KUSTOMIZATION, ROOT, kustomize, tag
from perennial.errors import PerennialError
from releasing import images

PREFIX = "ghcr.io/acme/"
DIGEST = "sha256:" + "a" * 64
SIGNER = "https://github.com/acme/perennial/.github/workflows/images.yaml@refs/heads/main"

DOCKER = """
case "$*" in
  *imagetools*) grep -qxF "$last" has && echo '{"digest": "DIGEST"}' && exit; cat refusal >&2; exit 1;;
  "buildx version") [ ! -e nobuildx ];;
  "image inspect "*) grep -qxF "$last" here;;
  "push "*) echo "$last" >>has;;
esac
""".replace("DIGEST", DIGEST)
SYFT = 'echo "{}" >"${last#spdx-json=}"'
GRYPE = 'for name in $(cat bad); do case "$1" in *"/$name.spdx.json") exit 2;; esac; done'
CONTENTS = {"spdxVersion": "SPDX-2.3"}
STATEMENT = json.dumps({"predicateType": "https://spdx.dev/Document", "predicate": CONTENTS})
ENVELOPE = json.dumps({"payload": base64.b64encode(STATEMENT.encode()).decode()})
COSIGN = """
case "$1" in
  verify*) grep -qxF "$1 $last" signed || exit 1; [ "$1" = verify ] || cat printed;;
  sign) echo "verify $last" >>signed;;
  attest) echo "verify-attestation $last" >>signed;;
esac
"""


@pytest.fixture
def tools(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder of stand-ins, each of which notes its arguments in ``told`` and answers as files of the folder say.

    The registry has the images that ``has`` names, docker those of ``here``; grype refuses what ``bad`` names; cosign knows what
    ``signed`` names, and prints ``printed`` of what was attested.
    """
    scripts = {"docker": DOCKER, "syft": SYFT, "grype": GRYPE, "cosign": COSIGN}
    folder = tmp_path / "tools"
    folder.mkdir()
    for name, script in scripts.items():
        (folder / name).write_text(f'#!/bin/sh\ncd {folder}\necho "{name} $*" >>told\nfor last; do :; done\n{script}\n')
        (folder / name).chmod(0o755)
    for name in ("has", "here", "bad", "signed", "told"):
        (folder / name).touch()
    (folder / "printed").write_text(f"older\n{ENVELOPE}\n")
    (folder / "refusal").write_text("ERROR: ghcr.io/acme/x: not found\n")
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.delenv("PERENNIAL_TAG", raising=False)
    monkeypatch.setattr(images, "DIST", tmp_path / "dist")
    monkeypatch.setattr(images, "PUBLISHED", tmp_path / "dist/images.json")
    monkeypatch.setattr(images, "ROOT", tmp_path)
    return folder


def told(tools: Path, start: str = "") -> list[str]:
    return [line for line in (tools / "told").read_text().splitlines() if line.startswith(start)]


def pinned(name: str) -> str:
    return f"{PREFIX}perennial-{name}@{DIGEST}"


def test_what_the_registry_has_is_neither_built_nor_pushed_again(tools: Path) -> None:
    (tools / "has").write_text(f"{PREFIX}perennial-mlflow:{tag('mlflow')}\n")
    assert images.missing(["mlflow", "step"], PREFIX) == ["step"]
    images.push(["mlflow", "step"], PREFIX, again=False)
    assert told(tools, "docker push") == [f"docker push {PREFIX}perennial-step:{tag()}"]
    assert [image.pinned for image in images.published(PREFIX)] == [pinned("mlflow"), pinned("step")]


def test_again_pushes_without_asking_what_is_there(tools: Path) -> None:
    (tools / "has").write_text(f"{PREFIX}perennial-step:{tag()}\n")
    images.push(["step"], PREFIX, again=True)
    assert told(tools)[0].startswith("docker push")


def test_a_registry_that_doesnt_answer_is_not_one_that_lacks_the_image(tools: Path) -> None:
    (tools / "refusal").write_text("ERROR: 401 unauthorized\n")
    with pytest.raises(PerennialError, match=r"doesn't say whether it has .*401 unauthorized Log in with 'docker login'"):
        images.missing(["step"], PREFIX)


def test_a_docker_without_buildx_is_said(tools: Path) -> None:
    (tools / "refusal").write_text("unknown flag: --format\n")
    (tools / "nobuildx").touch()
    with pytest.raises(PerennialError, match=r"This docker has no buildx, which reads the registry. Install Docker with its"):
        images.missing(["step"], PREFIX)


def test_digests_of_what_isnt_published_are_refused(tools: Path) -> None:
    with pytest.raises(PerennialError, match=r"The registry has no ghcr.io/acme/perennial-step:.* published first"):
        images.digests(["step"], PREFIX)
    with pytest.raises(PerennialError, match=r"dist/images.json is missing. 'make push' or 'make digests' writes it"):
        images.published(PREFIX)


def test_digests_of_another_checkout_or_registry_are_refused(tools: Path) -> None:
    images.push(["step"], PREFIX, again=True)
    content = json.loads(images.PUBLISHED.read_text())
    with pytest.raises(PerennialError, match=f"{PREFIX}perennial-step:{tag()}, this checkout is ghcr.io/other/perennial-step"):
        images.published("ghcr.io/other/")
    images.PUBLISHED.write_text(json.dumps([content[0] | {"tag": "000000000000"}]))
    with pytest.raises(PerennialError, match=f"perennial-step:000000000000, this checkout is {PREFIX}perennial-step:{tag()}"):
        images.published(PREFIX)


def test_what_is_neither_built_here_nor_anywhere_else_is_pulled_or_a_sentence(tools: Path) -> None:
    (tools / "here").write_text(f"{PREFIX}perennial-step:{tag()}\n")
    images.pull(["mlflow", "step"], PREFIX)
    assert told(tools, "docker pull") == [f"docker pull {PREFIX}perennial-mlflow:{tag('mlflow')}"]
    (tools / "docker").write_text("#!/bin/sh\nexit 1\n")
    with pytest.raises(PerennialError, match=rf"{PREFIX}perennial-step:{tag()} is not on this machine and was not pulled"):
        images.pull(["step"], PREFIX)


def test_all_images_are_scanned_before_one_is_refused(tools: Path) -> None:
    with pytest.raises(PerennialError, match=r"contents of mlflow are not listed yet. Run 'make sbom' first"):
        images.scan(["mlflow", "step"])
    images.sbom(["mlflow", "step"], PREFIX)
    images.scan(["mlflow", "step"])
    (tools / "bad").write_text("mlflow\n")
    with pytest.raises(PerennialError, match="Refused: mlflow; the reason stands above"):
        images.scan(["mlflow", "step"])
    calls = told(tools, "grype")
    assert len(calls) == 4
    assert all("--only-fixed --fail-on high" in call for call in calls)


def test_each_image_is_signed_once_with_its_contents(tools: Path) -> None:
    images.sbom(["step", "mlflow"], PREFIX)
    images.push(["step", "mlflow"], PREFIX, again=False)
    images.sign(PREFIX, SIGNER, images.GITHUB)
    images.sign(PREFIX, SIGNER, images.GITHUB)
    assert told(tools, "cosign sign ") == [f"cosign sign --yes {pinned('step')}", f"cosign sign --yes {pinned('mlflow')}"]
    (first, _) = told(tools, "cosign attest ")
    assert "--type spdxjson --predicate" in first
    assert f"--certificate-identity {SIGNER} --certificate-oidc-issuer {images.GITHUB}" in told(tools, "cosign verify ")[0]


NAMES = ["dashboard", "mlflow", "postgres", "server", "server-onnxruntime", "step", "train"]


def entries(root: Path) -> dict[str, Any]:
    return {entry["name"]: entry for entry in yaml.safe_load((root / KUSTOMIZATION).read_text())["images"]}


def test_what_is_published_signed_and_named_by_the_manifests_is_verified(
    tools: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PERENNIAL_TAG", "v7")
    images.sbom(NAMES, PREFIX)
    images.push(NAMES, PREFIX, again=False)
    images.bump(PREFIX, tmp_path)
    step = {"name": "perennial-step", "newName": f"{PREFIX}perennial-step", "newTag": "v7", "digest": DIGEST}
    assert entries(tmp_path)["perennial-step"] == step
    assert "digest" not in entries(tmp_path)["perennial-server-cuda"]
    with pytest.raises(PerennialError, match=f"Not verified: .*{pinned('step')} has no signature of {SIGNER}"):
        images.verify(PREFIX, SIGNER, images.GITHUB, tmp_path)
    images.sign(PREFIX, SIGNER, images.GITHUB)
    images.verify(PREFIX, SIGNER, images.GITHUB, tmp_path)


def test_what_is_verified_is_what_a_release_has(tools: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERENNIAL_TAG", "v7")
    images.sbom(NAMES, PREFIX)
    images.push(NAMES, PREFIX, again=False)
    images.bump(PREFIX, tmp_path)
    images.sign(PREFIX, SIGNER, images.GITHUB)
    images.PUBLISHED.write_text("what a tag holds now")
    (tools / "printed").write_text("not an envelope\n")
    with pytest.raises(PerennialError, match=r"What cosign prints of the contents of .*@sha256:a+ can't be read"):
        images.verify(PREFIX, SIGNER, images.GITHUB, tmp_path)
    (tools / "printed").write_text(f"older\n{ENVELOPE}\n")
    images.verify(PREFIX, SIGNER, images.GITHUB, tmp_path)
    assert {image["digest"] for image in json.loads(images.PUBLISHED.read_text())} == {DIGEST}
    lists = {file.name: json.loads(file.read_text()) for file in (tmp_path / "dist/sbom").iterdir()}
    assert lists == {f"{name}.spdx.json": CONTENTS for name in NAMES}


def test_manifests_of_other_code_or_without_digests_are_not_verified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERENNIAL_TAG", "v7")
    kustomize(PREFIX, tmp_path)

    def refused(reason: str, prefix: str = PREFIX) -> None:
        with pytest.raises(PerennialError, match=reason):
            images.named(prefix, tmp_path)
        with pytest.raises(PerennialError, match=reason):
            images.verify(prefix, SIGNER, images.GITHUB, tmp_path)

    refused("step is not named by digest")
    refused(f"step is {PREFIX}perennial-step and not ghcr.io/other/perennial-step", "ghcr.io/other/")
    monkeypatch.setenv("PERENNIAL_TAG", "of-other-code")
    refused(r"step has the tag .*, this checkout is of-other-code.*'make bump' after its last change")


def test_an_unknown_image_and_a_registry_that_isnt_named_are_refused_before_anything_is_asked(
    tools: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(sentence: str, *arguments: str) -> None:
        monkeypatch.setattr(sys, "argv", ["images", *arguments])
        with pytest.raises(PerennialError, match=sentence):
            images.main()

    for command in (*images.LOCAL, *images.REGISTRY):
        refused("There is no image 'foo'. The images are mlflow", command, "--prefix", PREFIX, "--only", "step,foo")
        refused("IMAGES=ghcr.io/acme doesn't end in '/'.* Say IMAGES=ghcr.io/acme/.", command, "--prefix", "ghcr.io/acme")
    for command in images.REGISTRY:
        refused("IMAGES is not set, so Docker Hub would be asked", command)
    assert told(tools) == []


def test_without_a_signer_or_a_tool_a_sentence_says_what_to_do(tools: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images.push(["step"], PREFIX, again=True)
    with pytest.raises(PerennialError, match=r"Say with SIGNER=... whose signature counts"):
        images.sign(PREFIX, "", images.GITHUB)
    monkeypatch.setenv("PATH", str(tools / "empty"))
    with pytest.raises(PerennialError, match=r"There is no syft command here. 'make tools ONLY=syft' installs it"):
        images.sbom(["step"], PREFIX)


@pytest.mark.parametrize("command", [["images", "push"], ["images", "scan", "--only", "foo"], ["changelog", "notes", "9"]])
def test_a_refusal_is_one_sentence_with_exit_code_2(command: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", f"releasing.{command[0]}", *command[1:]], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "Traceback" not in done.stderr
