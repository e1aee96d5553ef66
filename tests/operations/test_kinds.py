"""Only exteriors: what a source says of the kind is believed, the rest is judged by the champion of another task."""

import datetime as dt
from dataclasses import dataclass, field

import pytest

from components.steps.embed import embed
from perennial.backbones.embed import embed_missing
from perennial.backbones.engines import Backbone
from perennial.backbones.export import ensure
from perennial.catalog.catalog import Catalog
from perennial.catalog.digests import digest_of_bytes
from perennial.catalog.kinds import Kinds
from perennial.catalog.rows import Image, LabelEvent
from perennial.deployment.releases import build_release
from perennial.errors import TaskError
from perennial.evaluation.compare import evaluate
from perennial.evaluation.gate import judge as judged_by_gate
from perennial.learning.model import load_model
from perennial.learning.training import update
from perennial.operations.facts import RunFolder
from perennial.operations.kinds import leave_out
from perennial.rules import FieldRule
from perennial.serving.record import EndpointRecord, record_key
from perennial.serving.releases import ServedModel
from perennial.sources.label import label, waiting
from perennial.task import DemoSource, ImagesSpec, LearnerSpec, Task, save_task
from tests.small_world import World, picture, template

DAY = dt.date(2026, 2, 1)
COLOUR = {"exterior": "red", "interior": "green", "drawing": "blue"}
"""In these tests, what an image shows is seen by its colour."""

WALLS = Task(
    name="walls",
    classes=("brick", "stone"),
    label=FieldRule(rule="field", field="wall", map={"brick": "brick", "stone": "stone"}),
    sources=(DemoSource(type="demo"),),
    images=ImagesSpec(kinds=("exterior",), judge="image-kind"),
    learner=LearnerSpec(half_life="none"),
)
KIND = Task(
    name="image-kind",
    classes=tuple(COLOUR),
    label=FieldRule(rule="field", field="kind", map={kind: kind for kind in COLOUR}, silent=("photo",)),
    sources=(DemoSource(type="demo"),),
)


@dataclass
class Site:
    """A store that images are added to, and both tasks' steps on it."""

    world: World
    backbone: Backbone
    posts: int = 0
    truth: dict[str, str] = field(default_factory=dict)

    @property
    def catalog(self) -> Catalog:
        return self.world.catalog

    def add(self, *kinds: tuple[str, str], day: int = 0, count: int = 8) -> None:
        """Add ``count`` images of each pair of what is shown and what the source says of it, and label them."""
        rows = []
        for shown, said in kinds * count:
            self.posts += 1
            jpeg = picture(COLOUR[shown], 5000 + self.posts)
            self.truth[digest_of_bytes(jpeg)] = shown
            about = {"wall": "brick" if self.posts % 2 else "stone"}
            post, published = f"demo/{self.posts}", DAY + dt.timedelta(days=day)
            rows.append((Image(digest_of_bytes(jpeg), "demo", post, "", published, "", "", said, about, 96, 96), jpeg))
        self.catalog.add_images(rows)
        for task in (WALLS, KIND):
            label(task, self.catalog)
            embed_missing(self.catalog, self.backbone, self.catalog.labelled(task.name)["image"].to_pylist())

    def judge(self) -> str:
        """Let a model of the kinds serve."""
        trained = update(KIND, self.catalog, self.backbone.digest, None)
        assert trained is not None
        served = ServedModel(model=trained.digest, version=1, backbone=self.backbone.digest)
        release = build_release(self.catalog, KIND.name, {KIND.name: served}, 1)
        record = EndpointRecord.model_validate({"endpoint": KIND.name, "stable": release})
        self.world.objects.put(record_key(KIND.name), record.model_dump_json().encode())
        return trained.digest

    def leave_out(self, task: Task = WALLS, backbone: str = "") -> str:
        return leave_out(task, self.catalog, backbone or self.backbone.digest, self.world.settings.tasks).sentence

    def shown(self) -> dict[str, int]:
        """Count what the images show that the task has labels for."""
        found = [self.truth[image] for image in self.catalog.labelled(WALLS.name)["image"].to_pylist()]
        return {kind: found.count(kind) for kind in sorted(set(found))}


@pytest.fixture
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    base = template(tmp_path_factory.getbasetemp())
    world = base.copy(tmp_path_factory.mktemp("site") / "home")
    settings = world.settings.model_copy(update={"tasks": world.settings.home / "tasks"})
    save_task(KIND, settings.tasks / f"{KIND.name}.yaml")
    digest = ensure(base.task.backbone, world.objects)
    return Site(World(settings, base.task, base.models), Backbone.load(world.objects, digest, 1))


SAID = (("exterior", "exterior"), ("interior", "interior"), ("drawing", "drawing"))
SILENT = (("exterior", "photo"), ("interior", "photo"))


def test_other_kinds_that_are_said_are_neither_labelled_nor_set_aside_nor_looked_at_again(site: Site) -> None:
    site.add(*SAID)
    assert site.shown() == {"exterior": 8}
    assert site.catalog.to_review(WALLS.name).num_rows == 0
    assert not waiting(WALLS, site.catalog)
    assert site.world.objects.get_json(f"labels/{WALLS.name}/mark.json")["row"] == len(site.catalog.image_ids())
    everything = WALLS.model_copy(update={"images": ImagesSpec()})
    label(everything, site.catalog)
    assert site.shown() == {"drawing": 8, "exterior": 8, "interior": 8}


def test_silent_images_stay_until_a_judge_serves_and_then_each_is_judged_once(site: Site) -> None:
    site.add(*SAID, *SILENT)
    assert site.leave_out() == "16 images of unknown kind stay in, since image-kind has no champion yet"
    assert site.shown() == {"exterior": 16, "interior": 8}
    first = site.judge()
    assert site.leave_out(backbone="c" * 64) == "16 images of unknown kind stay in, since image-kind has another backbone"
    assert site.leave_out() == "8 images of other kinds left out"
    assert site.shown() == {"exterior": 16}
    site.add(*SAID, *SILENT, day=1)
    assert site.judge() != first
    found = leave_out(WALLS, site.catalog, site.backbone.digest, site.world.settings.tasks)
    assert (found.judged, found.batch.images if found.batch else 0) == (16, 8)
    judged = Kinds(site.world.objects).of(KIND.name, list(site.truth))
    assert {image: one.kind for image, one in judged.items()} == {image: site.truth[image] for image in judged}
    assert sorted({one.model == first for one in judged.values()}) == [False, True]
    assert site.leave_out() == ""


def test_killed_between_judging_and_taking_away_it_ends_as_if_it_had_not_been(site: Site) -> None:
    """What the first attempt judged stands."""
    site.add(*SAID, *SILENT)
    site.judge()
    other = site.world.copy(site.world.settings.home.parent / "other")
    site.leave_out()
    undisturbed = [batch.id for batch in site.catalog.batches(WALLS.name)]

    table, half = Kinds(other.objects), Kinds(site.world.objects).of(KIND.name, list(site.truth))
    table.remember(sorted(half.values(), key=lambda one: one.image)[:7])
    site.world = World(other.settings.model_copy(update={"tasks": site.world.settings.tasks}), other.task, other.models)
    for _ in range(2):
        site.leave_out()
        assert [batch.id for batch in site.catalog.batches(WALLS.name)] == undisturbed


def test_a_model_that_learnt_them_unlearns_them_and_the_gate_sees_nothing_odd(site: Site) -> None:
    site.add(*SAID, *SILENT, count=30)
    before = update(WALLS, site.catalog, site.backbone.digest, None)
    assert before is not None
    site.judge()
    site.add(*SILENT, day=1, count=20)
    site.leave_out()
    after = update(WALLS, site.catalog, site.backbone.digest, before.digest)
    assert after is not None
    scratch = update(WALLS, site.catalog, site.backbone.digest, None)
    assert scratch is not None
    heads = [load_model(site.world.objects, WALLS.name, digest).head() for digest in (after.digest, scratch.digest)]
    assert heads[0].readout.weight.tolist() == heads[1].readout.weight.tolist()
    evaluation = evaluate(WALLS, site.catalog, after.digest, before.digest, after.batches_new)
    assert evaluation.new_images == 30 + 20  # unlearnt, and new
    assert sorted(batch.images for batch in evaluation.batches) == [0, 20]
    verdict = judged_by_gate(WALLS, evaluation)
    assert verdict.batches == ()


def test_what_people_say_stays_and_what_a_rule_says_anew_is_taken_away_again(site: Site) -> None:
    site.add(*SAID, *SILENT)
    site.judge()
    site.leave_out()
    interiors = [image for image, shown in site.truth.items() if shown == "interior"]
    image = next(image for image in interiors if image in Kinds(site.world.objects).of(KIND.name, interiors))
    site.catalog.append_labels(WALLS.name, [LabelEvent(image, WALLS.name, "stone", "review", "ana", DAY)])
    site.leave_out()
    assert site.shown() == {"exterior": 16, "interior": 1}
    swapped = FieldRule(rule="field", field="wall", map={"brick": "stone", "stone": "brick"})
    label(WALLS.model_copy(update={"label": swapped}), site.catalog)
    assert site.shown() == {"exterior": 16, "interior": 8}
    assert site.leave_out() == "7 images of other kinds left out"
    assert site.shown() == {"exterior": 16, "interior": 1}


def test_the_embed_step_says_what_it_left_out(
    site: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    site.add(*SAID, *SILENT)
    save_task(WALLS, site.world.settings.tasks / "walls.yaml")
    variables = {"HOME": site.world.settings.home, "TASKS": site.world.settings.tasks, "THREADS": 1, "RUN": ""}
    for name, value in variables.items():
        monkeypatch.setenv(f"PERENNIAL_{name}", str(value))
    said = []
    for number in range(3):
        run = RunFolder(site.world.objects, WALLS.name, f"run-{number}")
        run.write("label", {"sentence": "", "backbone": site.backbone.digest})
        assert embed(WALLS.name, run.id) == run.read("embed")
        said.append((run.read("embed")["sentence"], run.read("embed")["left_out"]["images"]))
        if number == 0:
            site.judge()
    assert said == [
        ("0 embeddings, 16 images of unknown kind stay in, since image-kind has no champion yet", 0),
        ("0 embeddings, 8 images of other kinds left out", 8),
        ("0 embeddings", 0),
    ]
    assert "embed done: 0 embeddings, 8 images of other kinds left out" in capsys.readouterr().out


def test_a_task_that_asks_for_all_kinds_again_gets_them(site: Site) -> None:
    site.add(*SAID, *SILENT)
    site.judge()
    site.leave_out()
    everything = WALLS.model_copy(update={"images": ImagesSpec()})
    label(everything, site.catalog)
    assert site.shown() == {"drawing": 8, "exterior": 16, "interior": 16}
    assert site.leave_out(everything) == ""
    label(WALLS, site.catalog)
    assert site.leave_out() == "24 images of other kinds left out"
    assert site.shown() == {"exterior": 16}


def test_a_task_without_kinds_or_without_a_judge_keeps_silent_images(site: Site) -> None:
    site.add(("interior", "photo"))
    assert site.leave_out(WALLS.model_copy(update={"images": ImagesSpec()})) == ""
    without = WALLS.model_copy(update={"images": ImagesSpec(kinds=("exterior",))})
    assert site.leave_out(without) == "8 images of unknown kind stay in, since images.judge names no task"


def test_a_judge_that_does_not_know_the_kinds_is_an_error(site: Site) -> None:
    site.add(*SILENT)
    save_task(KIND.model_copy(update={"classes": ("interior", "drawing")}), site.world.settings.tasks / "image-kind.yaml")
    with pytest.raises(TaskError, match="can't say which images of 'walls' show exterior"):
        site.leave_out()
    nobody = WALLS.model_copy(update={"images": ImagesSpec(kinds=("exterior",), judge="nobody")})
    with pytest.raises(TaskError, match="There is no task 'nobody'"):
        site.leave_out(nobody)


def test_a_judge_without_kinds_is_refused() -> None:
    with pytest.raises(ValueError, match="image-kind has nothing to judge without kinds"):
        ImagesSpec(judge="image-kind")


def test_what_was_labelled_before_the_task_asked_for_kinds_is_taken_out(site: Site) -> None:
    site.add(*SAID)
    label(WALLS.model_copy(update={"images": ImagesSpec()}), site.catalog)
    assert site.shown() == {"drawing": 8, "exterior": 8, "interior": 8}
    assert site.leave_out() == "16 images of other kinds left out"
    assert site.shown() == {"exterior": 8}
