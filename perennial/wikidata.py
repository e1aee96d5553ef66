"""What the source commons reads where a task doesn't say: countries of all eight regions, and kinds of building."""

from itertools import zip_longest

_REGIONS = (
    "FR DE GB IT PL ES PT SE NL CZ GR RU RO FI",
    "NG ZA EG KE MA GH ET SN TZ DZ TN CI",
    "JP IN CN ID KR TH VN MY PH UZ NP LK",
    "AU NZ FJ PG WS VU",
    "GT CR PA CU JM HN DO SV NI BS HT BZ",
    "TR IR IL SA JO AE LB QA IQ OM SY KW",
    "US CA MX GL BM",
    "BR AR CL CO PE EC UY BO VE PY",
)
COUNTRIES = tuple(code for turn in zip_longest(*map(str.split, _REGIONS)) for code in turn if code)
"""ISO 3166 codes, one of each region in turn, so that the first images are of all of them."""

KINDS = {
    "Q3947": "house",
    "Q16970": "church",
    "Q33506": "museum",
    "Q3914": "school",
    "Q55488": "railway station",
    "Q32815": "mosque",
    "Q44539": "temple",
    "Q23413": "castle",
    "Q11303": "skyscraper",
    "Q7075": "library",
    "Q27686": "hotel",
    "Q24354": "theatre",
}
"""Classes of Wikidata and plain names: what an item must be said to be itself, as those below a class aren't looked for."""
