"""docs/operations.md, from installing to taking down, and over the volumes that stay again."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from perennial.learning.model import model_prefix
from tests.cluster import kubectl as k
from tests.cluster.installation import Installation
from tests.cluster.volumes import make_volumes, needed

PAGE = k.ROOT / "docs" / "operations.md"
COMMANDS = [
    line.removeprefix("$ ")
    for block in re.findall(r"```console\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    for line in block.splitlines()
    if line.startswith("$ ")
]
TAKEN = ("AWS_", "MLFLOW_", "PERENNIAL_STORE", "PERENNIAL_MLFLOW", "PERENNIAL_KFP")
"""Variables that the page sets by itself."""

SESSION = """
set -eo pipefail
trap 'kill $(jobs -p) 2>/dev/null' EXIT
perennial() {
    case "$* " in
        "schedule manifests"*|"run "*"--cluster"*) command perennial "$@" --package "$PACKAGE" ;;
        *) command perennial "$@" ;;
    esac
}
"""


@pytest.mark.timeout(3600)
def test_the_page(installed: Installation, tmp_path: Path) -> None:
    for name in ("manifests", "docs"):
        (tmp_path / name).symlink_to(k.ROOT / name)
    told = "\n".join(f"printf '%s\\n' {quoted('$ ' + command)}\n{command}" for command in COMMANDS)
    environment = {key: value for key, value in os.environ.items() if not key.startswith(TAKEN)}
    environment |= {"PACKAGE": str(installed.package), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    log = Path(os.environ.get("PERENNIAL_TEST_LOG") or tmp_path / "operations.log")
    with log.open("w") as file:
        done = subprocess.run(
            ["bash", "-c", SESSION + told], cwd=tmp_path, env=environment, stdout=file, stderr=file, check=False
        )
    assert done.returncode == 0, log.read_text()[-3000:]

    assert k.kubectl("get", "namespace", k.NAMESPACE, "--ignore-not-found", "-o", "name") == ""
    left = k.kubectl("-n", k.PIPELINES, "get", "serviceaccount,role,rolebinding,secret", "-o", "name").splitlines()
    assert [name for name in left if "perennial" in name] == []
    if not needed():
        return
    assert {volume["status"]["phase"] for volume in k.objects("pv")} == {"Released"}
    make_volumes(k.image("perennial-step"))
    k.apply()
    k.wait_ready()
    with Installation.forwarded(installed.package, tmp_path) as again:
        champion = again.registry.champion("demo")
        assert champion is not None
        assert again.objects.exists(f"{model_prefix('demo', champion.digest)}/model.json")
        assert again.catalog.labelled("demo").num_rows > 0


def quoted(text: str) -> str:
    """Return a text as one word of a shell."""
    return "'" + text.replace("'", "'\\''") + "'"
