"""`perennial sources` and `perennial sources check`, through the real command line, against the demo's site on loopback."""

import datetime
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from perennial.catalog.catalog import Catalog
from perennial.catalog.objects import Objects
from perennial.settings import Settings
from perennial.sources.demo_site.posts import first_day
from perennial.sources.scrape import scrape
from perennial.task import load_task
from tests.sources.test_scrape_archdaily import ChangedSite

CLASSES = ["africa", "asia", "australia", "central-america", "europe", "middle-east", "north-america", "south-america"]


class Installation:
    """A folder with a store and a task that reads an archdaily site on loopback."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.task = folder / "tasks" / "walls.yaml"
        self.environment = {"PERENNIAL_HOME": str(folder / "home"), "PERENNIAL_CONTACT": "us@example.org"}
        source = {"type": "archdaily", "base_url": url, "permission": "us, today", "delay_s": 0}
        self.write(source, {"type": "archdaily", "permission": ""})

    def write(self, *sources: dict[str, Any]) -> None:
        self.task.parent.mkdir(exist_ok=True)
        document = {"name": "walls", "classes": CLASSES, "label": {"rule": "country"}, "sources": list(sources)}
        self.task.write_text(yaml.safe_dump(document), encoding="utf-8")

    def perennial(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "perennial", *arguments]
        env = {**os.environ, **self.environment, **environment}
        return subprocess.run(command, env=env, cwd=self.folder, capture_output=True, text=True)

    def json(self, *arguments: str) -> Any:
        ended = self.perennial(*arguments, "--json")
        assert ended.returncode in (0, 1), ended.stderr
        return json.loads(ended.stdout)

    def scrape(self) -> None:
        settings = Settings(home=self.folder / "home", contact="us@example.org")
        scrape(load_task(str(self.task)), Catalog.open(Objects.open(settings.store_url)), settings)


@pytest.fixture
def site() -> Any:
    with ChangedSite(seed=0, today=first_day() + datetime.timedelta(days=7)) as site:
        yield site


@pytest.fixture
def here(tmp_path: Path, site: ChangedSite) -> Installation:
    return Installation(tmp_path, site.url)


def test_what_sources_are_at(here: Installation, site: ChangedSite) -> None:
    first, second = here.json("sources")["sources"]
    assert (first["name"], first["on"], first["last"], first["fill"]) == ("walls/1", True, {}, {})
    assert (second["name"], second["on"]) == ("walls/2", False)
    assert "permission" in second["off"]
    here.scrape()
    facts = here.json("sources", "walls")
    first = facts["sources"][0]
    assert (first["last"]["status"], first["last"]["posts"]) == ("done", 40)
    assert first["watermark"] == str(site.today)
    assert first["fill"]["place"] == first["fill"]["images"] == 1.0
    assert facts["hosts"][0]["requests_today"] > 160
    table = here.perennial("sources")
    assert table.returncode == 0
    assert "walls/1" in table.stdout
    assert "place 100%" in table.stdout
    assert "walls/2: The source https://www.archdaily.com is off" in table.stderr


def test_an_alarm_stands_in_the_list(here: Installation, site: ChangedSite) -> None:
    here.scrape()
    site.replaced = {b"project-category-tier-1": b"kind", b"afd-specs__header-category": b"header__kind"}
    site.today += datetime.timedelta(days=4)
    here.scrape()
    assert "category in 0% of them (100% before)" in here.json("sources", "walls")["sources"][0]["alarm"]
    ended = here.perennial("sources")
    assert ended.stderr.count("archdaily may have changed shape") == 1


def test_a_site_that_is_what_it_was(here: Installation, site: ChangedSite) -> None:
    ended = here.perennial("sources", "check", "walls")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "its terms forbid scraping" in ended.stdout, "the task's other source is off"
    site.asked.clear()
    found = {(one["page"], one["field"]): one for one in here.json("sources", "check", "walls/1")}
    post = site.posts()[0]
    assert {page for page, _ in found} == {"listing JSON", "project page", "gallery", "images", "picture"}
    assert not [key for key, one in found.items() if one["missing"]]
    assert found["project page", "category"]["value"] == post.category
    assert (found["listing JSON", "place"]["found"], found["listing JSON", "place"]["of"]) == (
        16,
        18,
    )
    assert "kept as 240 × 180" in found["picture", "picture"]["value"]
    asked = {path: count for path, count in site.asked.items() if path != "/robots.txt"}
    assert len(asked) == 4, "one listing, one project, one gallery, one picture"
    catalog = Catalog.open(Objects.open((here.folder / "home" / "store").as_uri()))
    assert catalog.images().num_rows == 0


@pytest.mark.parametrize(
    ("replaced", "page", "field"),
    [
        ({b"archdaily:type": b"og:type"}, "project page", "type"),
        ({b"cXenseParse:publishtime": b"x"}, "project page", "publishtime"),
        ({b"project-location": b"x", b"afd-specs__header-location": b"x"}, "project page", "place"),
        ({b"gallery-thumbs": b"x"}, "project page", "gallery"),
        ({b"data-images": b"data-pictures"}, "images", "images"),
    ],
)
def test_what_is_missing_is_said(
    here: Installation, site: ChangedSite, replaced: dict[bytes, bytes], page: str, field: str
) -> None:
    site.replaced = replaced
    ended = here.perennial("sources", "check", "archdaily", "--json")
    assert ended.returncode == 1
    missing = [one for one in json.loads(ended.stdout) if one["missing"] and one["essential"]]
    assert (page, field) in {(one["page"], one["field"]) for one in missing}


def test_a_listing_that_is_gone_is_said(here: Installation, site: ChangedSite) -> None:
    site.without_json = True
    ended = here.perennial("sources", "check", "walls/1")
    assert ended.returncode == 1
    assert "missing!" in ended.stdout
    assert "front page" in ended.stdout
    assert "project page" in ended.stdout


def test_mistakes_are_one_sentence(here: Installation, site: ChangedSite) -> None:
    unknown = here.perennial("sources", "check", "wolls")
    assert unknown.returncode == 2
    assert "No source is called 'wolls'" in unknown.stderr
    assert "walls/1 (archdaily)" in unknown.stderr
    off = here.perennial("sources", "check", "walls/2")
    assert (off.returncode, "is off" in off.stderr) == (2, True)
    nobody = here.perennial("sources", "check", "walls/1", PERENNIAL_CONTACT="")
    assert (nobody.returncode, "PERENNIAL_CONTACT" in nobody.stderr) == (2, True)
    site.stop()
    away = here.perennial("sources", "check", "walls/1")
    assert away.returncode == 2
    assert "Traceback" not in away.stderr
