"""Buildings from a small Wikidata and Commons on loopback, through the whole scrape."""

import datetime
import json
import re
from typing import Any

import pytest

from perennial.catalog.catalog import Catalog
from perennial.catalog.quarantine import quarantined
from perennial.errors import SourceError
from perennial.settings import Settings
from perennial.sources.label import label
from perennial.sources.posts import Known, Paused
from perennial.sources.probe import probe
from perennial.sources.scrape import Scraped, open_source, scrape
from tests.sources.commons.conftest import CHURCH, MUSEUM, NG, PT, commons_task, spec
from tests.sources.commons.services import TIMEOUT, CommonsFile, Services, metadata


def rows(catalog: Catalog) -> dict[str, dict[str, Any]]:
    return {row["post"]: row | {"metadata": json.loads(row["metadata"])} for row in catalog.images().to_pylist()}


def test_buildings_become_images_with_licence_credit_and_label(services: Services, catalog: Catalog) -> None:
    services.name("Q46261", "Romanesque architecture")
    services.name("Q5", "Ada Architect")
    services.name("Q597", "Lisbon")
    services.building(300, PT, CHURCH, "Sé & Torre.jpg", P149="Q46261", P84="Q5", P131="Q597", P571="1147-01-01T00:00:00Z")
    artist = '<a href="//commons.wikimedia.org/wiki/User:Ann">Ann &amp; Bob</a>'
    said = metadata("CC BY-SA 3.0 pt", artist, ImageDescription="<p>The <b>tower</b></p>")
    services.files["File:Sé & Torre.jpg"] = CommonsFile(said)
    task = commons_task(services)
    assert scrape(task, catalog) == Scraped(posts=11, images=11)
    row = rows(catalog)["commons/Q300"]
    assert (row["licence"], row["credit"], row["title"]) == ("CC BY-SA 3.0 pt", "Ann & Bob", "Building 300")
    assert (row["place"], row["published"], row["kind"]) == ("Lisbon, Portugal", datetime.date(2020, 3, 4), "photo")
    assert row["url"] == f"{services.url}/wiki/File:S%C3%A9_%26_Torre.jpg"
    assert row["metadata"] == {
        "place": "Lisbon, Portugal",
        "country": "PT",
        "type": "church",
        "instance_of": "church building",
        "style": "Romanesque architecture",
        "architect": "Ada Architect",
        "year": "1147",
        "caption": "The tower",
    }
    batch = label(task, catalog)
    assert batch
    labelled = catalog.labelled("regions")
    labels = dict(zip(labelled["post"].to_pylist(), labelled["cls"].to_pylist(), strict=True))
    assert (labels["commons/Q300"], labels["commons/Q201"]) == ("europe", "africa")


def test_both_services_are_asked_politely(services: Services, catalog: Catalog) -> None:
    scrape(commons_task(services), catalog)
    assert all("ops@example.org" in agent for agent in services.agents)
    assert services.most["/sparql"] == 1
    assert services.most["/thumb"] <= 2
    assert all(len(titles) <= 50 for titles in services.titles)
    assert services.asked["/thumb"] == 10


def test_without_a_contact_nothing_is_asked(services: Services, catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PERENNIAL_CONTACT")
    with pytest.raises(SourceError, match="Set PERENNIAL_CONTACT"):
        scrape(commons_task(services), catalog)
    assert not services.asked


def test_a_second_round_asks_only_for_what_changed(services: Services, catalog: Catalog) -> None:
    task = commons_task(services)
    scrape(task, catalog)
    asked = len(services.queries)
    assert scrape(task, catalog) == Scraped(known=10)
    assert len(services.queries) == asked + 4
    assert all("dateModified" in query for query in services.queries[asked:])
    assert services.asked["/thumb"] == 10
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    services.building(7, NG, CHURCH, "New.jpg", changed=today)
    services.building(101, PT, CHURCH, "Igreja 1.jpg", changed=today)
    assert scrape(task, catalog) == Scraped(posts=1, images=1, known=10)
    assert services.asked["/thumb"] == 11


def test_runs_go_on_where_the_last_one_stopped(services: Services, catalog: Catalog) -> None:
    task = commons_task(services, images_per_run=4, images_per_country=2)
    found = [scrape(task, catalog) for _ in range(3)]
    assert [run.images for run in found] == [4, 4, 2]
    countries = [row["metadata"]["country"] for row in rows(catalog).values()]
    assert sorted(countries) == ["NG"] * 5 + ["PT"] * 5
    listings = [query for query in services.queries if "ORDER BY" in query]
    assert len(listings) == len(set(listings))


def test_a_run_takes_a_bounded_number_of_queries(services: Services, catalog: Catalog) -> None:
    scrape(commons_task(services, queries_per_run=2), catalog)
    assert sum("ORDER BY" in query for query in services.queries) == 2


def test_a_run_that_was_cut_off_takes_what_it_missed_and_lists_no_more(services: Services, catalog: Catalog) -> None:
    chosen = spec(services, images_per_country=2)
    source = open_source(chosen, catalog.objects, Settings.load())
    posts = list(source.posts(Known.nothing()))
    source.close()
    assert len(posts) == 4
    known = Known.of({post.id: post.mark for post in posts if post.id != "Q201"})
    source = open_source(spec(services), catalog.objects, Settings.load())
    assert {post.id for post in source.posts(known)} == {"Q103", "Q104", "Q105", "Q201", "Q203", "Q204", "Q205"}
    source.close()
    after = [re.search(r"wd:(Q[0-9]+) .*> ([0-9]+)", query, re.DOTALL) for query in services.queries if "ORDER BY" in query]
    assert {(found[1], found[2]) for found in after[-4:] if found} == {(CHURCH, "0"), (CHURCH, "102"), (MUSEUM, "0")}


def test_the_same_building_in_two_slices_is_one_post(services: Services, catalog: Catalog) -> None:
    services.building(101, PT, MUSEUM, "Igreja 1.jpg")
    assert scrape(commons_task(services), catalog) == Scraped(posts=10, images=10)
    assert rows(catalog)["commons/Q101"]["metadata"]["type"] == "church, museum"


def test_a_building_that_two_countries_claim_has_no_country_to_guess(services: Services, catalog: Catalog) -> None:
    services.building(101, NG, CHURCH, "Igreja 1.jpg")
    task = commons_task(services)
    scrape(task, catalog)
    row = rows(catalog)["commons/Q101"]
    assert (row["metadata"]["country"], row["place"]) == ("NG, PT", "Nigeria / Portugal")
    label(task, catalog)
    assert catalog.to_review("regions")["post"].to_pylist() == ["commons/Q101"]


def test_files_that_may_not_be_taken_are_refused_unfetched(services: Services, catalog: Catalog) -> None:
    wrong = {
        "nc": CommonsFile(metadata("CC BY-NC-SA 4.0")),
        "nd": CommonsFile(metadata("CC BY-ND 2.0")),
        "gfdl": CommonsFile(metadata("GFDL")),
        "fair": CommonsFile(metadata("Fair use", NonFree="true")),
        "unknown": CommonsFile({}),
        "nobody": CommonsFile(metadata(artist="")),
        "pdf": CommonsFile(mime="application/pdf"),
        "video": CommonsFile(mime="video/webm"),
        "hidden": CommonsFile(more={"filehidden": True}),
        "dateless": CommonsFile(uploaded=""),
    }
    for number, (name, file) in enumerate(wrong.items(), 400):
        services.building(number, PT, CHURCH, f"{name}.jpg")
        services.files[f"File:{name}.jpg"] = file
    services.building(499, PT, CHURCH, "gone.jpg")
    del services.files["File:gone.jpg"]
    found = scrape(commons_task(services, images_per_country=100), catalog)
    assert found == Scraped(posts=21, images=10, quarantined=11)
    assert services.asked["/thumb"] == 10
    reasons = {record.name.rpartition(":")[2]: record.reason for record in quarantined(catalog.objects)}
    assert set(reasons) == {f"{name}.jpg" for name in [*wrong, "gone"]}
    assert all("isn't among those taken" in reasons[f"{name}.jpg"] for name in ("nc", "nd", "gfdl", "fair"))
    assert "names no licence" in reasons["unknown.jpg"]
    assert "names no author" in reasons["nobody.jpg"]
    assert "no photograph" in reasons["pdf.jpg"]
    assert "was deleted" in reasons["gone.jpg"]
    assert scrape(commons_task(services, images_per_country=100), catalog).quarantined == 0


def test_redirected_files_drawings_and_tiffs(services: Services, catalog: Catalog) -> None:
    services.building(301, PT, CHURCH, "Old name.jpg")
    services.files["File:New name.jpg"] = services.files.pop("File:Old name.jpg")
    services.redirects["File:Old name.jpg"] = "File:New name.jpg"
    services.building(302, PT, CHURCH, "Plan.svg")
    services.files["File:Plan.svg"] = CommonsFile(metadata("CC0"), mime="image/svg+xml")
    services.building(303, PT, CHURCH, "Scan.tif")
    services.files["File:Scan.tif"] = CommonsFile(metadata("Public domain", artist=""), mime="image/tiff")
    assert scrape(commons_task(services), catalog).quarantined == 0
    found = rows(catalog)
    assert found["commons/Q301"]["url"].endswith("/wiki/File:New_name.jpg")
    assert found["commons/Q302"]["kind"] == "drawing"
    assert (found["commons/Q303"]["licence"], found["commons/Q303"]["credit"]) == ("Public domain", "")


def test_a_slice_that_takes_too_long_is_left_to_the_next_round(services: Services, catalog: Catalog) -> None:
    services.failing = f'"PT" .\n  ?item wdt:P31 wd:{CHURCH}'
    task = commons_task(services)
    assert scrape(task, catalog).images == 5
    services.failing = ""
    assert scrape(task, catalog).images == 5


def test_an_answer_that_breaks_off_with_a_timeout_is_said(services: Services, catalog: Catalog) -> None:
    begun = b'{"head":{"vars":["item"]},"results":{"bindings":['
    services.answers["/sparql"] = [(200, {}, begun + TIMEOUT)] * 3
    with pytest.raises(SourceError, match="gave a query up after its 60 s"):
        scrape(commons_task(services), catalog)
    assert scrape(commons_task(services), catalog).images == 10


def test_a_query_service_that_is_away_ends_the_run(services: Services, catalog: Catalog) -> None:
    services.failing = "SELECT"
    with pytest.raises(SourceError):
        scrape(commons_task(services), catalog)
    assert services.asked["/sparql"] <= 6


def test_another_shape_is_said(services: Services, catalog: Catalog) -> None:
    services.answers["/sparql"] = [(200, {}, b"<html><b>Maintenance</b></html>")] * 3
    with pytest.raises(SourceError, match="isn't SPARQL results in JSON; it begins with 'Maintenance'"):
        scrape(commons_task(services), catalog)


def test_retry_after_is_kept(services: Services, catalog: Catalog) -> None:
    services.answers["/sparql"] = [(429, {"Retry-After": "1"}, b"")]
    services.answers["/w/api.php"] = [(429, {"Retry-After": "1"}, b"")]
    assert scrape(commons_task(services), catalog).images == 10


def test_a_long_retry_after_is_a_pause(services: Services, catalog: Catalog) -> None:
    services.answers["/sparql"] = [(429, {"Retry-After": "7200"}, b"")]
    source = open_source(spec(services), catalog.objects, Settings.load())
    with pytest.raises(Paused):
        list(source.posts(Known.nothing()))
    source.close()


def test_a_probe_says_what_is_there_and_keeps_nothing(services: Services, catalog: Catalog) -> None:
    services.files["File:Igreja 2.jpg"] = CommonsFile(metadata("CC BY-NC 4.0"))
    source = open_source(spec(services), catalog.objects, Settings.load())
    found = {finding.field: finding for finding in probe(source)}
    source.close()
    assert (found["items"].found, found["country"].value, found["free files"].found) == (5, "PT", 4)
    assert "CC BY-NC 4.0" in found["free files"].value
    assert {finding.field for finding in found.values() if finding.missing} == {"style", "architect", "year", "caption"}
    assert "bytes" in found["picture"].value
    assert not list(catalog.objects.keys("sources/slices"))
    services.graph.remove((None, None, None))
    source = open_source(spec(services), catalog.objects, Settings.load())
    (nothing,) = probe(source)
    source.close()
    assert nothing.missing
    assert nothing.essential
