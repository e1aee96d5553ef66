"""The evaluation as a document: what was measured of champion and challenger on the same images."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from perennial.evaluation.batch import BatchFigures
from perennial.evaluation.bootstrap import Interval


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ModelFigures(_Document):
    """One model's figures on the held-out images of the window; ``by_month`` and ``older`` also on older ones.

    ``recall`` is None for a class without images; ``confusion`` has a row for each true class; ``head_ms`` and
    ``backbone_ms`` are milliseconds per image, None where not measured.
    """

    digest: str
    backbone: str
    accuracy: float
    balanced_accuracy: float
    macro_f1: float
    top_3: float
    calibration_error: float
    recall: dict[str, float | None]
    confusion: tuple[tuple[int, ...], ...]
    by_month: dict[str, float]
    older_accuracy: float | None
    unfamiliar: float
    head_ms: float | None = None
    backbone_ms: float | None = None


class Evaluation(_Document):
    """Champion and challenger on the same held-out images; ``difference`` is challenger minus champion.

    ``difference`` is of balanced accuracy on the window's images, ``older_difference`` of accuracy on older ones: at
    the gate's confidence, paired, posts as units. ``corrections`` of the new images are corrections by people.
    """

    task: str
    classes: tuple[str, ...]
    window_days: int
    new_batches: tuple[str, ...]
    new_images: int
    images: int
    posts: int
    older_images: int
    support: dict[str, int]
    challenger: ModelFigures
    champion: ModelFigures | None
    difference: Interval | None
    older_difference: Interval | None
    batches: tuple[BatchFigures, ...]
    corrections: int = 0


class Check(_Document):
    """One gate rule's finding; ``passed`` None means that it wasn't judged, for the reason that the sentence says."""

    name: str
    passed: bool | None
    value: float | None
    limit: float | None
    sentence: str
    batches: tuple[str, ...] = ()


class Verdict(_Document):
    """What the gate decided.

    ``batches`` are those to hold for review where the outcome is "hold"; ``finetune`` asks the next run to fine-tune the
    backbone, whatever the outcome.
    """

    outcome: Literal["promote", "refuse", "hold"]
    sentence: str
    checks: tuple[Check, ...]
    batches: tuple[str, ...] = ()
    finetune: bool = False
