"""What `make lint` has checkov refuse, by the command and the rules that it uses."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from components.images import ROOT

COMMAND = ROOT / ".ci" / "check-infrastructure"
CHECKOV = ROOT / ".tools" / "checkov" / "bin" / "checkov"
BAD = {
    "terraform/modules/bucket/main.tf": 'resource "aws_s3_bucket" "open" {\n  acl = "public-read"\n}\n',
    "components/Dockerfile": "FROM debian:12\nUSER root\n",
    ".github/workflows/bad.yaml": """
on: push
permissions: write-all
jobs: {a: {runs-on: ubuntu-24.04, steps: [{run: make}]}}
""",
    "manifests/overlays/bad/kustomization.yaml": "resources: [pod.yaml]\n",
    "manifests/overlays/bad/pod.yaml": """
apiVersion: v1
kind: Pod
metadata: {name: bad, namespace: bad}
spec: {containers: [{name: bad, image: "bad:1", securityContext: {privileged: true}}]}
""",
}
REFUSED = {
    "CKV_AWS_20": "/terraform/modules/bucket/main.tf",
    "CKV_DOCKER_8": "/components/Dockerfile",
    "CKV2_GHA_1": "/.github/workflows/bad.yaml",
    "CKV_K8S_16": "/dist/rendered/bad.yaml",
}


@pytest.mark.skipif(not CHECKOV.is_file(), reason="checkov isn't installed in .tools/checkov; 'make lint' installs it")
def test_what_is_bad_is_refused_in_each_place(tmp_path: Path) -> None:
    for name, content in BAD.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    done = subprocess.run([COMMAND, tmp_path], capture_output=True, text=True, check=False, timeout=200)
    assert done.returncode == 1, done.stderr
    found = dict(re.findall(r"Check: (\w+): .*\n\s+FAILED .*\n\s+File: (.*):", done.stdout))
    for rule, file in REFUSED.items():
        if "K8S" not in rule or shutil.which("kubectl"):
            assert found.get(rule) == file, done.stdout
