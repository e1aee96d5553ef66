"""How a task learns, is judged and released: the parts of its file, each with its defaults."""

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from perennial.task.part import Part

Kind = Literal["exterior", "interior", "drawing"]
EngineName = Literal["openvino", "onnxruntime", "onnxruntime-cuda"]
Precision = Literal["fp32", "bf16", "int8"]


class BackboneSpec(Part):
    """Which frozen network turns images into embeddings, and how it is run."""

    network: str = Field("resnet50", description="A torchvision classification network.")
    weights: str = Field("auto", description="auto (pretrained), random:SEED, or a .safetensors or .pth file.")
    engine: EngineName = "openvino"
    precision: Precision = "fp32"
    resize: int = Field(256, ge=16, description="Shorter side after resizing, in pixels.")
    crop: int = Field(224, ge=16, description="Side of the centre crop that the network sees, in pixels.")

    @model_validator(mode="after")
    def _crop_fits(self) -> "BackboneSpec":
        if self.crop > self.resize:
            raise ValueError(f"crop ({self.crop}) is larger than resize ({self.resize}); make it at most that")
        return self


class LearnerSpec(Part):
    """What turns embeddings and labels into a head."""

    name: Literal["slda", "ncm"] = "slda"
    period: Literal["day", "month"] = Field("month", description="Length of time over which class sums are kept apart.")
    half_life: float | Literal["auto", "none"] = Field("auto", description="Days after which an image counts half.")
    shrinkage: Annotated[float, Field(ge=0, le=1)] | Literal["oas"] = "oas"


class ImagesSpec(Part):
    """Which of its sources' images a task learns and is judged on."""

    kinds: tuple[Kind, ...] = Field((), description="Only these kinds; empty: all.")
    judge: str = Field("", description="The task whose champion says the kind of images of which their source doesn't.")

    @model_validator(mode="after")
    def _judged_for_something(self) -> "ImagesSpec":
        if self.judge and not self.kinds:
            raise ValueError(f"{self.judge} has nothing to judge without kinds; add kinds, such as [exterior]")
        return self


class FinetuneSpec(Part):
    """When and how the backbone itself goes on learning, on a GPU where there is one."""

    when: Literal["never", "asked", "always"] = Field("never", description="asked: when the gate or an operator asks for it.")
    epochs: int = Field(3, ge=1)
    images_per_class: int = Field(500, ge=1, description="Images of each class that one epoch replays, old and new alike.")
    batch: int = Field(32, ge=2)
    learning_rate: float = Field(0.0001, gt=0)


class GateSpec(Part):
    """Limits that a challenger must keep."""

    min_new_images: int = Field(20, ge=1)
    min_held_out: int = Field(20, ge=1)
    confidence: float = Field(0.99, gt=0.5, lt=1, description="Level of the interval beyond which worse is worse.")
    window_days: int = Field(90, ge=1, description="Challenger and champion are compared on held-out images this young.")
    first_balanced_accuracy: float = Field(0.3, ge=0, le=1, description="Floor for the first model.")
    recall_floor: float = Field(0.1, ge=0, le=1)
    recall_min_images: int = Field(30, ge=1, description="Classes with fewer held-out images aren't judged.")
    max_forgetting: float = Field(0.1, ge=0, le=1, description="Largest drop of accuracy on older held-out images.")
    max_latency_ratio: float = Field(1.5, gt=0, description="Largest latency as a multiple of the champion's.")
    finetune_below: float = Field(0, ge=0, le=1, description="Balanced accuracy below which the gate asks for fine-tuning.")


class ReleaseSpec(Part):
    """How a release proves itself on the endpoint before it gets all of the traffic."""

    shares: tuple[int, ...] = Field((10, 50), description="Percent of the traffic that the canary gets, step by step.")
    watch_s: float = Field(30, ge=0, description="Seconds for which each share is watched.")
    ready_s: float = Field(300, gt=0, description="Seconds within which the canary has to be ready.")
    confidence: float = Field(0.99, gt=0.5, lt=1, description="Level of the intervals by which it is compared.")
    max_p95_s: float = Field(2.0, gt=0, description="Longest time in which 95 of 100 requests are answered.")
    max_p95_ratio: float = Field(2.0, gt=0, description="The same as a multiple of the stable release's.")
    max_unfamiliar: float = Field(0.2, ge=0, le=1, description="By how much its share of unfamiliar pictures may be larger.")
    max_disagreement: float = Field(0.7, gt=0, le=1, description="Share of recent images that the two may name differently.")
    bake_s: float = Field(3600, ge=0, description="Seconds after which the release that served before is scaled down.")

    @field_validator("shares")
    @classmethod
    def _rising(cls, shares: tuple[int, ...]) -> tuple[int, ...]:
        if list(shares) != sorted({*shares}) or not all(0 < share < 100 for share in shares):
            raise ValueError("shares rise from more than 0 to less than 100 percent, such as [10, 50]")
        return shares
