"""Label rules, and the table of countries against ISO 3166."""

import pycountry
import pytest
import yaml

from perennial.rules import TABLES, CountryRule, FieldRule, FolderRule

RULE = CountryRule(rule="country")
CLASSES = {"africa", "asia", "australia", "central-america", "europe", "middle-east", "north-america", "south-america"}


def _region(place: str) -> str | None:
    return RULE.label({"place": place})


def test_each_country_has_one_region_under_all_its_iso_names() -> None:
    for country in pycountry.countries:
        names = [country.name, getattr(country, "common_name", country.name)]
        regions = {_region(f"Somewhere, {name}") for name in names}
        expected = 1 if country.alpha_2 != "AQ" else 0
        assert len(regions - {None}) == expected, (country.name, regions)
        assert (None in regions) == (country.alpha_2 == "AQ"), country.name


def test_no_name_stands_in_two_regions() -> None:
    groups = yaml.safe_load((TABLES / "regions.yaml").read_text(encoding="utf-8"))["classes"].values()
    names = [name for regions in groups for group in regions for name in group]
    assert all(isinstance(name, str) for name in names)
    assert len(names) == len(set(names))
    assert RULE.possible() == CLASSES


@pytest.mark.parametrize(
    ("place", "region"),
    [
        ("Porto, Portugal", "europe"),
        ("  ISTANBUL ,  türkiye ", "middle-east"),
        ("Mexico City, Mexico", "north-america"),
        ("Havana, Cuba", "central-america"),
        ("Cairo, Egypt", "africa"),
        ("Moscow, Russia", "europe"),
        ("Tbilisi, Georgia", "europe"),
        ("Atlanta, Georgia, United States", "north-america"),
        ("Seoul, Korea, Republic of", "asia"),
        ("Kralendijk, Bonaire, Sint Eustatius and Saba", "central-america"),
        ("Abidjan,Côte d’Ivoire", "africa"),
        ("Nuuk, Greenland", "north-america"),
        ("Spain", "europe"),
        ("UAE", "middle-east"),
    ],
)
def test_a_place_gets_the_region_of_the_country_that_ends_it(place: str, region: str) -> None:
    assert _region(place) == region


@pytest.mark.parametrize("place", ["", "0", "Atlantis", "McMurdo, Antarctica", "Spain, Atlantis", ","])
def test_a_place_without_a_known_country_has_no_region(place: str) -> None:
    assert _region(place) is None


def test_a_missing_place_has_no_region() -> None:
    assert RULE.label({}) is None


def test_a_field_is_mapped() -> None:
    rule = FieldRule(rule="field", field="office", map={"Atelier": "north"})
    assert rule.label({"office": "Atelier"}) == "north"
    assert rule.label({"office": "Other"}) is None
    assert rule.label({}) is None
    assert rule.possible() == {"north"}


def test_the_folder_is_the_class() -> None:
    rule = FolderRule(rule="folder")
    assert rule.label({"folder": "tulips"}) == "tulips"
    assert rule.label({}) is None
