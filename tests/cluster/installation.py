"""The installation under test, as its operator reaches it: by command line, KFP's API, MLflow and the bucket."""

import contextlib
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml

from perennial.catalog.catalog import Catalog
from perennial.catalog.objects import Objects
from perennial.operations.runs import RunFolder
from perennial.registry import Registry
from perennial.settings import Settings
from pipelines.api import PipelinesApi
from pipelines.cluster import experiment_name
from pipelines.records import Run
from tests.cluster import kubectl as k

TASK = k.DEV / "demo.yaml"
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

    def answers(self) -> bool:
        """Return whether all that is forwarded answers; a forwarded port learns that its pod went by being asked."""
        minio = os.environ["AWS_ENDPOINT_URL"]
        asked = (f"{minio}/minio/health/live", f"{self.mlflow}/health", f"{self.kfp}/apis/v1beta1/healthz")
        try:
            return all(httpx.get(address, timeout=5).is_success for address in asked)
        except httpx.HTTPError:
            return False

    def perennial(self, *arguments: str, code: int | None = 0) -> str:
        """Run the command line and return what it prints on standard output, or on standard error where it is to fail.

        Any exit code will do where ``code`` is None.
        """
        command = [sys.executable, "-m", "perennial", *arguments]
        done = subprocess.run(command, cwd=self.home, capture_output=True, text=True, check=False)
        told = f"perennial {' '.join(arguments)}: {done.returncode}\n{done.stdout}{done.stderr}"
        assert code in (done.returncode, None), told
        return done.stderr if code else done.stdout

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
    def api(self) -> PipelinesApi:
        """KFP's API."""
        return PipelinesApi(Settings(kfp=self.kfp, kfp_namespace=k.PIPELINES))

    def runs(self, task: str) -> list[Run]:
        """Return KFP's runs of a task, oldest first."""
        return self.api.runs(self.api.experiment(experiment_name(task)))[::-1]

    def ended(self, task: str, count: int, *, but: Collection[str] = (), seconds: float = 900) -> list[Run]:
        """Wait until a task has so many runs that ended, besides those that are known, and return them."""

        def ask() -> list[Run]:
            return [run for run in self.runs(task) if run.ended and run.id not in but]

        return k.until(ask, lambda runs: len(runs) >= count, seconds, 2)

    def start(self, task: Path, package: Path | None = None) -> str:
        """Start a run and return its id."""
        out = self.perennial("run", str(task), "--cluster", "--package", str(package or self.package), "--json")
        return str(json.loads(out)["run"])

    def end(self, run: str, seconds: float = 900) -> Run:
        """Wait until a run has ended."""
        return k.until(lambda: self.api.run(run), lambda found: found.ended, seconds, 2)

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


def compiled(folder: Path, *, accelerator: str) -> Path:
    """Compile the pipeline as the cluster's back end takes it."""
    package = folder / "continual.yaml"
    environment = {**os.environ, "PERENNIAL_ACCELERATOR": accelerator}
    subprocess.run([sys.executable, "-m", "pipelines", "compile", "--output", package], env=environment, cwd=k.ROOT, check=True)
    return fitted(package)


def fitted(package: Path) -> Path:
    """Pass a package through the filter PERENNIAL_TEST_FIT, where one is set, which fits it to an older back end."""
    fit = os.environ.get("PERENNIAL_TEST_FIT")
    if not fit:
        return package
    result = package.with_suffix(".fitted.yaml")
    with package.open() as file, result.open("w") as to:
        subprocess.run(shlex.split(fit), stdin=file, stdout=to, stderr=subprocess.DEVNULL, check=True)
    return result
