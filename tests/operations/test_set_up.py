from collections.abc import Iterator

import pytest

from perennial.errors import ClusterError, RegistryError, RegistryUnavailable
from perennial.operations.cluster_secrets import ClusterSecrets
from perennial.operations.set_up import set_up
from perennial.operations.wanted import OWN, PIPELINES
from perennial.settings import Settings
from tests.operations.fake_cluster import FakeApi, fake_mlflow

KEYS = {"AWS_ACCESS_KEY_ID": "somebody", "AWS_SECRET_ACCESS_KEY": "their-password"}
STORES = [
    ("perennial", "store-server"),
    ("perennial", "store-dashboard"),
    ("perennial", "store-mlflow"),
    ("kubeflow", "perennial-store"),
]


@pytest.fixture
def people() -> dict[str, str]:
    """MLflow's users."""
    return {"admin": "the-password-of-admin"}


@pytest.fixture
def api(people: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeApi]:
    """A cluster with the keys of a bucket, and MLflow's administrator."""
    monkeypatch.delenv("PERENNIAL_MLFLOW", raising=False)
    with fake_mlflow(people) as address:
        config = {"AWS_ENDPOINT_URL": "https://s3.example", "AWS_REGION": "eu-1", "PERENNIAL_STORE": "s3://b/store"}
        api = FakeApi(config | {"PERENNIAL_MLFLOW": address})
        api.secrets = {place: dict(KEYS) for place in STORES}
        api.secrets["perennial", "mlflow-admin"] = {"MLFLOW_ADMIN_USERNAME": "admin", "MLFLOW_ADMIN_PASSWORD": people["admin"]}
        yield api


def done(api: FakeApi, *, own_bucket: bool = True) -> list[str]:
    lines: list[str] = []
    set_up(Settings.load(), lines.append, wait_s=0, own_bucket=own_bucket, cluster=ClusterSecrets(api))
    return lines


def test_what_is_missing_is_made_and_the_second_time_all_is_kept(api: FakeApi, people: dict[str, str]) -> None:
    first = done(api)
    assert "Secret perennial/postgres: made" in first
    assert "MLflow user pipeline: made" in first
    passwords = api.secrets["perennial", "postgres"]
    assert set(passwords) == {"POSTGRES_PASSWORD", "MLFLOW_DB_PASSWORD"}
    assert all(len(password) >= 32 for password in passwords.values())
    api.written.clear()
    assert all(line.endswith("kept") for line in done(api))
    assert not api.written


def test_what_exists_is_kept_and_gets_what_it_lacks(api: FakeApi) -> None:
    api.secrets["perennial", "postgres"] = {"POSTGRES_PASSWORD": "mine", "extra": "stays"}
    assert "Secret perennial/postgres: changed" in done(api)
    changed = api.secrets["perennial", "postgres"]
    assert (changed["POSTGRES_PASSWORD"], changed["extra"], len(changed["MLFLOW_DB_PASSWORD"])) == ("mine", "stays", 32)


def test_the_pipelines_secrets_are_whole_connections_that_go_with_their_account(api: FakeApi) -> None:
    done(api)
    assert api.secrets["kubeflow", "perennial-store"] == KEYS | {
        key: value for key, value in api.config.items() if key != "PERENNIAL_MLFLOW"
    }
    assert api.secrets["kubeflow", "perennial-mlflow"]["PERENNIAL_MLFLOW"] == api.config["PERENNIAL_MLFLOW"]
    assert api.owners == {("kubeflow", name): ["uid-1"] for name in ("perennial-store", "perennial-mlflow")}
    api.config["PERENNIAL_STORE"] = "s3://b/elsewhere"
    api.accounts["kubeflow", "perennial-pipeline"] = "uid-2"
    done(api)
    assert api.secrets["kubeflow", "perennial-store"]["PERENNIAL_STORE"] == "s3://b/elsewhere"
    assert api.owners["kubeflow", "perennial-mlflow"] == ["uid-2"]


def test_a_changed_password_reaches_mlflow(api: FakeApi, people: dict[str, str]) -> None:
    done(api)
    api.secrets["perennial", "mlflow-dashboard"].update({"MLFLOW_TRACKING_PASSWORD": "another-password"})
    assert "MLflow user dashboard: new password" in done(api)
    assert people["dashboard"] == "another-password"


def test_keys_of_a_bucket_of_ones_own_are_not_made_up(api: FakeApi) -> None:
    del api.secrets["perennial", "store-server"]["AWS_SECRET_ACCESS_KEY"]
    with pytest.raises(ClusterError, match="Secret perennial/store-server lacks AWS_SECRET_ACCESS_KEY"):
        done(api)
    assert ("perennial", "minio-root") not in api.secrets


def test_the_inboxs_keys_to_a_bucket_of_ones_own_may_be_missing_but_not_half(api: FakeApi) -> None:
    done(api)
    assert ("perennial", "store-inbox") not in api.secrets
    api.secrets["perennial", "store-inbox"] = {"AWS_ACCESS_KEY_ID": "inbox"}
    with pytest.raises(ClusterError, match="Secret perennial/store-inbox lacks AWS_SECRET_ACCESS_KEY"):
        done(api)


def test_empty_keys_say_that_pods_have_roles_and_stay_empty(api: FakeApi) -> None:
    for place in STORES:
        api.secrets[place] = dict.fromkeys(KEYS, "")
    done(api)
    assert api.secrets["perennial", "store-server"] == dict.fromkeys(KEYS, "")
    assert api.secrets["kubeflow", "perennial-store"].items() >= dict.fromkeys(KEYS, "").items()
    assert api.secrets["kubeflow", "perennial-store"]["PERENNIAL_STORE"] == "s3://b/store"


def test_a_refused_right_is_named(api: FakeApi) -> None:
    api.denied.add("create")
    with pytest.raises(ClusterError, match=r"POST /api/v1/namespaces/perennial/secrets: .*cannot create.* Apply the manifests"):
        done(api)


def test_a_missing_account_is_named(api: FakeApi) -> None:
    api.accounts.clear()
    with pytest.raises(ClusterError, match=r'serviceaccounts "perennial-pipeline" not found\. Apply the manifests'):
        done(api)


def test_a_config_without_a_place_is_told(api: FakeApi) -> None:
    del api.config["PERENNIAL_MLFLOW"]
    with pytest.raises(ClusterError, match="The ConfigMap perennial has no PERENNIAL_MLFLOW"):
        done(api)


def test_mlflow_that_refuses_is_told(api: FakeApi, people: dict[str, str]) -> None:
    people["admin"] = "changed since then"
    with pytest.raises(RegistryError, match=r"refuses its administrator 'admin'.*restart MLflow"):
        done(api)
    people["admin"] = api.secrets["perennial", "mlflow-admin"]["MLFLOW_ADMIN_PASSWORD"]
    api.secrets["perennial", "mlflow-dashboard"] = {"MLFLOW_TRACKING_USERNAME": "dashboard", "MLFLOW_TRACKING_PASSWORD": "short"}
    with pytest.raises(RegistryError, match="refuses the user 'dashboard' \\(400"):
        done(api)


def test_mlflow_that_is_away_is_told(api: FakeApi) -> None:
    api.config["PERENNIAL_MLFLOW"] = "http://127.0.0.1:9"
    with pytest.raises(RegistryUnavailable, match=r"MLflow at http://127\.0\.0\.1:9 doesn't answer"):
        done(api)


def test_something_else_in_mlflows_place_is_told(api: FakeApi) -> None:
    api.config["PERENNIAL_MLFLOW"] += "/elsewhere"
    with pytest.raises(RegistryError, match=r"doesn't say who 'admin' is \(404"):
        done(api)


def test_no_two_secrets_share_a_name() -> None:
    names = [wanted.name for wanted in (*OWN, *PIPELINES)]
    assert len(set(names)) == len(names)
