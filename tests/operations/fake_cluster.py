"""What set-up talks to, in memory: a cluster's Secrets, and MLflow's users behind a web server."""

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from perennial.kube.api import Document, Refused


class FakeApi:
    """The part of Kube that set-up calls; ``denied`` holds verbs that are refused."""

    def __init__(self, config: dict[str, str]) -> None:
        self.config = config
        self.secrets: dict[tuple[str, str], dict[str, str]] = {}
        self.owners: dict[tuple[str, str], list[str]] = {}
        self.accounts = {("kubeflow", "perennial-pipeline"): "uid-1"}
        self.denied: set[str] = set()
        self.written: list[str] = []

    def get(self, path: str) -> Document:
        _, _, _, _, namespace, kind, name = path.split("/")
        if kind == "configmaps":
            return {"data": self.config}
        if (namespace, name) not in self.accounts:
            raise Refused(f'Kubernetes refused GET {path}: serviceaccounts "{name}" not found.', 404)
        return {"metadata": {"uid": self.accounts[namespace, name]}}

    def find(self, path: str) -> Document | None:
        _, _, _, _, namespace, _, name = path.split("/")
        if (namespace, name) not in self.secrets:
            return None
        data = {key: base64.b64encode(value.encode()).decode() for key, value in self.secrets[namespace, name].items()}
        owners = [{"uid": uid} for uid in self.owners.get((namespace, name), [])]
        return {"data": data, "metadata": {"ownerReferences": owners}}

    def post(self, path: str, document: Document) -> Document:
        if "create" in self.denied:
            raise Refused(f"Kubernetes refused POST {path}: User set-up cannot create resource.", 403)
        return self._write(document["metadata"]["name"], path.split("/")[4], document)

    def patch(self, path: str, document: Document) -> Document:
        _, _, _, _, namespace, _, name = path.split("/")
        return self._write(name, namespace, document)

    def _write(self, name: str, namespace: str, document: Document) -> Document:
        self.written.append(name)
        self.secrets.setdefault((namespace, name), {}).update(document["stringData"])
        if "ownerReferences" in document["metadata"]:
            self.owners[namespace, name] = [owner["uid"] for owner in document["metadata"]["ownerReferences"]]
        return document


@contextmanager
def fake_mlflow(users: dict[str, str]) -> Iterator[str]:
    """Serve MLflow's users, of whom ``admin`` may make and change others; gives the address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            named = self.path.partition("username=")[2]
            known = "current" in self.path or named in users
            elsewhere = self.path.startswith("/elsewhere/api")
            self._answer(
                200 if self.path.endswith("/health") else 404 if elsewhere else 401 if not self._user() else 200 if known else 404
            )

        def do_POST(self) -> None:
            self._write()

        def do_PATCH(self) -> None:
            self._write()

        def _write(self) -> None:
            document = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            short = len(document["password"]) < 12
            if self._user() == "admin" and not short:
                users[document["username"]] = document["password"]
            self._answer(400 if short else 200 if self._user() == "admin" else 403)

        def _user(self) -> str:
            name, _, password = base64.b64decode(self.headers.get("Authorization", "Basic ")[6:]).decode().partition(":")
            return name if users.get(name) == password else ""

        def _answer(self, status: int) -> None:
            self.send_response(status)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, format: str, *args: Any) -> None:
            """Keep quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
