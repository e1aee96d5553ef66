"""A bucket without keys: obstore and Lance sign with the role that EKS Pod Identity gives to a pod; its agent is a stand-in."""

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import lance
import pytest

from perennial.catalog.objects import Objects


class AgentAndBucket(ThreadingHTTPServer):
    """Answers as the agent on its path and as an empty bucket elsewhere, and notes who signed."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.signed: set[str] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: AgentAndBucket

    def do_GET(self) -> None:
        if self.path == "/v1/credentials" and self.headers["Authorization"] == "the pod's token":
            soon = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
            self._answer(200, json.dumps({"AccessKeyId": "THEROLE", "SecretAccessKey": "x", "Token": "t", "Expiration": soon}))
            return
        self.server.signed.add(self.headers["Authorization"].partition("Credential=")[2].partition("/")[0])
        self._answer(404, "<Error><Code>NoSuchKey</Code></Error>")

    def do_HEAD(self) -> None:
        self.do_GET()

    def log_message(self, format: str, *args: object) -> None:
        pass

    def _answer(self, status: int, body: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body.encode())


@pytest.fixture
def agent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[AgentAndBucket]:
    """A pod with a role, and with the empty keys of its Secret."""
    server = AgentAndBucket()
    token = tmp_path / "token"
    token.write_text("the pod's token")
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{server.url}/v1/credentials")
    monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", str(token))
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "")
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_objects_are_asked_for_with_the_pods_role(agent: AgentAndBucket) -> None:
    assert not Objects.open("s3://bucket/store").exists("nothing")
    assert agent.signed == {"THEROLE"}


def test_tables_are_asked_for_with_the_pods_role(agent: AgentAndBucket) -> None:
    uri, options = Objects.open("s3://bucket/store").lance_uri("catalog/images.lance")
    with pytest.raises(ValueError, match="list"):
        lance.dataset(uri, storage_options=options)
    assert agent.signed == {"THEROLE"}
