"""The installation under test, as its operator reaches it: by command line, KFP's API, MLflow and the bucket."""

import contextlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from perennial.catalog.catalog import Catalog
from perennial.catalog.objects import Objects
from perennial.operations.runs import RunFolder
from perennial.registry import Registry
from tests.cluster import kubectl as k

TASK = k.DEV / "demo.yaml"
ENDED = ("SUCCEEDED", "FAILED", "CANCELED", "SKIPPED")
NEVER = "0 0 0 1 1 *"


@dataclass(frozen=True)
class Installation:
    """Services forwarded to loopback, and what to say to them."""

    kfp: str
    store: str
    mlflow: str
    package: Path
    home: Path

    @classmethod
    @contextlib.contextmanager
    def forwarded(cls, package: Path, home: Path) -> Iterator["Installation"]:
        """Forward KFP, MinIO and MLflow, and take the pipeline's credentials for this process."""
        with contextlib.ExitStack() as stack:
            kfp = stack.enter_context(k.forwarded(k.PIPELINES, "ml-pipeline", 8888))
            minio = stack.enter_context(k.forwarded(k.NAMESPACE, "minio", 9000))
            mlflow = stack.enter_context(k.forwarded(k.NAMESPACE, "mlflow", 5000))
            store, tracking = k.secret(k.PIPELINES, "perennial-store"), k.secret(k.PIPELINES, "perennial-mlflow")
            before = dict(os.environ)
            os.environ.update({**store, **tracking, "AWS_ENDPOINT_URL": minio, "PERENNIAL_MLFLOW": mlflow, "PERENNIAL_KFP": kfp})
            try:
                yield cls(kfp, store["PERENNIAL_STORE"], mlflow, package, home)
            finally:
                os.environ.clear()
                os.environ.update(before)

    def perennial(self, *arguments: str, code: int = 0) -> str:
        """Run the command line and return what it prints on standard output, or on standard error where it fails."""
        command = [sys.executable, "-m", "perennial", *arguments]
        done = subprocess.run(command, cwd=self.home, capture_output=True, text=True, check=False)
        assert done.returncode == code, f"perennial {' '.join(arguments)}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout if code == 0 else done.stderr

    def task(self, name: str, **changes: Any) -> Path:
        """Write the development overlay's task under another name and with these keys changed, never due by itself."""
        document = {**yaml.safe_load(TASK.read_text()), "name": name, "schedule": NEVER, **changes}
        path = self.home / f"{name}.yaml"
        path.write_text(yaml.safe_dump(document, sort_keys=False))
        return path

    def run(self, task: Path, *, code: int = 0) -> Any:
        """Start a run and follow it to its end; returns its facts, or its sentence where it fails."""
        out = self.perennial("run", str(task), "--cluster", "--wait", "--package", str(self.package), "--json", code=code)
        return json.loads(out) if code == 0 else out

    @property
    def client(self) -> Any:
        """KFP's own client."""
        from kfp import client

        with contextlib.redirect_stdout(io.StringIO()):
            return client.Client(host=self.kfp)

    def runs(self, task: str) -> list[Any]:
        """Return KFP's runs of a task, oldest first."""
        experiments = self.client.list_experiments(page_size=100).experiments or []
        ids = [found.experiment_id for found in experiments if found.display_name == f"perennial-{task}"]
        if not ids:
            return []
        found = self.client.list_runs(page_size=100, experiment_id=ids[0]).runs or []
        return sorted(found, key=lambda run: run.created_at)

    def ended(self, task: str, count: int, seconds: float = 900) -> list[Any]:
        """Wait until a task has so many runs that ended, and return them."""

        def ask() -> list[Any]:
            return [run for run in self.runs(task) if run.state in ENDED]

        return k.until(ask, lambda runs: len(runs) >= count, seconds, 2)

    def facts(self, task: str, run: str, step: str) -> dict[str, Any] | None:
        """Return what a step left in the store."""
        return RunFolder(self.objects, task, run).find(step)

    @property
    def objects(self) -> Objects:
        return Objects.open(self.store)

    @property
    def catalog(self) -> Catalog:
        return Catalog.open(self.objects)

    @property
    def registry(self) -> Registry:
        return Registry(self.mlflow)


def set_day(number: int) -> None:
    """Let the demo site publish up to this day."""
    k.kubectl("-n", k.NAMESPACE, "set", "env", "deployment/demo-site", f"DEMO_DAY={number}")
    k.kubectl("-n", k.NAMESPACE, "rollout", "status", "deployment/demo-site", "--timeout=120s")
