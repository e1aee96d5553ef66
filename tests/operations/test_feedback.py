"""From what people said to label events: which pictures it is about, who decides, and what the next run learns."""

import datetime as dt
import functools
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from components.steps.embed import embed
from components.steps.evaluate import evaluate
from components.steps.gate import gate
from components.steps.label import label
from components.steps.train import train
from perennial.catalog.digests import digest_of, digest_of_bytes
from perennial.catalog.folding import picture_key
from perennial.catalog.rows import LabelEvent
from perennial.catalog.segments import Segment, encode, line
from perennial.catalog.splits import split_of
from perennial.errors import CatalogError
from perennial.operations.feedback import approve, listed, reject
from perennial.operations.report import render, report
from perennial.operations.runs import RunFolder, begin, goes_on
from perennial.task import save_task
from tests.small_world import CLASSES, World, add_batch, deployed_template, picture, template

NOWHERE = Path("/nowhere")


@dataclass
class People:
    """Writes what servers would note of answers and of what people say."""

    world: World
    number: int = field(default=0)

    def answer(self, jpeg: bytes, *, cls: str = "green", kept: bool = False) -> str:
        self.number += 1
        id, sha = f"colours.{self.number}", digest_of_bytes(jpeg)
        self._write({"kind": "prediction", "prediction_id": id, "cls": cls, "image": sha}, jpeg if kept else None)
        return id

    def say(self, cls: str, *, id: str | None = None, jpeg: bytes | None = None, who: str = "ana", post: str = "") -> str:
        """Return the id of a statement; ``post`` chooses the split in which an unknown picture falls."""
        name = digest_of([who, id, digest_of_bytes(jpeg or b""), cls, self.number])
        for more in range(1000):
            name = digest_of([name, more]) if more else name
            if not post or split_of(f"feedback/{name}") == post:
                break
        self._write({"kind": "feedback", "feedback": name, "who": who, "cls": cls, "prediction_id": id}, jpeg)
        return name

    def _write(self, record: dict[str, Any], jpeg: bytes | None) -> None:
        self.number += 1
        segment = Segment("colours", "w", self.number, 0)
        sha = {"picture": digest_of_bytes(jpeg)} if jpeg else {}
        self.world.objects.put(
            segment.key, encode(segment, [line(record | sha | {"at": 1.79e9, "endpoint": "colours", "task": "colours"})])
        )
        if jpeg:
            self.world.objects.put(segment.picture(sha["picture"]), jpeg)


@functools.cache
def serving(base: Path) -> World:
    """Make one world whose newest model serves, for all tests to copy."""
    made = template(base).copy(base / "serving-the-newest")
    made.write_record(stable=made.release(3))
    return made


@pytest.fixture
def world(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> World:
    """A world whose newest model, which has learnt all that there is, serves; steps find it by their settings."""
    made = serving(tmp_path_factory.getbasetemp()).copy(tmp_path / "home")
    settings = made.settings.model_copy(update={"tasks": tmp_path / "tasks"})
    for name, value in {"HOME": settings.home, "TASKS": settings.tasks, "THREADS": 1, "RUN": ""}.items():
        monkeypatch.setenv(f"PERENNIAL_{name}", str(value))
    return World(settings, made.task, made.models)


@pytest.fixture
def people(world: World) -> People:
    return People(world)


def run(world: World, name: str, *, min_new_images: int = 20) -> dict[str, Any]:
    """Do a run's steps after scraping, and return the facts of gate, training and labelling."""
    task = world.task.model_copy(update={"gate": world.task.gate.model_copy(update={"min_new_images": min_new_images})})
    save_task(task, world.settings.tasks / "colours.yaml")
    RunFolder(world.objects, "colours", name).write("scrape", {"go": True, "unfinished": [], "images": 0, "sentence": ""})
    facts = {"label": label("colours", name), "embed": embed("colours", name), "train": train("colours", name)}
    if facts["train"]["challenger"] is None:
        return facts
    return {**facts, "gate": gate("colours", name, evaluate("colours", name))}


def states(world: World) -> dict[str, str]:
    return {row["feedback"]: row["state"] for row in listed(world.catalog)}


def current(world: World, ids: Sequence[str]) -> list[str]:
    return world.catalog.labelled("colours", images=ids)["cls"].to_pylist()


def test_a_correction_of_a_picture_that_was_sent_becomes_an_image_with_a_label(people: People) -> None:
    jpeg, world = picture("red", 7_777), people.world
    said = people.say("blue", jpeg=jpeg)
    assert states(world) == {said: "pending"}
    (approved,) = approve(world.catalog, [said[:8]], NOWHERE)
    assert (approved.task, approved.images) == ("colours", 1)
    id = digest_of_bytes(jpeg)
    (image,) = world.catalog.images([id]).to_pylist()
    assert (image["source"], image["post"], image["split"]) == ("feedback", f"feedback/{said}", split_of(f"feedback/{said}"))
    assert image["published"] == max(batch.last for batch in world.catalog.batches("colours") if batch.origin == "source")
    (event,) = world.catalog.sql("select image, cls, who from labels where origin = 'feedback'").to_pylist()
    assert event == {"image": id, "cls": "blue", "who": "ana"}
    assert current(world, [id]) == ["blue"]
    assert states(world) == {said: "approved"}


def test_a_correction_of_an_image_that_the_catalog_knows_is_an_event_on_it(people: People) -> None:
    world = people.world
    image = world.catalog.image_ids()[0]
    before = len(world.catalog.image_ids())
    by_answer = people.say("blue", id=people.answer(world.catalog.pixels(image)))
    by_picture = people.say("blue", jpeg=world.catalog.pixels(image), who="ben")
    approve(world.catalog, [by_answer, by_picture], NOWHERE)
    assert len(world.catalog.image_ids()) == before
    assert current(world, [image]) == ["blue"]


def test_the_picture_that_a_task_keeps_of_its_answers_is_learnt(people: People) -> None:
    jpeg = picture("red", 7_778)
    said = people.say("blue", id=people.answer(jpeg, kept=True))
    (row,) = listed(people.world.catalog)
    assert (row["image"], row["predicted"]) == (digest_of_bytes(jpeg), "green")
    approve(people.world.catalog, [said], NOWHERE)
    assert current(people.world, [digest_of_bytes(jpeg)]) == ["blue"]


def test_without_a_kept_picture_it_cannot_be_approved_and_nothing_else_is(people: People) -> None:
    lacking = people.say("blue", id=people.answer(picture("red", 7_779)))
    whole = people.say("blue", jpeg=picture("red", 7_780))
    with pytest.raises(CatalogError, match=r"its picture isn't kept. Let ana send the image with it, or set 'keep_pictures"):
        approve(people.world.catalog, [whole, lacking], NOWHERE)
    assert set(states(people.world).values()) == {"pending"}


def test_people_who_disagree_are_both_listed_and_the_one_approved_last_counts(people: People) -> None:
    world, jpeg = people.world, picture("red", 7_781)
    answered = people.answer(jpeg, kept=True)
    first, second = people.say("blue", id=answered), people.say("green", id=answered, who="ben")
    people.say("blue", jpeg=picture("red", 7_782))
    assert [row["conflict"] for row in sorted(listed(world.catalog), key=lambda row: row["image"] != digest_of_bytes(jpeg))] == [
        True, True, False,
    ]  # fmt: skip
    with pytest.raises(CatalogError, match=r"about the same picture\. Approve one of them"):
        approve(world.catalog, [first, second], NOWHERE)
    approve(world.catalog, [second], NOWHERE)
    approve(world.catalog, [first], NOWHERE)
    assert current(world, [digest_of_bytes(jpeg)]) == ["blue"]
    assert states(world)[second] == "approved"


def test_what_is_rejected_stays_with_its_reason_and_is_not_learnt(people: People) -> None:
    world = people.world
    said = people.say("blue", jpeg=picture("red", 7_783))
    assert reject(world.catalog, [said], "a joke") == 1
    (row,) = listed(world.catalog, state="rejected")
    assert (row["reason"], row["conflict"]) == ("a joke", False)
    with pytest.raises(CatalogError, match="was rejected by"):
        approve(world.catalog, [said], NOWHERE)


def test_approving_twice_is_once_and_what_is_approved_stays(people: People) -> None:
    world = people.world
    said = people.say("blue", jpeg=picture("red", 7_784))
    approve(world.catalog, [said], NOWHERE)
    assert approve(world.catalog, [said], NOWHERE) == []
    assert len(world.catalog.batches("colours")) == 4
    with pytest.raises(CatalogError, match="can't be rejected any more"):
        reject(world.catalog, [said], "late")


def test_an_approval_that_was_killed_halfway_is_done_again(people: People) -> None:
    """The label event is there, the decision isn't."""
    world, jpeg = people.world, picture("red", 7_785)
    said = people.say("blue", jpeg=jpeg)
    day = listed(world.catalog)[0]["at"].date()
    world.catalog.append_labels("colours", [LabelEvent(digest_of_bytes(jpeg), "colours", "blue", "feedback", "ana", day)])
    approve(world.catalog, [said], NOWHERE)
    assert len(world.catalog.sql("select * from labels where origin = 'feedback'")) == 1
    assert states(world) == {said: "approved"}


@pytest.mark.parametrize("prefix", ["", "zz"])
def test_an_id_that_names_nothing_is_told(people: People, prefix: str) -> None:
    people.say("blue", jpeg=picture("red", 1))
    people.say("blue", jpeg=picture("red", 2))
    with pytest.raises(CatalogError, match=r"pieces of feedback begin with"):
        approve(people.world.catalog, [prefix], NOWHERE)


def test_a_class_that_the_task_has_lost_and_a_picture_that_was_deleted_are_told(people: People) -> None:
    world = people.world
    save_task(world.task, world.settings.tasks / "colours.yaml")
    with pytest.raises(CatalogError, match="no class of colours"):
        approve(world.catalog, [people.say("mauve", jpeg=picture("red", 1))], world.settings.tasks)
    jpeg = picture("red", 7_786)
    said = people.say("blue", jpeg=jpeg)
    listed(world.catalog)
    world.objects.delete(picture_key(digest_of_bytes(jpeg)))
    with pytest.raises(CatalogError, match="was deleted from pictures/"):
        approve(world.catalog, [said], world.settings.tasks)


def test_an_approved_correction_is_learnt_by_the_next_run_alone_and_counted(people: People) -> None:
    """One is fewer than the gate's twenty new images, and nothing else is new."""
    world = people.world
    assert run(world, "settled")["train"]["challenger"] is None
    for number, cls in enumerate(CLASSES):
        approve(world.catalog, [people.say(cls, jpeg=picture(cls, 8_000 + number), post="train")], NOWHERE)
    follows = RunFolder(world.objects, "colours", "next")
    assert goes_on(follows, world.task, new_posts=0, unfinished=begin(follows))
    facts = run(world, "next")
    assert facts["train"]["corrections"] == 3
    assert "3 of them corrections by people" in facts["train"]["sentence"]
    assert facts["gate"]["verdict"]["outcome"] == "promote", facts["gate"]["sentence"]
    assert "3 of them corrections by people" in facts["gate"]["page"]


def test_new_images_that_are_too_few_still_wait(people: People) -> None:
    world = people.world
    add_batch(world.catalog, "colours", 7)
    facts = run(world, "one", min_new_images=1000)
    assert facts["gate"]["verdict"]["outcome"] == "refuse"
    assert facts["train"]["corrections"] == 0


def test_many_corrections_are_not_held_as_a_suspicious_batch(people: People) -> None:
    """They contradict the champion by their nature."""
    world = people.world
    said = [people.say("blue", jpeg=picture("red", 9_000 + number)) for number in range(40)]
    approve(world.catalog, said, NOWHERE)
    checks = {check["name"]: check for check in run(world, "many")["gate"]["verdict"]["checks"]}
    assert checks["labels agree with the champion"]["passed"] is not False
    assert checks["labels can be reproduced"]["passed"] is not False


def test_the_report_counts_what_is_learnt_what_is_to_learn_and_what_waits(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    deployed = deployed_template(tmp_path_factory.getbasetemp()).copy(tmp_path / "home")
    people = People(deployed)
    approve(deployed.catalog, [people.say("blue", jpeg=picture("red", 9_100))], NOWHERE)
    people.say("blue", jpeg=picture("red", 9_101))
    listed(deployed.catalog)
    facts = report(deployed.task, deployed.settings)
    assert (facts["corrections"], facts["corrections_waiting"], facts["feedback_pending"]) == (0, 1, 1)
    assert render(facts).caption == "1 approved corrections to learn; 1 pieces of feedback to approve"
    assert render(facts | {"corrections": 3}).caption.startswith("3 corrections by people learnt; ")


def test_what_servers_noted_is_in_the_facts_of_the_label_step(people: People) -> None:
    people.say("blue", id=people.answer(picture("red", 3)))
    facts = run(people.world, "noting")["label"]
    assert facts["noted"] | {"lost": 0} == {"predictions": 1, "feedback": 1, "lost": 0, "set_aside": 0, "newer": 0}
    assert "1 predictions, 1 pieces of feedback" in facts["sentence"]


def test_the_day_of_a_correction_does_not_move_the_gates_window(people: People) -> None:
    """The pictures are years older than what is said about them today."""
    world = people.world
    assert dt.date(2026, 1, 3) == max(batch.last for batch in world.catalog.batches("colours"))
    approve(world.catalog, [people.say("red", jpeg=picture("red", 9_200), post="train")], NOWHERE)
    assert max(batch.last for batch in world.catalog.batches("colours")) > dt.date(2026, 9, 1)
    checks = {check["name"]: check for check in run(world, "window")["gate"]["verdict"]["checks"]}
    assert checks["enough held-out images"]["passed"] is True
