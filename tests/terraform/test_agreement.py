"""What Terraform says and the rest of the project says too: rights, old versions, images, the overlay."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.images import NAMES
from perennial.catalog.access import ARTIFACTS, Place, policy
from perennial.catalog.bucket import OLD_VERSIONS_DAYS, SHORT_DAYS
from perennial.settings import Settings
from tests.terraform.conftest import Terraform
from tests.terraform.tables import ROOT, blocks

MANIFESTS = ROOT.parent / "manifests"
SERVICES = ("pipeline", "server", "inbox", "dashboard", "mlflow")
PLACES = {"region": "eu-central-1", "bucket": "perennial-1", "database_host": "db.example.com"}
AGENT = {"ports": [{"port": 80, "protocol": "TCP"}], "to": [{"ipBlock": {"cidr": "169.254.170.23/32"}}]}


def applied(terraform: Terraform, folder: Path, **variables: str) -> Any:
    """Apply a module that makes nothing and so needs no provider, and return its outputs."""
    terraform(folder, "init", "-input=false")
    terraform(folder, "apply", "-auto-approve", "-input=false", *(f"-var={name}={value}" for name, value in variables.items()))
    return {name: output["value"] for name, output in json.loads(terraform(folder, "output", "-json")).items()}


def default(module: str, name: str) -> Any:
    (found,) = [block for block in blocks(ROOT / "modules" / module / "variables.tf") if block.name == name]
    return json.loads(found.attributes["default"])


def listing_all(document: dict[str, Any]) -> dict[str, Any]:
    """Take the condition off listing, under which AWS answers 403 instead of 404 for an object that isn't there."""
    for statement in document["Statement"]:
        if statement["Action"] == ["s3:ListBucket"]:
            del statement["Condition"]
    return document


def test_roles_have_the_rights_that_users_of_a_minio_have(terraform: Terraform, copy: Path) -> None:
    outputs = applied(terraform, copy / "modules" / "policies", bucket_arn="arn:aws:s3:::perennial-1")
    place = Place.of("https://s3.eu-central-1.amazonaws.com", "s3://perennial-1/store")
    roles = {service: json.loads(document) for service, document in outputs["documents"].items()}
    assert roles == {service: listing_all(policy(place, service)) for service in SERVICES}


def test_old_versions_are_kept_as_long_as_in_a_minio() -> None:
    assert (default("bucket", "old_versions_days"), default("bucket", "short_days")) == (OLD_VERSIONS_DAYS, SHORT_DAYS)
    assert default("bucket", "store_prefix") == default("overlay", "store_prefix") == default("policies", "store_prefix")


def test_each_image_has_a_repository() -> None:
    assert default("registry", "images") == list(NAMES)


def test_images_that_lost_their_tag_outlive_the_releases_that_name_them() -> None:
    (root,) = [block for block in blocks(ROOT / "variables.tf") if block.name == "untagged_images_days"]
    assert json.loads(root.attributes["default"]) == default("registry", "untagged_days")
    assert default("registry", "untagged_days") > 2 * Settings.model_fields["keep_models_days"].default


def rendered(manifests: Path, kustomization: str) -> dict[str, Any]:
    """Return what kubectl makes of an overlay ``aws`` in a copy of the manifests, by kind and name."""
    overlay = Path(shutil.copytree(MANIFESTS, manifests)) / "overlays" / "aws"
    overlay.mkdir(exist_ok=True)
    (overlay / "kustomization.yaml").write_text(kustomization)
    done = subprocess.run(["kubectl", "kustomize", overlay], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return {f"{one['kind']}/{one['metadata']['name']}": one for one in yaml.safe_load_all(done.stdout)}


@pytest.mark.skipif(not shutil.which("kubectl"), reason="kubectl isn't on PATH")
def test_the_overlay_leads_to_the_bucket_and_the_database(terraform: Terraform, copy: Path, tmp_path: Path) -> None:
    kustomization = applied(terraform, copy / "modules" / "overlay", **PLACES)["kustomization"]
    assert "PERENNIAL_CONTACT" not in kustomization
    documents = rendered(tmp_path / "manifests", kustomization)

    config = documents["ConfigMap/perennial"]["data"]
    assert config["PERENNIAL_STORE"] == "s3://perennial-1/store"
    assert config["MLFLOW_ARTIFACTS_DESTINATION"] == f"s3://perennial-1/{ARTIFACTS}"
    assert config["AWS_ENDPOINT_URL"] == "https://s3.eu-central-1.amazonaws.com"
    assert config["AWS_REGION"] == "eu-central-1"
    assert (config["POSTGRES_HOST"], config["PGSSLMODE"]) == ("db.example.com", "require")
    assert not {"StatefulSet/minio", "StatefulSet/postgres"} & documents.keys()
    for name in ("mlflow", "dashboard", "endpoint", "inbox"):
        assert AGENT in documents[f"NetworkPolicy/{name}"]["spec"]["egress"], name
    assert AGENT not in documents["NetworkPolicy/set-up"]["spec"]["egress"]


@pytest.mark.skipif(not shutil.which("kubectl"), reason="kubectl isn't on PATH")
@pytest.mark.parametrize("contact", ["you+web@example.com", "https://example.com/us?a=b"])
def test_the_overlay_says_whom_sites_reach(terraform: Terraform, copy: Path, tmp_path: Path, contact: str) -> None:
    kustomization = applied(terraform, copy / "modules" / "overlay", **PLACES, contact=contact)["kustomization"]
    assert rendered(tmp_path / "manifests", kustomization)["ConfigMap/perennial"]["data"]["PERENNIAL_CONTACT"] == contact


def test_roles_are_those_of_the_pods_accounts() -> None:
    said = (ROOT / "modules" / "identity" / "main.tf").read_text()
    rendered = "".join(path.read_text() for path in MANIFESTS.rglob("*.yaml"))
    for account in ("perennial-pipeline", "endpoint", "inbox", "dashboard", "mlflow"):
        assert f'name = "{account}"' in said
        assert f"name: {account}" in rendered
