"""What the commands that need a cluster say without one: one sentence, exit code 2."""

from pathlib import Path

import pytest

from tests.test_cli import perennial, refused

NOWHERE = {"PERENNIAL_KFP": "", "KUBECONFIG": "/nowhere"}


@pytest.mark.parametrize("command", [("run", "demo", "--cluster"), ("schedule", "demo"), ("schedule",), ("follow", "some-run")])
def test_without_an_address(command: tuple[str, ...], tmp_path: Path) -> None:
    assert "PERENNIAL_KFP isn't set" in refused(*command, folder=tmp_path, **NOWHERE)


@pytest.mark.parametrize("option", [("--wait",), ("--package", "x.yaml")])
def test_options_for_the_cluster_alone(option: tuple[str, ...], tmp_path: Path) -> None:
    assert "add --cluster" in refused("run", "demo", *option, folder=tmp_path)


@pytest.mark.parametrize("option", [("--every", "6h"), ("--serve",)])
def test_options_for_this_machine_alone(option: tuple[str, ...], tmp_path: Path) -> None:
    assert "perennial schedule" in refused("run", "demo", "--cluster", *option, folder=tmp_path)


def test_the_doctor_without_a_cluster(tmp_path: Path) -> None:
    ended = perennial("doctor", "--cluster", folder=tmp_path, **NOWHERE)
    assert ended.returncode == 2
    assert "Traceback" not in ended.stderr
    assert "KUBECONFIG" in ended.stdout
    assert "PERENNIAL_KFP" in ended.stdout


def test_the_doctor_here(tmp_path: Path) -> None:
    ended = perennial("doctor", "--json", folder=tmp_path)
    assert ended.returncode == 0, ended.stdout
    assert '"state": "ok"' in ended.stdout
