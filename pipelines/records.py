"""What the pipelines' server keeps, as plain records."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

ENDED = frozenset({"SUCCEEDED", "FAILED", "SKIPPED", "CANCELED", "ERROR"})


@dataclass(frozen=True)
class Version:
    """One uploaded package of the pipeline."""

    pipeline: str
    id: str
    name: str


@dataclass(frozen=True)
class Recurring:
    """A recurring run as the server keeps it.

    ``params`` are its runs' arguments; ``alone`` says that its runs neither overlap nor make up for missed ones.
    """

    id: str
    name: str
    enabled: bool
    cron: str
    params: dict[str, Any]
    pipeline: str
    version: str
    account: str
    alone: bool = True
    experiment: str = ""
    created: datetime | None = None


@dataclass(frozen=True)
class Run:
    """One run: its state in KFP's words, the recurring run that started it, and its tasks' states by their names."""

    id: str
    name: str
    state: str
    error: str
    created: datetime | None
    recurring: str
    tasks: dict[str, str]

    @property
    def ended(self) -> bool:
        """Whether nothing of it runs any more."""
        return self.state in ENDED

    @property
    def old(self) -> bool:
        """Whether it began so long ago that its first pod must have been there."""
        return self.created is not None and datetime.now(UTC) - self.created > timedelta(minutes=2)


def recurring_record(found: Any) -> Recurring:
    """Return what the client gives for a recurring run as a record."""
    trigger = found.trigger.cron_schedule if found.trigger else None
    reference = found.pipeline_version_reference
    return Recurring(
        id=found.recurring_run_id,
        name=found.display_name,
        enabled=found.status == "ENABLED",
        cron=trigger.cron if trigger else "",
        params=dict(found.runtime_config.parameters or {}) if found.runtime_config else {},
        pipeline=reference.pipeline_id if reference else "",
        version=reference.pipeline_version_id if reference else "",
        account=found.service_account or "",
        alone=int(found.max_concurrency or 0) == 1 and bool(found.no_catchup),
        experiment=found.experiment_id or "",
        created=found.created_at,
    )


def run_record(found: Any) -> Run:
    """Return what the client gives for a run as a record."""
    details = found.run_details.task_details if found.run_details else None
    return Run(
        id=found.run_id,
        name=found.display_name,
        state=found.state or "PENDING",
        error=(found.error.message or "") if found.error else "",
        created=found.created_at,
        recurring=found.recurring_run_id or "",
        tasks={task.display_name: task.state for task in details or () if task.display_name},
    )
