"""A task: one classification problem, as a YAML file says it."""

import difflib
import re
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from perennial.errors import TaskError
from perennial.rules import FolderRule, LabelRule
from perennial.wikidata import COUNTRIES, KINDS

BUNDLED = resources.files("perennial") / "tasks"
TABLES = (".csv", ".jsonl", ".parquet")


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ArchDailySource(_Part):
    """Project pages of ArchDaily, or of a site shaped like it."""

    type: Literal["archdaily"]
    base_url: str = "https://www.archdaily.com"
    permission: str = Field("", description="Who allowed scraping, and when; the source is off while this is empty.")
    images_per_post: int = Field(3, ge=1)
    overlap_days: int = Field(3, ge=0, description="Days before the newest known post that are listed again.")
    backfill: bool = Field(False, description="After what is new, take older posts by the site's sitemap.")
    delay_s: float = Field(2.0, ge=0, description="Least pause between two requests to one host.")
    daily_requests: int = Field(5000, ge=1, description="Requests to one host in a UTC day.")
    allow_hosts: tuple[str, ...] = Field((), description="Hosts that may lie inside the network, as host or host:port.")

    @model_validator(mode="after")
    def _polite(self) -> "ArchDailySource":
        if self.delay_s < 2 and "archdaily.com" in self.base_url:
            raise ValueError(f"delay_s is {self.delay_s}; ArchDaily is asked every 2 seconds at most; make it 2 or more")
        return self


class DemoSource(_Part):
    """The bundled site on loopback: drawn buildings, shaped like ArchDaily."""

    type: Literal["demo"]
    base_url: str = Field("", description="Address of a running demo site.")
    images_per_post: int = Field(3, ge=1)
    overlap_days: int = Field(3, ge=0, description="Days before the newest known post that are listed again.")


class FolderSource(_Part):
    """Pictures in class subfolders."""

    type: Literal["folder"]
    path: Path


class InboxSource(_Part):
    """Pictures that are dropped into the inbox of the store."""

    type: Literal["inbox"]
    prefix: str = Field("", description="Take only what lies below this folder of the inbox.")

    @field_validator("prefix")
    @classmethod
    def _folders(cls, prefix: str) -> str:
        parts = [part for part in prefix.split("/") if part]
        if any(part.startswith(".") for part in parts):
            raise ValueError("a folder of the inbox begins with no dot, such as walls/brick")
        return "/".join(parts)


class TableSource(_Part):
    """Pictures that a CSV, JSONL or Parquet file lists by path or URL, with what is known of each."""

    type: Literal["table"]
    path: Path
    allow_hosts: tuple[str, ...] = Field((), description="Hosts inside the network that URLs of the table may name.")

    @field_validator("path")
    @classmethod
    def _readable(cls, path: Path) -> Path:
        if path.suffix.lower() not in TABLES:
            raise ValueError(f"path: a table ends in {', '.join(TABLES)}, and {path.name} doesn't. Save it as one of them")
        return path


class CommonsSource(_Part):
    """Buildings of Wikidata with their photographs on Wikimedia Commons, under free licences."""

    type: Literal["commons"]
    countries: tuple[str, ...] = Field(COUNTRIES, min_length=1, description="ISO 3166 codes of two letters.")
    kinds: dict[str, str] = Field(KINDS, min_length=1, description="Wikidata classes, Q-number to plain name.")
    width: Literal[20, 40, 60, 120, 250, 330, 500, 960, 1280, 1920, 3840] = 960
    images_per_post: int = Field(1, ge=1)
    images_per_run: int = Field(1000, ge=1)
    images_per_country: int = Field(20, ge=1, description="In one run, so that no country fills it.")
    queries_per_run: int = Field(200, ge=1, description="Lists that one run asks the query service for.")
    overlap_days: int = Field(3, ge=0, description="Days before a country's last listing that count as new in its next.")
    query_url: str = "https://query.wikidata.org/sparql"
    api_url: str = "https://commons.wikimedia.org/w/api.php"

    @field_validator("countries")
    @classmethod
    def _codes(cls, countries: tuple[str, ...]) -> tuple[str, ...]:
        wrong = [code for code in countries if not re.fullmatch("[A-Z]{2}", code)]
        if wrong:
            raise ValueError(f"countries: {', '.join(wrong)} is no ISO 3166 code of two capital letters, such as PT")
        return tuple(dict.fromkeys(countries))

    @field_validator("kinds")
    @classmethod
    def _classes(cls, kinds: dict[str, str]) -> dict[str, str]:
        wrong = [number for number in kinds if not re.fullmatch(r"Q[1-9]\d{0,11}", number)]
        if wrong:
            raise ValueError(f"kinds: {', '.join(wrong)} is no number of a Wikidata class, such as Q16970")
        return kinds


Kind = Literal["exterior", "interior", "drawing"]
EngineName = Literal["openvino", "onnxruntime", "onnxruntime-cuda"]
Precision = Literal["fp32", "bf16", "int8"]
SourceSpec = Annotated[
    ArchDailySource | CommonsSource | DemoSource | FolderSource | InboxSource | TableSource, Field(discriminator="type")
]


class BackboneSpec(_Part):
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


class LearnerSpec(_Part):
    """What turns embeddings and labels into a head."""

    name: Literal["slda", "ncm"] = "slda"
    period: Literal["day", "month"] = Field("month", description="Length of time over which class sums are kept apart.")
    half_life: float | Literal["auto", "none"] = Field("auto", description="Days after which an image counts half.")
    shrinkage: Annotated[float, Field(ge=0, le=1)] | Literal["oas"] = "oas"


class ImagesSpec(_Part):
    """Which of its sources' images a task learns and is judged on."""

    kinds: tuple[Kind, ...] = Field((), description="Only these kinds; empty: all.")
    judge: str = Field("", description="The task whose champion says the kind of images of which their source doesn't.")

    @model_validator(mode="after")
    def _judged_for_something(self) -> "ImagesSpec":
        if self.judge and not self.kinds:
            raise ValueError(f"{self.judge} has nothing to judge without kinds; add kinds, such as [exterior]")
        return self


class FinetuneSpec(_Part):
    """When and how the backbone itself goes on learning, on a GPU where there is one."""

    when: Literal["never", "asked", "always"] = Field("never", description="asked: when the gate or an operator asks for it.")
    epochs: int = Field(3, ge=1)
    images_per_class: int = Field(500, ge=1, description="Images of each class that one epoch replays, old and new alike.")
    batch: int = Field(32, ge=2)
    learning_rate: float = Field(0.0001, gt=0)


class GateSpec(_Part):
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


class ReleaseSpec(_Part):
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


class Task(_Part):
    """One classification problem."""

    name: str = Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,40}[a-z0-9])?$")
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
    endpoint: str = Field("", pattern=r"^([a-z0-9]([a-z0-9-]{0,40}[a-z0-9])?)?$", description="By default the task's name.")
    keep_pictures: bool = Field(False, description="Keep pictures that the endpoint is asked about, so that they can be learnt.")
    archive_images_days: int = Field(0, ge=0, description="Days after which images go to the store's archive; 0: never.")
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


def load_task(name: str, folder: Path = Path("tasks")) -> Task:
    """Read a task by its file, or by its name in ``folder`` or among the bundled tasks.

    Raises:
        TaskError: there is no such file, or it is wrong; the text names file, key and fix.
    """
    path = _find(name, folder)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise TaskError(f"{path} can't be read as YAML: {' '.join(str(error).split())}. Correct the file.") from None
    return parse_task(text, str(path))


def parse_task(text: str, where: str) -> Task:
    """Read a task from YAML or JSON; ``where`` says in errors whose text it is.

    Raises:
        TaskError: it is wrong; the text names ``where``, key and fix.
    """
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise TaskError(f"{where} can't be read as YAML: {' '.join(str(error).split())}. Correct the file.") from None
    if not isinstance(document, dict):
        raise TaskError(f"{where} holds no task: a task file is a map with the keys {', '.join(Task.model_fields)}.")
    try:
        return Task.model_validate(document)
    except ValidationError as error:
        raise TaskError(f"{where}: {_explain(error)}") from None


def save_task(task: Task, path: Path) -> None:
    """Write a task file with what differs from the defaults."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    partial.write_text(task_text(task), encoding="utf-8")
    partial.replace(path)


def task_text(task: Task) -> str:
    """Return a task as YAML, with what differs from the defaults."""
    return yaml.safe_dump(task.model_dump(mode="json", exclude_defaults=True), sort_keys=False, allow_unicode=True)


def _find(name: str, folder: Path) -> Any:
    if name.endswith((".yaml", ".yml")):
        if not Path(name).is_file():
            raise TaskError(f"There is no task file {name}. Give the name of a task or the path of its YAML file.")
        return Path(name)
    own, bundled = folder / f"{name}.yaml", BUNDLED / f"{name}.yaml"
    if own.is_file():
        return own
    if re.fullmatch(r"[a-z0-9-]+", name) and bundled.is_file():
        return bundled
    known = sorted(
        {path.stem for path in folder.glob("*.yaml")} | {p.name[:-5] for p in BUNDLED.iterdir() if p.name.endswith(".yaml")}
    )
    raise TaskError(
        f"There is no task '{name}' in {folder} or among the bundled ones. Known tasks: {', '.join(known)}. "
        f"Write one with 'perennial init {name} --from-folder DIR'."
    )


def _explain(error: ValidationError) -> str:
    """Say each mistake with its key and the fix."""
    sentences = []
    for mistake in error.errors():
        key = ".".join(str(part) for part in mistake["loc"] if part not in FolderRule.model_fields)
        if mistake["type"] == "extra_forbidden":
            sentences.append(f"the key '{key}' is unknown{_suggest(mistake['loc'])}")
        elif mistake["type"] == "missing":
            sentences.append(f"the key '{key}' is missing; add it")
        elif mistake["type"] == "value_error":
            sentences.append(f"{key + ': ' if key else ''}{mistake['ctx']['error']}")
        else:
            sentences.append(f"the key '{key}' has the value {mistake['input']!r}: {mistake['msg'].lower()}")
    return "; ".join(sentences) + "."


def _suggest(location: tuple[int | str, ...]) -> str:
    parts: dict[str, type[BaseModel]] = {
        "images": ImagesSpec,
        "backbone": BackboneSpec,
        "learner": LearnerSpec,
        "finetune": FinetuneSpec,
        "gate": GateSpec,
        "release": ReleaseSpec,
    }
    model = parts.get(str(location[0]), Task) if len(location) > 1 else Task
    if str(location[0]) in ("sources", "label"):
        return "; remove it"
    close = difflib.get_close_matches(str(location[-1]), model.model_fields, 1)
    return f"; did you mean '{close[0]}'?" if close else f"; known keys: {', '.join(model.model_fields)}"
