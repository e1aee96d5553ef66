"""A task: one classification problem, as a YAML file says it."""

from perennial.task.definition import NAME, Task
from perennial.task.files import add_classes, load_task, parse_task, save_task, task_text
from perennial.task.parts import (
    BackboneSpec,
    EngineName,
    FinetuneSpec,
    GateSpec,
    ImagesSpec,
    LearnerSpec,
    Precision,
    ReleaseSpec,
)
from perennial.task.sources import (
    ArchDailySource,
    CommonsSource,
    DemoSource,
    FolderSource,
    InboxSource,
    SourceSpec,
    TableSource,
)

__all__ = [
    "NAME",
    "ArchDailySource",
    "BackboneSpec",
    "CommonsSource",
    "DemoSource",
    "EngineName",
    "FinetuneSpec",
    "FolderSource",
    "GateSpec",
    "ImagesSpec",
    "InboxSource",
    "LearnerSpec",
    "Precision",
    "ReleaseSpec",
    "SourceSpec",
    "TableSource",
    "Task",
    "add_classes",
    "load_task",
    "parse_task",
    "save_task",
    "task_text",
]
