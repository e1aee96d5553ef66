"""The task as a whole."""

from pydantic import Field, field_validator, model_validator

from perennial.rules import LabelRule
from perennial.task.part import Part
from perennial.task.parts import BackboneSpec, FinetuneSpec, GateSpec, ImagesSpec, LearnerSpec, ReleaseSpec
from perennial.task.sources import SourceSpec

NAME = "[a-z0-9]([a-z0-9-]{0,40}[a-z0-9])?"
"""What names of tasks and endpoints look like."""


class Task(Part):
    """One classification problem."""

    name: str = Field(pattern=f"^{NAME}$")
    description: str = ""
    classes: tuple[str, ...]
    label: LabelRule
    sources: tuple[SourceSpec, ...] = Field(min_length=1)
    images: ImagesSpec = ImagesSpec()
    backbone: BackboneSpec = BackboneSpec()
    learner: LearnerSpec = LearnerSpec()
    finetune: FinetuneSpec = FinetuneSpec()
    gate: GateSpec = GateSpec()
    release: ReleaseSpec = ReleaseSpec()
    endpoint: str = Field("", pattern=f"^({NAME})?$", description="By default the task's name.")
    keep_pictures: bool = Field(False, description="Keep pictures that the endpoint is asked about, so that they can be learnt.")
    archive_images_days: int = Field(0, ge=0, le=36500, description="Days after which images go to the archive; 0: never.")
    schedule: str = Field("0 0 */6 * * *", description="Cron with seconds first, UTC; empty: paused on the cluster.")
    shard_images: int = Field(2000, ge=1, description="New images that one pod embeds; more are spread over several pods.")

    @field_validator("classes")
    @classmethod
    def _distinct(cls, classes: tuple[str, ...]) -> tuple[str, ...]:
        twice = sorted({name for name in classes if classes.count(name) > 1})
        if twice:
            raise ValueError(f"{', '.join(twice)} stands there more than once; name each class once")
        if len(classes) < 2:
            raise ValueError("a task needs at least two classes; add one")
        return classes

    @field_validator("schedule")
    @classmethod
    def _six_fields(cls, schedule: str) -> str:
        if schedule and len(schedule.split()) != 6:
            raise ValueError("a schedule has six fields, seconds first, such as '0 0 */6 * * *'")
        return schedule

    @model_validator(mode="after")
    def _classes_can_be_given(self) -> "Task":
        possible = self.label.possible()
        never = [name for name in self.classes if possible is not None and name not in possible]
        if possible is not None and never:
            raise ValueError(
                f"classes: the label rule '{self.label.rule}' can never give {', '.join(never)}; "
                f"it gives {', '.join(sorted(possible))}. Remove the class or change the rule"
            )
        return self

    @property
    def endpoint_name(self) -> str:
        """The endpoint that serves this task."""
        return self.endpoint or self.name
