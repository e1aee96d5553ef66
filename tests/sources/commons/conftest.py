"""A small Wikidata: Portugal and Nigeria, churches and museums."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from perennial.catalog.catalog import Catalog
from perennial.catalog.objects import Objects
from perennial.task import CommonsSource, Task
from tests.sources.commons.services import Services, served
from tests.sources.conftest import EIGHT

PT, NG = "Q45", "Q1033"
CHURCH, MUSEUM = "Q16970", "Q33506"


@pytest.fixture
def services() -> Iterator[Services]:
    for services in served():
        services.country(PT, "PT", "Portugal")
        services.country(NG, "NG", "Nigeria")
        for kind, name in ((CHURCH, "church building"), (MUSEUM, "museum")):
            services.name(kind, name)
        for number in range(1, 6):
            services.building(100 + number, PT, CHURCH, f"Igreja {number}.jpg")
            services.building(200 + number, NG, MUSEUM, f"Museum {number}.jpg")
        yield services


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    return Catalog.open(Objects.open((tmp_path / "store").as_uri()))


@pytest.fixture(autouse=True)
def contact(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERENNIAL_CONTACT", "ops@example.org")


def spec(services: Services, **chosen: object) -> CommonsSource:
    usual = {"countries": ("PT", "NG"), "kinds": {CHURCH: "church", MUSEUM: "museum"}}
    addresses = {"query_url": f"{services.url}/sparql", "api_url": f"{services.url}/w/api.php"}
    return CommonsSource.model_validate({"type": "commons", **usual, **addresses, **chosen})


def commons_task(services: Services, **chosen: object) -> Task:
    rule = {"rule": "country", "table": "regions"}
    return Task(name="regions", classes=EIGHT, label=rule, sources=(spec(services, **chosen),))  # type: ignore[arg-type]
