"""What a champion and the ways back need stays, whatever happened before; the rest is archived and comes back."""

import datetime as dt
import re
import tempfile
from pathlib import Path

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from perennial.catalog.leases import lease
from perennial.catalog.objects import Objects
from perennial.cli import app
from perennial.deployment.deploy import rollback
from perennial.deployment.releases import list_releases
from perennial.errors import EndpointError, RegistryError
from perennial.operations.report import report
from perennial.registry import Run, Version
from perennial.serving.record import Hold, read_record
from perennial.task import load_task, save_task
from tests.deployment.acts import assert_settled, champion_of, go
from tests.operations.retention.acts import answers, back_to, counts, learn, tidied
from tests.operations.retention.conftest import MODELS
from tests.small_world import World


def there(world: World, version: Version) -> bool:
    return world.objects.exists(f"models/colours/{version.digest}/model.json")


Step = tuple[str, int]
steps = st.lists(
    st.one_of(
        st.tuples(st.just("promote"), st.integers(1, MODELS)),
        st.tuples(st.just("back"), st.integers(1, MODELS)),
        st.tuples(st.just("flip"), st.just(0)),
    ),
    min_size=2,
    max_size=5,
)


def happen(world: World, history: list[Step]) -> None:
    """Let promotions, rollbacks and flips happen, those that can."""
    from perennial.deployment.reconcile import flip

    for what, number in history:
        champion = champion_of(world)
        if what == "promote":
            go(world, number, world.models.index(champion) + 1 if champion else None)
        elif what == "back" and champion and number <= len(world.registry.versions("colours")):
            assert back_to(world, number) == "promoted"
        elif what == "flip" and read_record(world.objects, "colours").previous:
            flip("colours", world.catalog, world.registry, world.settings, "a test")


def still_serves_learns_and_goes_back(world: World, history: list[Step], keep: int, held: int) -> None:
    """Tidy after a history, with one version held in an A/B where ``held`` isn't 0, and look whether all goes on as before."""
    happen(world, history)
    champion, record = champion_of(world), read_record(world.objects, "colours")
    versions = world.registry.versions("colours")
    if held and held <= len(versions) and versions[held - 1].digest != champion:
        canary = world.release(world.models.index(versions[held - 1].digest) + 1)
        hold = Hold(
            task="colours",
            champion=next(version.number for version in versions if version.digest == champion),
            challenger=held,
            share=50,
            began=dt.datetime.now(dt.UTC),
        )
        world.write_record(**{**record.model_dump(), "canary": canary, "state": "shifting", "share": 50, "hold": hold})
        record = read_record(world.objects, "colours")
    before = {release: answers(world, release) for release in record.roles}

    told = counts(tidied(world, dry_run=True, keep_versions=keep))
    assert counts(tidied(world, keep_versions=keep)) == told
    assert counts(tidied(world, keep_versions=keep)) == {}

    assert champion_of(world) == champion
    assert read_record(world.objects, "colours") == record.model_copy(
        update={"fence": read_record(world.objects, "colours").fence}
    )
    assert {release: answers(world, release) for release in record.roles} == before
    world.write_record(**{**record.model_dump(), "canary": None, "state": None, "share": 0, "hold": None})
    after = world.registry.versions("colours")
    promoted = [version for version in after if version.tags.get("perennial.outcome") == "promoted"]
    assert all(there(world, version) for version in promoted[-keep:])
    for version in after:
        assert bool(version.archived) != there(world, version)
        if version.archived:
            with pytest.raises(RegistryError, match="was archived on"):
                back_to(world, version.number)
        else:
            assert back_to(world, version.number) == "promoted"
            assert_settled(world, version.digest)
    assert_settled(world, learn(world, 100))


@pytest.mark.parametrize(
    ("history", "keep", "held"),
    [
        ([("promote", 2), ("promote", 3), ("promote", 4), ("back", 2), ("promote", 5)], 1, 3),
        ([("promote", 2), ("promote", 3), ("back", 1), ("flip", 0)], 1, 0),
    ],
)
def test_after_a_history_the_champion_serves_and_learns_and_every_kept_version_comes_back(
    long_template: World, tmp_path: Path, history: list[Step], keep: int, held: int
) -> None:
    still_serves_learns_and_goes_back(long_template.copy(tmp_path / "home"), history, keep, held)


@pytest.mark.crash
@pytest.mark.timeout(1800)
def test_so_it_is_after_any_history(long_template: World) -> None:
    @given(history=steps, keep=st.integers(1, 3), held=st.integers(0, MODELS))
    @settings(max_examples=20, deadline=None, phases=[Phase.explicit, Phase.generate])
    def check(history: list[Step], keep: int, held: int) -> None:
        with tempfile.TemporaryDirectory() as folder:
            still_serves_learns_and_goes_back(long_template.copy(Path(folder) / "home"), history, keep, held)

    check()


def test_what_was_archived_is_listed_as_such_and_comes_back(
    promoted: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    kinds = tidied(promoted, keep_versions=2)
    assert kinds["models"].count == MODELS - 4  # the champion stays, the two before it, and the first one
    assert kinds["models"].stays["the first, for reports"] == 1

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PERENNIAL_HOME", str(promoted.settings.home))
    save_task(promoted.task, tmp_path / "tasks" / "colours.yaml")
    assert load_task("colours", tmp_path / "tasks") == promoted.task
    listed = CliRunner().invoke(app, ["models", "colours"]).stdout
    assert len(re.findall(r"archived \d{4}-\d\d-\d\d", listed)) == kinds["models"].count
    assert any(event["models"].endswith("(archived)") for event in list_releases(promoted.objects, "colours"))

    with pytest.raises(RegistryError, match="Version 2 of colours was archived") as told:
        back_to(promoted, 2)
    for source, target in re.findall(r"'perennial copy (\S+) (\S+)'", str(told.value)):
        assert CliRunner().invoke(app, ["copy", source, target]).exit_code == 0
    assert back_to(promoted, 2) == "promoted"
    assert not promoted.registry.version("colours", 2).archived


def test_a_rollback_without_a_version_passes_over_archived_ones(promoted: World) -> None:
    tidied(promoted, keep_versions=1)
    assert back_to(promoted, MODELS - 1) == "promoted"
    done = rollback(promoted.task, promoted.catalog, promoted.registry, promoted.settings, None, "a test")
    assert (done.outcome, done.version) == ("promoted", 1)


def test_during_a_deployment_all_models_stay(promoted: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("perennial.operations.retention.models.WAIT_S", 0.0)
    with lease(promoted.objects, "endpoint-colours"):
        kinds = tidied(promoted, keep_versions=1)
    assert [kinds[name].stays for name in ("models", "releases", "backbones")] == [{"a deployment goes on": 1}] * 3
    assert counts(kinds) == {}


def test_while_a_run_is_under_way_its_models_stay(promoted: World) -> None:
    promoted.objects.put("runs/colours/state.json", b'{"open": ["run-9"], "task": ""}')
    soon = tidied(promoted, 5, keep_versions=1, keep_models_days=1)
    assert "models" not in counts(soon)
    assert soon["models"].stays["a run of the task is under way"]
    assert counts(tidied(promoted, 9, keep_versions=1, keep_models_days=1))["models"]  # it is dead by then


@pytest.mark.parametrize("days", [0, 400])
def test_nothing_is_archived_that_is_young_or_where_that_is_off(promoted: World, days: int) -> None:
    assert counts(tidied(promoted, keep_versions=1, keep_models_days=days)) == {}


def test_a_backbone_that_nothing_uses_goes_with_its_embeddings(promoted: World) -> None:
    ids = promoted.catalog.image_ids()[:4]
    objects, unused = promoted.objects, "ab" * 32
    own = next(version.backbone for version in promoted.registry.versions("colours"))
    for key in list(objects.keys(f"backbones/{own}")):
        objects.copy(key, key.replace(own, unused))
    objects.put_json("finetuning/colours/abc.json", {"backbone": unused})
    promoted.catalog.add_embeddings(unused, ids, promoted.catalog.embeddings(own, ids))
    gone = counts(tidied(promoted, keep_versions=MODELS))
    assert (gone["backbones"], gone["embeddings"]) == (1, 1)
    assert promoted.catalog.without_embedding(unused, ids) == ids
    assert objects.exists(f"archive/backbones/{unused}/backbone.json")
    assert not objects.exists("finetuning/colours/abc.json")
    assert promoted.catalog.add_embeddings(unused, ids, promoted.catalog.embeddings(own, ids)) == len(ids)


def test_a_damaged_record_stops_it_before_anything_is_archived(promoted: World) -> None:
    promoted.objects.put("endpoints/colours.json", b"{")
    before = list(promoted.objects.keys("models"))
    with pytest.raises(EndpointError, match="is damaged"):
        tidied(promoted, keep_versions=1)
    assert list(promoted.objects.keys("models")) == before


def test_a_report_leaves_out_what_an_archived_champion_scored(promoted: World) -> None:
    batches = promoted.catalog.batches("colours")
    for number, batch in enumerate(batches[1:], 1):
        tags = {"batches": batch.id, "champion_before": promoted.models[number - 1]}
        promoted.registry.record(Run("colours", f"run-{number}", "promoted", {}, {}, tags, {}))
    assert len(report(promoted.task, promoted.settings)["days"]) == MODELS - 1
    assert tidied(promoted, keep_versions=2)["models"].count == 1
    assert len(report(promoted.task, promoted.settings)["days"]) == MODELS - 2


def test_killed_half_way_it_goes_on(promoted: World) -> None:
    version = promoted.registry.version("colours", 3)
    folder = f"models/colours/{version.digest}"
    whole = {key.rpartition("/")[2]: promoted.objects.get(key) for key in promoted.objects.keys(folder)}
    tidied(promoted, keep_versions=1)
    names = sorted(whole)
    for name in names[:2]:  # as a kill leaves it between two deletions
        promoted.objects.put(f"{folder}/{name}", whole[name])
    assert counts(tidied(promoted, keep_versions=1)) == {"models": 1}
    archived = Objects.open(f"{promoted.objects.url}/archive")
    assert {name: archived.get(f"{folder}/{name}") for name in names} == whole
