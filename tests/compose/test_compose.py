"""compose.yaml: what every service has, where its secrets are, and that it fits images, settings and manifests."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from components.images import COMPOSE, KUSTOMIZATION, NAMES, ON_REQUEST, ROOT, kustomize, tag
from perennial.cli import app
from perennial.operations.secret_files import FOLDER, PLACES, file_names
from perennial.operations.wanted import OWN, PIPELINES, random_password
from perennial.settings import SECRETS, Settings
from tests.stages import named, stages

Document = dict[str, Any]
CONTENT: Document = yaml.safe_load((ROOT / COMPOSE).read_text(encoding="utf-8"))
SERVICES: dict[str, Document] = CONTENT["services"]
PREFIX, DIGEST = "ghcr.io/acme/", f"sha256:{'a' * 64}"
ONE_SHOT = {"minio-volume", "set-up"}
OF_OTHERS = {"minio", "postgres", "mlflow"}
each_service = pytest.mark.parametrize("name", SERVICES)


def compose_command() -> list[str]:
    """Return how Compose is called here, if it is."""
    if docker := shutil.which("docker"):
        there = subprocess.run([docker, "compose", "version"], capture_output=True, check=False)
        if there.returncode == 0:
            return [docker, "compose"]
    alone = shutil.which("docker-compose")
    return [alone] if alone else []


@each_service
def test_nothing_runs_as_root_or_may_become_it_or_writes_where_it_should_not(name: str) -> None:
    service = SERVICES[name]
    assert service["user"] == "10001:10001"
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "cap_add", "devices", "pid", "ipc", "userns_mode"} & service.keys()
    assert name in ONE_SHOT or "/tmp" in service["tmpfs"]  # noqa: S108
    assert not [volume for volume in service.get("volumes", ()) if "docker.sock" in str(volume)]


def each_that_stays_has_a_healthcheck(services: dict[str, Document]) -> None:
    for name in services.keys() - ONE_SHOT:
        image = named(services[name]["image"]).name.removeprefix("perennial-")
        assert "healthcheck" in services[name] or "\nHEALTHCHECK " in stages()[image], name


def images_are_those_of_the_manifests(services: dict[str, Document], manifests: Document) -> None:
    entries = {entry["name"]: entry for entry in manifests["images"]}
    for name in services.keys() - {"minio"}:
        image = named(services[name]["image"])
        entry = entries[image.name]
        assert f"{image.place}{image.name}" == entry.get("newName", entry["name"])
        assert (image.tag, image.digest) == (entry["newTag"], entry.get("digest", ""))
        assert entry["name"].removeprefix("perennial-") in NAMES


@each_service
def test_each_service_that_stays_is_started_again(name: str) -> None:
    service = SERVICES[name]
    assert service["restart"] == ("no" if name in ONE_SHOT else "unless-stopped")


@each_service
def test_published_ports_are_on_loopback(name: str) -> None:
    assert all(port.startswith("127.0.0.1:") for port in SERVICES[name].get("ports", ()))


@each_service
def test_secrets_come_as_files_that_the_service_has(name: str) -> None:
    service = SERVICES[name]
    environment, given = service.get("environment", {}), set(service.get("secrets", ()))
    secret = {key for wanted in (*OWN, *PIPELINES) for key, make in wanted.made.items() if make is random_password}
    assert not secret & environment.keys()
    named = {value.removeprefix("/run/secrets/") for key, value in environment.items() if key.endswith("_FILE")}
    assert named <= given
    if name == "set-up":
        assert given == set(file_names())
        assert set(PLACES) <= environment.keys()
    elif name == "minio":
        (token,) = given - named
        assert f"</run/secrets/{token};" in " ".join(service["entrypoint"])
    else:
        assert named == given


def test_the_secrets_are_those_that_make_secrets_makes() -> None:
    assert CONTENT["secrets"] == {name: {"file": f"{FOLDER}/{name}"} for name in file_names()}
    assert f"{FOLDER}/" in (ROOT / ".gitignore").read_text().splitlines()


@pytest.mark.parametrize("name", set(SERVICES) - ONE_SHOT - OF_OTHERS)
def test_variables_are_settings_that_there_are(name: str) -> None:
    known = {f"PERENNIAL_{setting.upper()}" for setting in Settings.model_fields}
    known |= {"AWS_ENDPOINT_URL", "AWS_REGION", "AWS_ACCESS_KEY_ID", "MLFLOW_TRACKING_USERNAME"}
    assert SERVICES[name].get("environment", {}).keys() <= known | {f"{secret}_FILE" for secret in SECRETS}


def test_users_are_those_that_set_up_makes() -> None:
    made = {wanted.name: wanted.made for wanted in (*OWN, *PIPELINES)}
    for service in SERVICES.values():
        environment = service.get("environment", {})
        for name, password in (
            ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
            ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"),
        ):
            if file := environment.get(f"{password}_FILE"):
                secret = file.removeprefix("/run/secrets/").removesuffix(f".{password}")
                assert environment[name] == made[secret][name]()


def test_images_are_those_of_the_manifests_and_say_how_they_are() -> None:
    images_are_those_of_the_manifests(SERVICES, yaml.safe_load((ROOT / KUSTOMIZATION).read_text()))
    each_that_stays_has_a_healthcheck(SERVICES)
    (minio,) = re.findall(r"image: (minio/minio:\S+)", (ROOT / "manifests/base/minio.yaml").read_text())
    assert SERVICES["minio"]["image"] == minio


def test_what_make_bump_writes_is_right_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERENNIAL_TAG", "v7")
    (tmp_path / COMPOSE).write_text((ROOT / COMPOSE).read_text())
    manifests = kustomize(PREFIX, tmp_path, {name: DIGEST for name in NAMES if name not in ON_REQUEST})
    services = yaml.safe_load((tmp_path / COMPOSE).read_text())["services"]
    assert services["inbox"]["image"] == f"{PREFIX}perennial-step:v7@{DIGEST}"
    images_are_those_of_the_manifests(services, yaml.safe_load(manifests.read_text()))
    each_that_stays_has_a_healthcheck(services)


def test_make_images_writes_names_and_tags(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERENNIAL_TAG", "v7")
    (tmp_path / COMPOSE).write_text((ROOT / COMPOSE).read_text())
    kustomize("ghcr.io/acme/", tmp_path, {"step": "sha256:1"})
    images = {name: service["image"] for name, service in yaml.safe_load((tmp_path / COMPOSE).read_text())["services"].items()}
    assert images["inbox"] == "ghcr.io/acme/perennial-step:v7@sha256:1"
    assert images["server"] == "ghcr.io/acme/perennial-server:v7"
    assert images["minio"] == SERVICES["minio"]["image"]
    kustomize("", tmp_path)
    assert f"    image: perennial-step:{tag()}\n" in (tmp_path / COMPOSE).read_text()


def test_what_the_page_tells_to_type_is_there() -> None:
    page = (ROOT / "docs/deploy.md").read_text(encoding="utf-8")
    targets = set(re.findall(r"(?m)(?:^|`|&& )make ([a-z]+)\b", page))
    assert targets >= {"images", "secrets", "demo"}
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert not [target for target in targets if not re.search(rf"(?m)^{target}:", makefile)]
    services = set(re.findall(r"docker compose (?:exec|logs -f|stop|config --images) ([a-z-]+)(?=[`\s)])", page))
    assert services == {"runner", "postgres"}
    assert services <= SERVICES.keys()
    commands = set(re.findall(r"docker compose exec \S+ perennial ([a-z-]+)", page))
    assert commands >= {"doctor", "releases"}
    assert commands <= typer.main.get_command(app).commands.keys()
    settings = set(re.findall(r"\$\{([A-Z]+)", (ROOT / COMPOSE).read_text(encoding="utf-8")))
    assert not [setting for setting in settings if f"{setting}=" not in page]
    assert {f"perennial_{volume}" for volume in CONTENT["volumes"]} <= set(re.findall(r"perennial_[a-z]+", page))


@pytest.mark.skipif(not compose_command(), reason="there is no docker compose here to read the file")
def test_compose_reads_it_and_asks_for_the_task(monkeypatch: pytest.MonkeyPatch) -> None:
    command = [*compose_command(), "--file", str(ROOT / COMPOSE), "--env-file", "/dev/null", "config", "--quiet"]
    monkeypatch.delenv("TASK", raising=False)
    without = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "Write into the file .env which task runs" in without.stderr
    monkeypatch.setenv("TASK", "walls")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
