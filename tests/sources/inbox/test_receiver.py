"""The receiver of notifications: what it takes from them, and from whom."""

import json
import socket
from collections.abc import Iterator
from urllib.parse import quote_plus

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perennial.catalog.catalog import Catalog
from perennial.catalog.objects import Objects
from perennial.errors import PortInUse, SettingsError
from perennial.settings import Settings
from perennial.sources.inbox.receiver import MAX_BODY, Receiver, keys_of
from perennial.sources.inbox.service import serve

TOKEN = "sesame"  # noqa: S105
ROOT = "bucket/store/inbox/"


def notification(*keys: str, bucket: str = "bucket") -> bytes:
    records = [{"s3": {"bucket": {"name": bucket}, "object": {"key": quote_plus(key), "size": 1}}} for key in keys]
    return json.dumps({"EventName": "s3:ObjectCreated:Put", "Key": "ignored", "Records": records}).encode()


class Heard:
    def __init__(self) -> None:
        self.keys: list[str] = []
        self.trouble = ""
        self.receiver = Receiver(("127.0.0.1", 0), TOKEN, ROOT, self.keys.append, lambda: self.trouble)
        self.url = f"http://127.0.0.1:{self.receiver.port}"

    def post(self, body: bytes, token: str = TOKEN) -> int:
        return httpx.post(self.url, content=body, headers={"Authorization": f"Bearer {token}"}).status_code


@pytest.fixture
def heard() -> Iterator[Heard]:
    heard = Heard()
    yield heard
    heard.receiver.close()


def test_a_notification_brings_the_key(heard: Heard) -> None:
    assert heard.post(notification("store/inbox/x/a b+ü%41.png")) == 204
    assert heard.keys == ["x/a b+ü%41.png"]


def test_without_the_token_nothing_is_taken(heard: Heard) -> None:
    assert heard.post(notification("store/inbox/a"), "other") == 401
    assert httpx.post(heard.url, content=notification("store/inbox/a")).status_code == 401
    assert heard.keys == []


def test_what_is_no_notification_is_let_be(heard: Heard) -> None:
    others = [b"", b"{", b"[]", b'{"Records": [{}]}', b'{"Records": 3}', b"[" * 100_000, notification("store/images/a")]
    others += [notification("store/inbox/"), notification("store/inbox/a", bucket="other"), notification("store/inboxes/a")]
    for body in others:
        assert heard.post(body) == 204
    assert heard.keys == []


def test_bodies_are_bounded(heard: Heard) -> None:
    assert heard.post(bytes(MAX_BODY + 1)) == 413
    with socket.create_connection(("127.0.0.1", heard.receiver.port)) as client:
        client.sendall(b"POST / HTTP/1.1\r\nAuthorization: Bearer sesame\r\nTransfer-Encoding: chunked\r\n\r\n")
        assert client.recv(1000).startswith(b"HTTP/1.1 411")
    assert heard.keys == []


def test_health(heard: Heard) -> None:
    assert httpx.get(f"{heard.url}/health/ready").text == "ok\n"
    heard.trouble = "The store is away."
    answer = httpx.get(f"{heard.url}/health/ready")
    assert (answer.status_code, answer.text) == (503, "The store is away.\n")
    assert httpx.get(f"{heard.url}/health/live").status_code == 200
    assert httpx.get(f"{heard.url}/other").status_code == 404
    assert httpx.head(heard.url).status_code == 200


def test_a_port_that_is_taken_is_told(heard: Heard) -> None:
    with pytest.raises(PortInUse, match="PERENNIAL_INBOX_PORT"):
        Receiver(("127.0.0.1", heard.receiver.port), "", ROOT, heard.keys.append, lambda: "")


def test_for_others_than_this_machine_there_must_be_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
    catalog = Catalog.open(Objects.open("s3://bucket/store"))
    with pytest.raises(SettingsError, match="set PERENNIAL_INBOX_TOKEN"):
        serve(Settings(host="0.0.0.0"), catalog, 5, print)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)))
def test_no_body_does_harm(document: object) -> None:
    assert keys_of(json.dumps(document).encode(), ROOT) == []


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_every_key_comes_through(key: str) -> None:
    assert keys_of(notification(f"store/inbox/{key}"), ROOT) == [key]
