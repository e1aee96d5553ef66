"""The bucket on a MinIO of its own, started for these tests."""

import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from perennial.catalog.access import Keys, Place, policy
from perennial.catalog.bucket import set_up_bucket
from perennial.catalog.folding import fold
from perennial.catalog.objects import Objects
from perennial.errors import StoreError, StoreReadOnly, StoreUnavailable
from perennial.serving.journal import Journal
from perennial.serving.prediction_ids import PredictionIds
from tests.minio_server import ROOT, needs_minio, running_minio

USERS = {service: Keys(service, f"{service}-password") for service in ("pipeline", "server", "inbox", "dashboard", "mlflow")}
As = Callable[[str], Objects]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a running MinIO."""
    with running_minio(tmp_path_factory.mktemp("minio")) as address:
        yield address


@pytest.fixture(scope="module")
def place(server: str) -> Place:
    """A bucket that was set up."""
    place = Place.of(server, "s3://perennial/store")
    set_up_bucket(place, ROOT, USERS, wait_s=60)
    return place


@pytest.fixture
def opened(place: Place, monkeypatch: pytest.MonkeyPatch) -> As:
    """Opens the store as one of the services."""

    def open_as(service: str, store: str = "s3://perennial/store") -> Objects:
        monkeypatch.setenv("AWS_ENDPOINT_URL", place.endpoint)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", USERS[service].access)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", USERS[service].secret)
        return Objects.open(store)

    return open_as


@needs_minio
def test_old_versions_are_kept_for_a_while(place: Place) -> None:
    from minio import Minio

    client = Minio(place.endpoint.removeprefix("http://"), ROOT.access, ROOT.secret, secure=False)
    assert client.get_bucket_versioning("perennial").status == "Enabled"
    rules = client.get_bucket_lifecycle("perennial").rules
    days = {rule.rule_filter.prefix: rule.noncurrent_version_expiration.noncurrent_days for rule in rules[:4]}
    assert days == {"store/leases/": 1, "store/finetuning/": 1, "store/segments/": 1, "": 30}


@needs_minio
def test_once_more_changes_nothing(place: Place, opened: As) -> None:
    opened("pipeline").put("kept", b"kept")
    said: list[str] = []
    set_up_bucket(place, ROOT, USERS, say=said.append)
    assert opened("dashboard").get("kept") == b"kept"
    assert said[0].startswith("bucket perennial: versioned")


@needs_minio
def test_the_pipeline_writes_on_conditions(opened: As) -> None:
    store = opened("pipeline")
    assert store.create("endpoints/regions.json", b"1")
    assert not store.create("endpoints/regions.json", b"2")
    assert store.update("endpoints/regions.json", lambda old: (old or b"") + b"3") == b"13"
    store.delete("endpoints/regions.json")
    assert list(store.keys("endpoints")) == []
    with pytest.raises(StoreReadOnly):
        opened("pipeline", "s3://perennial/mlflow").put("0/a", b"")


@needs_minio
def test_the_server_reads_what_it_serves_and_no_more(opened: As) -> None:
    opened("pipeline").put("releases/regions/ab/release.json", b"{}")
    opened("pipeline").put("runs/regions/1/gate.json", b"{}")
    store = opened("server")
    assert list(store.keys("releases/regions")) == ["releases/regions/ab/release.json"]
    assert not store.exists("endpoints/nothing-yet.json")
    with pytest.raises(StoreUnavailable, match="refuses reading runs/regions"):
        store.get("runs/regions/1/gate.json")
    with pytest.raises(StoreUnavailable, match="refuses listing runs"):
        list(store.keys("runs"))
    with pytest.raises(StoreReadOnly):
        store.put("releases/regions/ab/release.json", b"")


@needs_minio
def test_the_server_writes_what_it_notes_once_and_reads_none_of_it(opened: As, tmp_path: Path) -> None:
    store = opened("server")
    ids = PredictionIds.open(store, "regions")
    assert ids.trouble == ""
    assert PredictionIds.open(store, "regions").check(ids.new("regions")) is not None
    journal = Journal(store, "regions", tmp_path)
    journal.note(
        {"prediction_id": ids.new("regions"), "at": 1.0, "endpoint": "regions", "task": "regions", "cls": "Asia"}, b"picture"
    )
    journal.close(30)
    assert (journal.written, journal.trouble) == (1, "")
    written = [key for key in opened("pipeline").keys("segments/regions") if not key.endswith("/key")]
    assert len(written) == 2
    for key in written:
        with pytest.raises(StoreUnavailable, match="refuses reading"):
            opened("server").get(key)
        with pytest.raises(StoreReadOnly):
            opened("server").delete(key)
    with pytest.raises(StoreReadOnly):
        opened("server").put("labels/regions/mark.json", b"")
    assert fold(opened("pipeline"), "regions", lambda data: data).predictions == 1
    assert list(opened("pipeline").keys("segments/regions")) == ["segments/regions/key"]


@needs_minio
def test_the_dashboard_reads_tables_and_writes_nothing(opened: As) -> None:
    import pyarrow as pa

    from perennial.catalog.tables import Layout, Table, key_field

    layout = Layout(pa.schema([key_field("id"), pa.field("value", pa.int64())]), indexed=("id",))
    Table(opened("pipeline"), "numbers", layout).insert(pa.table({"id": ["a", "b"], "value": [1, 2]}, schema=layout.schema))
    table = Table(opened("dashboard"), "numbers", layout)
    assert table.view().lookup("id", ["b"], ["value"]).to_pylist() == [{"value": 2}]
    with pytest.raises(StoreReadOnly):
        opened("dashboard").put("a", b"")
    with pytest.raises(StoreUnavailable):
        opened("dashboard", "s3://perennial/mlflow").get("0/a")


@needs_minio
def test_a_changed_password_is_taken_over(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    changed = Keys("server", "another-password")
    set_up_bucket(place, ROOT, {"server": changed})
    monkeypatch.setenv("AWS_ENDPOINT_URL", place.endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "server")
    for secret, refused in ((changed.secret, False), (USERS["server"].secret, True)):
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret)
        if refused:
            with pytest.raises(StoreUnavailable, match="refuses"):
                Objects.open("s3://perennial/store").exists("endpoints/a")
        else:
            assert not Objects.open("s3://perennial/store").exists("endpoints/a")
    set_up_bucket(place, ROOT, USERS)


@needs_minio
def test_a_wrong_administrator_is_told(place: Place) -> None:
    with pytest.raises(StoreUnavailable, match=r"refuses its administrator .*Secret minio-root"):
        set_up_bucket(place, Keys("root", "wrong-password"), USERS)


def test_a_server_that_is_away_is_told_after_the_wait() -> None:
    began = time.monotonic()
    with pytest.raises(StoreUnavailable, match=r"MinIO at http://127\.0\.0\.1:9 doesn't answer"):
        set_up_bucket(Place.of("http://127.0.0.1:9", "s3://perennial/store"), ROOT, USERS, wait_s=1.5)
    assert 1.5 <= time.monotonic() - began < 10


@pytest.mark.parametrize("store", ["", "file:///store", "s3://perennial", "s3://perennial/mlflow", "s3:///store"])
def test_a_store_that_is_no_place_in_a_bucket_is_told(store: str) -> None:
    with pytest.raises(StoreError, match="must be s3://BUCKET/PREFIX"):
        Place.of("http://minio:9000", store)
    with pytest.raises(StoreError, match="is no URL"):
        Place.of("minio:9000", "s3://perennial/store")


def test_who_writes_where() -> None:
    place = Place.of("http://minio:9000", "s3://perennial/store")
    writes, deletes = {}, {}
    for service in USERS:
        for statement in policy(place, service)["Statement"]:
            assert not any("*" in action for action in statement["Action"])
            if "s3:PutObject" in statement["Action"]:
                writes[service] = statement["Resource"]
            if "s3:DeleteObject" in statement["Action"]:
                deletes[service] = [*deletes.get(service, []), *statement["Resource"]]
    assert writes == {
        "pipeline": ["arn:aws:s3:::perennial/store/*"],
        "server": ["arn:aws:s3:::perennial/store/segments/*"],
        "inbox": [
            "arn:aws:s3:::perennial/store/catalog/images.lance/*",
            "arn:aws:s3:::perennial/store/catalog/review.lance/*",
            "arn:aws:s3:::perennial/store/images/*",
            "arn:aws:s3:::perennial/store/quarantine/inbox/*",
            "arn:aws:s3:::perennial/store/leases/table images.json*",
            "arn:aws:s3:::perennial/store/leases/table review.json*",
        ],
        "mlflow": ["arn:aws:s3:::perennial/mlflow/*"],
    }
    dropped = "arn:aws:s3:::perennial/store/inbox/*"
    assert deletes == {
        "pipeline": ["arn:aws:s3:::perennial/store/*", dropped],
        "inbox": [
            "arn:aws:s3:::perennial/store/catalog/images.lance/*",
            "arn:aws:s3:::perennial/store/catalog/review.lance/*",
            "arn:aws:s3:::perennial/store/labels/*/mark.json",
            dropped,
        ],
        "mlflow": ["arn:aws:s3:::perennial/mlflow/*"],
    }


@needs_minio
def test_the_bucket_tells_of_its_inbox_and_what_others_are_told_stays(
    tmp_path: Path,
) -> None:
    from minio import Minio
    from minio.notificationconfig import NotificationConfig, PrefixFilterRule, QueueConfig

    variables = {
        f"MINIO_NOTIFY_WEBHOOK_{name}_{target}": value
        for target in ("INBOX", "OTHER")
        for name, value in (("ENABLE", "on"), ("ENDPOINT", "http://127.0.0.1:9/"))
    }

    def told() -> dict[str, tuple[str, str]]:
        found = client.get_bucket_notification("perennial").queue_config_list
        return {one.config_id: (one.queue, one.prefix_filter_rule.value) for one in found}

    ours = {"perennial-inbox": ("arn:minio:sqs::INBOX:webhook", "store/inbox/")}
    theirs = {"theirs": ("arn:minio:sqs::OTHER:webhook", "reports/")}
    with running_minio(tmp_path, **variables) as address:
        place = Place.of(address, "s3://perennial/store")
        said: list[str] = []
        set_up_bucket(place, ROOT, {}, wait_s=60, say=said.append)
        assert said[-1] == "store/inbox/: what is written there is told to arn:minio:sqs::INBOX:webhook"
        client = Minio(address.removeprefix("http://"), ROOT.access, ROOT.secret, secure=False)
        assert told() == ours
        other = QueueConfig(
            queue=theirs["theirs"][0],
            events=["s3:ObjectCreated:*"],
            config_id="theirs",
            prefix_filter_rule=PrefixFilterRule(value="reports/"),
        )
        client.set_bucket_notification("perennial", NotificationConfig(queue_config_list=[other]))
        for _ in range(2):
            set_up_bucket(place, ROOT, {})
            assert told() == ours | theirs


@needs_minio
def test_without_the_target_the_bucket_tells_nothing_of_its_inbox(place: Place) -> None:
    said: list[str] = []
    set_up_bucket(place, ROOT, {}, say=said.append)
    assert said[-1] == "store/inbox/: found by listing alone, since MinIO has no webhook target INBOX"


class _Starting(BaseHTTPRequestHandler):
    """What MinIO answers before it knows its own routes."""

    asked = 0

    def do_GET(self) -> None:
        type(self).asked += 1
        self.send_response(404)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_HEAD = do_PUT = do_GET

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@needs_minio
def test_a_server_that_knows_nothing_yet_is_waited_for(tmp_path: Path) -> None:
    starting = HTTPServer(("127.0.0.1", 0), _Starting)
    address, port = starting.server_address[0], starting.server_port
    threading.Thread(target=starting.serve_forever, daemon=True).start()
    said: list[str] = []
    place = Place.of(f"http://{address!s}:{port}", "s3://perennial/store")
    set_up = threading.Thread(target=lambda: set_up_bucket(place, ROOT, USERS, wait_s=60, say=said.append))
    set_up.start()
    while _Starting.asked < 2:
        time.sleep(0.05)
    starting.shutdown()
    starting.server_close()
    with running_minio(tmp_path, port):
        set_up.join(60)
    assert said[0].startswith("bucket perennial: versioned")
