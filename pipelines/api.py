"""Kubeflow Pipelines' API, with what this project asks of it: versions, runs and recurring runs."""

import contextlib
import io
import json
import logging
import re
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from perennial.errors import ClusterError, ClusterUnavailable
from perennial.settings import Settings
from pipelines.records import Recurring, Run, Version, recurring_record, run_record

PIPELINE = "perennial-continual"
ACCOUNT = "perennial-pipeline"
"""Service account of all steps on a cluster."""
_PAGE = 100
_ERRNO = re.compile(r"\[Errno -?\d+\] (?P<text>[^\"')]+)")
_TIMEOUT_S = 10.0
_GO_STACK = re.compile(r"\s(?:[\w.-]+\.(?:com|org)/|main\.)\S+ \S+\.go:\d+")


class PipelinesApi:
    """A connection with the server.

    Every method raises ClusterUnavailable where the server doesn't answer, and ClusterError where it refuses.
    """

    def __init__(self, settings: Settings) -> None:
        """Connect.

        Raises:
            ClusterUnavailable: no address is set, or nothing answers there.
        """
        self.url = settings.kfp
        self._forward = f"kubectl -n {settings.kfp_namespace} port-forward svc/ml-pipeline 8888:8888"
        if not self.url:
            raise ClusterUnavailable(
                "PERENNIAL_KFP isn't set: it is the address of the Kubeflow Pipelines API. From outside the cluster, run "
                f"'{self._forward}' and set PERENNIAL_KFP=http://127.0.0.1:8888."
            )
        with self._asked(), warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            from kfp.client import Client

            logging.getLogger("urllib3").setLevel(logging.ERROR)
            self._client = Client(host=self.url)
        self.health()

    def health(self) -> dict[str, Any]:
        """Return what the server says of itself; older ones leave their version out."""
        import httpx

        try:
            answer = httpx.get(f"{self.url.rstrip('/')}/apis/v2beta1/healthz", timeout=_TIMEOUT_S)
            facts = answer.raise_for_status().json()
        except (httpx.HTTPError, ValueError) as error:
            raise self._away(error) from None
        return dict(facts)

    def experiment(self, name: str) -> str:
        """Return the id of an experiment, having made it where it is missing."""
        with self._asked():
            return str(self._client.create_experiment(name).experiment_id)

    def experiments(self) -> dict[str, str]:
        """Return the ids of all experiments by their names."""
        return {one.display_name: one.experiment_id for one in self._pages(self._client.list_experiments, "experiments")}

    def find_version(self, name: str) -> Version | None:
        """Return the uploaded package of this name."""
        with self._asked():
            pipeline = self._client.get_pipeline_id(PIPELINE)
            found = self._version_named(pipeline, name) if pipeline else None
        return Version(pipeline, found, name) if found else None

    def upload(self, package: Path, name: str) -> Version:
        """Upload a package under ``name``; what another process uploaded meanwhile is taken as it is."""
        from kfp_server_api import ApiException

        with self._asked():
            pipeline = self._client.get_pipeline_id(PIPELINE) or self._make_pipeline()
            try:
                made = self._client.upload_pipeline_version(str(package), name, pipeline_id=pipeline).pipeline_version_id
            except ApiException:
                made = self._version_named(pipeline, name)
                if not made:
                    raise
        return Version(pipeline, made, name)

    def start(self, experiment: str, name: str, version: Version, params: dict[str, Any]) -> str:
        """Start a run and return its id."""
        with self._asked():
            made = self._client.run_pipeline(
                experiment,
                name,
                pipeline_id=version.pipeline,
                version_id=version.id,
                params=params,
                service_account=ACCOUNT,
            )
        return str(made.run_id)

    def run(self, run: str) -> Run:
        """Return a run as it stands."""
        with self._asked():
            return run_record(self._client.get_run(run))

    def runs(self, experiment: str) -> list[Run]:
        """Return an experiment's latest runs, newest first."""
        with self._asked():
            answer = self._client.list_runs(page_size=_PAGE, sort_by="created_at desc", experiment_id=experiment)
        return [run_record(run) for run in answer.runs or ()]

    def terminate(self, run: str) -> None:
        """End a run."""
        with self._asked():
            self._client.terminate_run(run)

    def recurring(self, name: str = "") -> list[Recurring]:
        """Return the recurring runs of this name, or all, oldest first."""
        everything = list(self._pages(self._client.list_recurring_runs, "recurring_runs"))
        found = [recurring_record(one) for one in everything if not name or one.display_name == name]
        return sorted(found, key=lambda one: (str(one.created), one.id))

    def create_recurring(
        self, experiment: str, name: str, cron: str, version: Version, params: dict[str, Any], *, enabled: bool
    ) -> None:
        """Make a recurring run that never overlaps itself and leaves out what it missed."""
        with self._asked():
            self._client.create_recurring_run(
                experiment,
                name,
                cron_expression=cron,
                max_concurrency=1,
                no_catchup=True,
                params=params,
                pipeline_id=version.pipeline,
                version_id=version.id,
                enabled=enabled,
                service_account=ACCOUNT,
            )

    def enable(self, recurring: str, enabled: bool) -> None:
        """Let a recurring run start runs, or not."""
        with self._asked():
            if enabled:
                self._client.enable_recurring_run(recurring)
            else:
                self._client.disable_recurring_run(recurring)

    def delete_recurring(self, recurring: str) -> None:
        """Delete a recurring run; the cluster then ends those of its runs that are under way."""
        with self._asked():
            self._client.delete_recurring_run(recurring)

    def version_name(self, recurring: Recurring) -> str:
        """Return the name of the package that a recurring run runs, empty where it was deleted."""
        try:
            with self._asked():
                return str(self._client.get_pipeline_version(recurring.pipeline, recurring.version).display_name)
        except ClusterUnavailable:
            raise
        except ClusterError:
            return ""

    def _version_named(self, pipeline: str, name: str) -> str:
        wanted = json.dumps({"predicates": [{"operation": "EQUALS", "key": "display_name", "stringValue": name}]})
        found = self._client.list_pipeline_versions(pipeline, filter=wanted).pipeline_versions or ()
        return found[0].pipeline_version_id if found else ""

    def _make_pipeline(self) -> str:
        """Make the pipeline without a version: ``upload_pipeline`` would name the first one after the pipeline."""
        from kfp_server_api import ApiException, V2beta1Pipeline

        try:
            return str(
                self._client.pipelines.pipeline_service_create_pipeline(V2beta1Pipeline(display_name=PIPELINE)).pipeline_id
            )
        except ApiException:
            found = self._client.get_pipeline_id(PIPELINE)  # another process was quicker
            if not found:
                raise
            return str(found)

    def _pages(self, ask: Callable[..., Any], what: str) -> Iterator[Any]:
        token = ""
        while True:
            with self._asked():
                answer = ask(page_token=token, page_size=_PAGE)
            yield from getattr(answer, what) or ()
            token = answer.next_page_token or ""
            if not token:
                return

    @contextlib.contextmanager
    def _asked(self) -> Iterator[None]:
        """Turn the client's errors into sentences, and keep what it prints off standard output."""
        from kfp_server_api import ApiException
        from urllib3.exceptions import HTTPError

        with contextlib.redirect_stdout(io.StringIO()):
            try:
                yield
            except HTTPError as error:
                raise self._away(error) from None
            except ApiException as error:
                raise ClusterError(f"Kubeflow Pipelines at {self.url} refused: {_said(error)}") from None

    def _away(self, error: Exception) -> ClusterUnavailable:
        said = " ".join(str(error).split())
        errno = _ERRNO.search(said)
        reason = errno["text"].lower() if errno else said
        return ClusterUnavailable(
            f"Kubeflow Pipelines doesn't answer at {self.url} (PERENNIAL_KFP): {reason}. From outside the cluster, run "
            f"'{self._forward}' first."
        )


def _said(error: Any) -> str:
    """Return what the server said, without the stack of Go functions that it passed through."""
    try:
        said = json.loads(error.body)
    except (TypeError, ValueError):
        return f"{error.status} {error.reason}."
    whole = " ".join(str(said.get("error_message") or said.get("message") or said.get("error") or error.reason).split())
    text = _GO_STACK.split(whole)[0]
    return text if text.endswith(".") else f"{text}."
