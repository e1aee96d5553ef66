"""Label rules, and the reviewed tables: countries against ISO 3166, and all of them against their versions."""

import functools
import itertools
from pathlib import Path
from typing import Any

import pycountry
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perennial.catalog.digests import digest_of
from perennial.errors import TaskError
from perennial.rules import CountryRule, ExistingRule, FieldRule, FolderRule, Reading
from perennial.rules.folding import fold, names
from perennial.rules.tables import key_of, read, tables_of
from perennial.task import parse_task

RULE = CountryRule(rule="country")
CLASSES = {"africa", "asia", "australia", "central-america", "europe", "middle-east", "north-america", "south-america"}
SECTIONS = ("countries", "former", "disputed")
OPEN = {"AQ", "BQAQ", "NQAQ", "SUHH"}
VERSIONS = {"regions": (2, "87a5785a25c3"), "building-type": (1, "e3e69c493b1c"), "style": (1, "593d52a894cc")}
"""Each table's version and the digest of what it says then. Whoever changes what a table says raises its version, here too."""


@functools.cache
def table() -> dict[str, Any]:
    return read("regions")


def region(place: str, country: str = "") -> str | None:
    return RULE.label({"place": place, "country": country})


def entries() -> list[tuple[str, dict[str, Any]]]:
    return [(code, entry) for section in SECTIONS for code, entry in table()[section].items()]


def test_each_entry_of_iso_3166_stands_there_once_under_its_codes() -> None:
    iso = {country.alpha_2: country.alpha_3 for country in pycountry.countries}
    assert {code: entry["iso3"] for code, entry in table()["countries"].items()} == iso
    former = {country.alpha_4 for country in pycountry.historic_countries}
    assert {code for code in table()["former"] if code.isupper()} == former
    codes = [code for code, _ in entries()] + [entry["iso3"] for _, entry in entries() if "iso3" in entry]
    assert len(codes) == len(set(codes))


@pytest.mark.parametrize("country", list(pycountry.countries), ids=lambda country: country.alpha_2)
def test_each_country_has_one_region_under_all_its_names_and_codes(country: Any) -> None:
    expected = table()["countries"][country.alpha_2]["region"]
    assert (expected in CLASSES) == (country.alpha_2 not in OPEN)
    given = [country.name, getattr(country, "common_name", country.name), getattr(country, "official_name", country.name)]
    for name in (country.alpha_2, country.alpha_3.lower(), *given):
        assert region("", name) == expected, name
    for name in given:
        if key_of(name) != "georgia":
            assert region(f"Somewhere, {name}") == expected, name


@pytest.mark.parametrize("country", list(pycountry.historic_countries), ids=lambda country: country.alpha_4)
def test_each_former_country_is_known_or_left_open(country: Any) -> None:
    assert (region(f"Somewhere, {country.name}") is None) == (country.alpha_4 in OPEN)


def test_no_name_is_that_of_two_entries() -> None:
    named = [key_of(name) for _, entry in entries() for name in entry["names"]]
    parts = [key_of(name) for given in table()["parts"].values() for name in given]
    twice = {name for name in named + parts if (named + parts).count(name) > 1}
    assert not twice
    assert {entry["region"] for _, entry in entries()} - {None} == CLASSES == RULE.possible()
    assert {key_of(name) for name in table()["open"]} & set(named) == {"georgia"}


def test_parts_of_countries_are_iso_3166_2s_and_nothing_elsewhere_is_called_so() -> None:
    elsewhere = {(key_of(part.name.split(" [")[0]), part.country_code) for part in pycountry.subdivisions}
    for code, parts in table()["parts"].items():
        for name in parts:
            assert {country for other, country in elsewhere if other == key_of(name)} == {code}, name


def test_each_decision_is_documented() -> None:
    page = (Path(__file__).parents[1] / "docs" / "sources.md").read_text(encoding="utf-8")
    decided = [entry["names"] for code, entry in entries() if "why" in entry and code not in table()["former"]]
    decided += [entry["names"] for entry in table()["former"].values() if not entry["region"]]
    assert not [given for given in decided if not any(name in page for name in given)]
    assert not [name for name in table()["open"] if name not in page.replace("\n  ", " ")]


def test_territories_name_a_state_and_what_is_no_plain_geography_says_why() -> None:
    codes = set(table()["countries"])
    assert {entry["of"] for _, entry in entries() if "of" in entry} < codes
    assert all(entry.get("why") for section in ("former", "disputed") for entry in table()[section].values())
    decided = {code for code, entry in table()["countries"].items() if "why" in entry}
    assert decided > {"MX", "CU", "TR", "EG", "RU", "CY", "AM", "AZ", "GE", "KZ", "KG", "TJ", "TM", "UZ", "AF", "GL", "PR", "RE"}


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ("Porto, Portugal", "europe"),
        ("  ISTANBUL ,  türkiye ,", "middle-east"),
        ("Mexico City, Mexico", "north-america"),
        ("Havana, Cuba", "central-america"),
        ("Cairo, Egypt", "africa"),
        ("Moscow, Russia", "europe"),
        ("Tbilisi, Republic of Georgia", "europe"),
        ("Atlanta, Georgia, United States", "north-america"),
        ("Seoul, Korea, Republic of", "asia"),
        ("Kralendijk, Bonaire, Sint Eustatius and Saba", "central-america"),
        ("Abidjan,Côte d’Ivoire", "africa"),
        ("Nuuk, Greenland", "north-america"),
        ("Nuuk, Greenland, Denmark", "north-america"),
        ("Jamestown, Saint Helena, Ascension and Tristan da Cunha, United Kingdom", "africa"),
        ("Ponce, Puerto Rico, U.S.A.", "central-america"),
        ("Austin, Texas", "north-america"),
        ("Leeds, England", "europe"),
        ("Basseterre, St. Kitts & Nevis", "central-america"),
        ("Pristina, Kosovo", "europe"),
        ("Kyrenia, Northern Cyprus", "europe"),
        ("Rangoon, Burma", "asia"),
        ("Isfahan, Persia", "middle-east"),
        ("Belgrade, Yugoslavia", "europe"),
        ("Kinshasa, Zaire", "africa"),
        ("Spain", "europe"),
        ("UAE", "middle-east"),
    ],
)
def test_a_place_gets_the_region_of_the_country_that_ends_it(place: str, expected: str) -> None:
    assert region(place) == expected


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("Atlantis", "Atlantis"),
        ("Tbilisi, Georgia", "Georgia"),
        ("Melbourne, Victoria", "Victoria"),
        ("Austin, TX", "TX"),
        ("San Francisco, CA", "CA"),
        ("Tashkent, USSR", "USSR"),
        ("McMurdo, Antarctica", "Antarctica"),
        ("Spain, Atlantis, ", "Atlantis"),
        ("Lisbon", "Lisbon"),
        ("Nowhere\x00,\u202e  El\tDorado ", "El Dorado"),
        ("x" * 500, "x" * 200),
        ("", ""),
        ("0", ""),
        (" , ", ""),
    ],
)
def test_a_place_without_a_known_country_is_unknown_and_an_empty_one_says_nothing(place: str, value: str) -> None:
    assert RULE.read({"place": place}) == Reading(value=value)


@pytest.mark.parametrize(
    ("country", "place", "expected"),
    [
        ("GE", "Tbilisi, Georgia", Reading("europe")),
        ("Georgia", "", Reading("europe")),
        ("FR", "Saint-Denis, Réunion", Reading("africa")),
        ("REU", "Saint-Denis, France", Reading("africa")),
        ("ru", "Leningrad, USSR", Reading("europe")),
        ("Q45", "Porto, Portugal", Reading("europe")),
        ("Q45", "", Reading(value="Q45")),
        ("PT", "Tokyo, Japan", Reading(value="PT or Japan")),
        ("DE, FR", "", Reading("europe")),
        ("GR, TR", "Athens, Greece", Reading(value="GR, TR or Greece")),
        ("GR; TR", "", Reading(value="GR; TR")),
        ("Korea, Republic of", "", Reading("asia")),
        ("DE, Q45", "Porto, Portugal", Reading("europe")),
        ("AQ", "McMurdo", Reading(value="AQ")),
        ("0", "0", Reading()),
    ],
)
def test_a_country_in_the_metadata_counts_unless_the_place_contradicts_it(country: str, place: str, expected: Reading) -> None:
    assert RULE.read({"place": place, "country": country}) == expected


def test_a_task_may_settle_what_the_table_leaves_open() -> None:
    rule = CountryRule(rule="country", also={"Georgia": "europe", "tx": "north-america", "The Moon": "moon"})
    assert rule.read({"place": "Tbilisi, Georgia"}).cls == "europe"
    assert rule.read({"place": "Austin, TX"}).cls == "north-america"
    assert rule.read({"place": "Sea of Tranquility, Moon"}).cls == "moon"
    assert rule.possible() == CLASSES | {"moon"}


@given(st.text())
def test_folding_a_name_again_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)
    assert names(", ".join(names(text))) == names(text)


@given(st.lists(st.sampled_from(["Porto", "Georgia", "TX", "", "Réunion", "France", "Korea", "Republic of", "0"]), max_size=4))
def test_a_reading_is_a_class_or_a_value_or_nothing(parts: list[str]) -> None:
    reading = RULE.read({"place": ", ".join(parts)})
    assert reading.cls is None or (reading.cls in CLASSES and not reading.value)
    assert RULE.read({"place": " ,".join(part.upper() for part in parts)}).cls == reading.cls


def test_a_field_is_mapped_in_any_case() -> None:
    rule = FieldRule(rule="field", field="office", map={"Atelier  Nord": "north"})
    assert rule.read({"office": " atelier nord"}) == Reading("north")
    assert rule.read({"office": "Other"}) == Reading(value="Other")
    assert rule.read({}) == Reading()
    assert rule.possible() == {"north"}


def test_the_first_of_several_values_that_the_map_knows_counts() -> None:
    rule = FieldRule(
        rule="field", field=["category", "type"], map={"museum": "culture", "house": "home"}, separator=";", silent=["Building"]
    )
    assert rule.read({"category": "shed; House;museum"}) == Reading("home")
    assert rule.read({"category": "shed", "type": "Museum"}) == Reading("culture")
    assert rule.read({"category": "building; shed;"}) == Reading(value="shed")
    assert rule.read({"category": "building", "type": " ; "}) == Reading()


@pytest.mark.parametrize("rule", [FolderRule(rule="folder"), ExistingRule(rule="existing", field="folder")])
def test_a_folder_or_a_label_that_is_there_is_the_class(rule: FolderRule | ExistingRule) -> None:
    assert rule.read({"folder": "tulips"}) == Reading("tulips")
    assert rule.read({}) == Reading()
    assert rule.possible() is None


@pytest.mark.parametrize(
    ("label", "said"),
    [
        ("{rule: field, field: x, map: nowhere}", "no bundled table 'nowhere'; there are building-type, style"),
        ("{rule: field, field: x, map: regions}", "no bundled table 'regions'"),
        ("{rule: field, field: x, map: [a, b]}", "a map has a class for each value"),
        ("{rule: field, field: x, map: {1: a, 2: b}}", "a map has a class for each value, both as text"),
        ("{rule: field, field: x, map: {a: a, A: b}}", "'A' stands there in two spellings"),
        ("{rule: field, field: x, map: {a: a, b: b}, silent: [B]}", "the map has a class for b"),
        ("{rule: field, field: x, map: {a: a, c: c}}", "'field' can never give b; it gives a, c"),
        ("{rule: field, field: x, mpa: {}}", "'label.field.mpa' is unknown"),
        ("{rule: country, also: {',': b}}", "',' is no name of a country"),
        ("{rule: cuontry}", "'country', 'field', 'folder', 'existing'"),
    ],
)
def test_a_mistake_in_a_rule_is_said(label: str, said: str) -> None:
    text = f"name: t\nclasses: [a, b]\nsources: [{{type: demo}}]\nlabel: {label}\n"
    with pytest.raises(TaskError, match=r"t\.yaml") as raised:
        parse_task(text, "t.yaml")
    assert said in str(raised.value)


def test_a_table_that_says_something_else_has_another_version() -> None:
    found = {name: (read(name)["version"], digest_of(_basis(name))[:12]) for name in ("regions", *tables_of("classes"))}
    assert found == VERSIONS


def _basis(name: str) -> Any:
    return RULE.basis() if name == "regions" else FieldRule(rule="field", field="x", map=name).basis()


def test_no_value_of_a_table_has_two_classes() -> None:
    for name in tables_of("classes"):
        document = read(name)
        given = [fold(value) for value in itertools.chain(document.get("silent", ()), *document["classes"].values())]
        assert not {value for value in given if given.count(value) > 1}, name
