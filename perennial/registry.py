"""Model versions, their aliases and the pipeline's runs, in MLflow.

MLflow is imported when the first question is asked: it costs seconds.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from perennial import _mlflow
from perennial._runs import LONGEST_TAG, Run, join_tags, run_metrics, run_params, split_tags
from perennial.catalog.objects import Objects
from perennial.errors import RegistryError

__all__ = ["ARCHIVED", "Alias", "RecordedRun", "Registry", "Run", "Version", "mlmodel"]

Alias = Literal["champion", "challenger"]

MLMODEL = "MLmodel"
ARCHIVED = "perennial.archived"
"""Tag of a version whose folder was archived: when that was; "" where it is back."""

_DIGEST, _BACKBONE, _RUN, _OUTCOME = "perennial.model", "perennial.backbone", "perennial.run", "perennial.outcome"


@dataclass(frozen=True)
class Version:
    """One version of a task's model."""

    task: str
    number: int
    digest: str
    backbone: str
    run: str
    created: datetime
    source: str
    aliases: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def archived(self) -> str:
        """The day on which its folder was archived; "" where it wasn't."""
        return self.tags.get(ARCHIVED, "")


@dataclass(frozen=True)
class RecordedRun:
    """A run as MLflow holds it; ``mlflow_id`` is MLflow's own name for it."""

    task: str
    id: str
    outcome: str
    mlflow_id: str
    started: datetime
    params: Mapping[str, str]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]


class Registry:
    """The door to MLflow.

    Example:
        >>> registry = Registry("sqlite:////tmp/doctest-perennial/mlflow.db")
        >>> registry.champion("regions") is None
        True
    """

    def __init__(self, uri: str) -> None:
        """Remember the tracking URI; nothing is opened yet."""
        self.uri = uri

    def champion(self, task: str) -> Version | None:
        """Return the version that serves, or None before the first promotion."""
        return self.aliased(task, "champion")

    def aliased(self, task: str, alias: Alias) -> Version | None:
        """Return the version that an alias points at, or None."""
        number = self._aliases(task).get(alias)
        return None if number is None else self.version(task, number)

    def version(self, task: str, number: int) -> Version:
        """Return one version.

        Raises:
            RegistryError: the task has no such version.
        """
        for version in self.versions(task):
            if version.number == number:
                return version
        known = ", ".join(str(version.number) for version in self.versions(task)) or "none"
        raise RegistryError(f"The task '{task}' has no version {number}. Known versions: {known}. See 'perennial models {task}'.")

    def versions(self, task: str) -> list[Version]:
        """Return all versions of a task, oldest first."""
        aliases = self._aliases(task)
        with _mlflow.said(self.uri, f"list the versions of {task}"):
            found = _pages(lambda token: self._client.search_model_versions(f"name='{task}'", 1000, page_token=token))
        return sorted((_version(entry, aliases) for entry in found), key=lambda version: version.number)

    def register(
        self, task: str, digest: str, source_uri: str, *, run_id: str, backbone: str = "", tags: Mapping[str, str] | None = None
    ) -> Version:
        """Make a version of the model folder at ``source_uri``, or return the one that has this digest.

        The folder gets an ``MLmodel`` file, so that ``mlflow.pyfunc.load_model`` reads it without pickle.
        """
        for version in self.versions(task):
            if version.digest == digest:
                return version
        Objects.open(source_uri).put(MLMODEL, mlmodel().encode())
        own = {_DIGEST: digest, _BACKBONE: backbone, _RUN: run_id}
        with _mlflow.said(self.uri, f"register {task}"):
            if not self._client.search_registered_models(f"name='{task}'"):
                self._client.create_registered_model(task)
            made = self._client.create_model_version(
                task, source_uri, run_id=self._mlflow_run(task, run_id), tags={**(tags or {}), **own}
            )
        return self.version(task, int(made.version))

    def point(self, task: str, alias: Alias, number: int) -> None:
        """Let an alias point at a version."""
        with _mlflow.said(self.uri, f"point {alias} of {task} at version {number}"):
            self._client.set_registered_model_alias(task, alias, str(number))

    def unpoint(self, task: str, alias: Alias) -> None:
        """Take an alias away; does nothing where there is none."""
        if alias in self._aliases(task):
            with _mlflow.said(self.uri, f"take the alias {alias} of {task} away"):
                self._client.delete_registered_model_alias(task, alias)

    def tag(self, task: str, number: int, tags: Mapping[str, str]) -> None:
        """Set tags of a version."""
        with _mlflow.said(self.uri, f"tag version {number} of {task}"):
            for key, value in tags.items():
                self._client.set_model_version_tag(task, str(number), key, value[:LONGEST_TAG])

    def record(self, run: Run) -> str:
        """Record a pipeline run and return MLflow's id of it; recording it again changes that one."""
        mlflow_id = self._mlflow_run(run.task, run.id)
        with _mlflow.said(self.uri, f"record the run {run.id}"):
            from mlflow.entities import Metric, Param, RunTag

            known = self._client.get_run(mlflow_id)
            now = known.info.start_time
            self._client.log_batch(
                mlflow_id,
                [Metric(key, value, now, 0) for key, value in run_metrics(run).items() if known.data.metrics.get(key) != value],
                [Param(key, value) for key, value in run_params(run).items() if key not in known.data.params],
                [RunTag(key, value) for key, value in split_tags({**run.tags, _OUTCOME: run.outcome}).items()],
            )
            for name, text in run.artifacts.items():
                self._client.log_text(mlflow_id, text, name)
            self._client.set_terminated(mlflow_id)
        return mlflow_id

    def runs(self, task: str) -> list[RecordedRun]:
        """Return a task's recorded runs, oldest first."""
        experiment = self._experiment(task, create=False)
        if experiment is None:
            return []
        with _mlflow.said(self.uri, f"list the runs of {task}"):
            found = _pages(
                lambda token: self._client.search_runs(
                    [experiment], max_results=1000, order_by=["attributes.start_time ASC"], page_token=token
                )
            )
        return [_recorded(task, entry) for entry in found]

    def artifact(self, run: RecordedRun, name: str) -> str:
        """Return the text of a run's artifact.

        Raises:
            RegistryError: the run has no such artifact.
        """
        with _mlflow.said(self.uri, f"read the artifact {name} of run {run.id}"):
            return Path(self._client.download_artifacts(run.mlflow_id, name)).read_text(encoding="utf-8")

    @cached_property
    def _client(self) -> Any:
        return _mlflow.open_client(self.uri)

    def _aliases(self, task: str) -> dict[str, int]:
        client = self._client
        with _mlflow.said(self.uri, f"read the aliases of {task}"):
            found = client.search_registered_models(f"name='{task}'")
            return {alias: int(number) for model in found for alias, number in model.aliases.items()}

    def _experiment(self, task: str, create: bool) -> str | None:
        client = self._client
        with _mlflow.said(self.uri, f"find the experiment {task}"):
            experiment = client.get_experiment_by_name(task)
            if experiment is not None:
                return str(experiment.experiment_id)
            return str(client.create_experiment(task, _mlflow.artifacts_url(self.uri))) if create else None

    def _mlflow_run(self, task: str, run_id: str) -> str:
        """Return MLflow's id of a pipeline run; its first mention makes it."""
        experiment = self._experiment(task, create=True)
        with _mlflow.said(self.uri, f"begin the run {run_id}"):
            found = self._client.search_runs([experiment], f"tags.`{_RUN}` = '{run_id}'", max_results=1)
            run = found[0] if found else self._client.create_run(experiment, tags={_RUN: run_id}, run_name=run_id)
            return str(run.info.run_id)


def mlmodel() -> str:
    """Return the ``MLmodel`` file: a python function whose loader is a module of this package, so that nothing is pickled."""
    return "flavors:\n  python_function:\n    loader_module: perennial.serving.pyfunc\n"


def _pages(search: Any) -> list[Any]:
    found: list[Any] = []
    token = None
    while True:
        page = search(token)
        found += page
        token = page.token
        if not token:
            return found


def _version(entry: Any, aliases: Mapping[str, int]) -> Version:
    number = int(entry.version)
    tags = dict(entry.tags)
    own = {key: tags.pop(key, "") for key in (_DIGEST, _BACKBONE, _RUN)}
    return Version(
        task=entry.name,
        number=number,
        digest=own[_DIGEST],
        backbone=own[_BACKBONE],
        run=own[_RUN],
        created=datetime.fromtimestamp(entry.creation_timestamp / 1000, UTC),
        source=entry.source,
        aliases=tuple(sorted(alias for alias, at in aliases.items() if at == number)),
        tags=tags,
    )


def _recorded(task: str, entry: Any) -> RecordedRun:
    tags = join_tags({key: value for key, value in entry.data.tags.items() if not key.startswith("mlflow.")})
    return RecordedRun(
        task=task,
        id=tags.pop(_RUN, ""),
        outcome=tags.pop(_OUTCOME, "unfinished"),
        mlflow_id=entry.info.run_id,
        started=datetime.fromtimestamp(entry.info.start_time / 1000, UTC),
        params=dict(entry.data.params),
        metrics=dict(entry.data.metrics),
        tags=tags,
    )
