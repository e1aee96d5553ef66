"""How buildings look by region and date: overlapping styles that drift slowly, and once all of a sudden."""

import datetime
import math
import random
from dataclasses import dataclass, replace

Colour = tuple[int, int, int]

DAY_ONE = datetime.date(2026, 3, 2)
"""The first of the new days; the back catalogue ends the day before."""

DRIFT_DAY = DAY_ONE + datetime.timedelta(days=3)
"""From this date on, every region builds differently, and pictures are taken at dusk."""

OVERLAP = 0.12
"""Share of a building's traits that come from another region's style."""


@dataclass(frozen=True)
class Style:
    """The traits of one region's buildings, or of one building."""

    wall: Colour
    trim: Colour
    roof_colour: Colour
    ground: Colour
    sky: Colour
    roofs: tuple[str, ...]
    textures: tuple[str, ...]
    plants: tuple[str, ...]
    rows: int
    columns: int
    window: float  # a window's width as a share of its cell
    arched: float  # how often windows are arched
    height: float  # of the walls, as a share of the picture
    width: float
    dusk: bool = False


REGIONS: dict[str, Style] = {
    "africa": Style((176, 92, 52), (92, 48, 30), (150, 122, 62), (206, 138, 84), (236, 214, 180),
                    ("cone", "flat"), ("plain", "lattice"), ("acacia", "none"), 2, 3, 0.30, 0.2, 0.34, 0.52),
    "asia": Style((200, 196, 182), (120, 44, 36), (58, 76, 70), (128, 140, 110), (204, 216, 220),
                  ("pagoda", "pagoda", "flat"), ("timber", "plain"), ("conifer", "round"), 5, 6, 0.74, 0.0, 0.52, 0.50),
    "australia": Style((150, 166, 160), (70, 84, 84), (168, 176, 180), (190, 172, 96), (120, 180, 232),
                       ("mono", "mono", "gable"), ("stripes", "stripes"), ("round", "acacia"), 2, 4, 0.86, 0.0, 0.30, 0.72),
    "central-america": Style((236, 150, 96), (34, 130, 140), (190, 70, 44), (112, 164, 84), (150, 212, 232),
                             ("gable", "hip"), ("plain", "plain"), ("palm", "palm"), 2, 5, 0.46, 0.8, 0.34, 0.68),
    "europe": Style((196, 164, 128), (236, 228, 210), (138, 62, 46), (120, 148, 92), (168, 194, 222),
                    ("gable", "hip", "gable"), ("brick", "brick", "plain"), ("round", "round"), 4, 5, 0.44, 0.2, 0.46, 0.50),
    "middle-east": Style((228, 208, 168), (150, 116, 70), (214, 186, 132), (232, 208, 158), (176, 204, 224),
                         ("dome", "dome", "flat"), ("lattice", "plain"), ("palm", "none"), 3, 5, 0.40, 0.9, 0.42, 0.56),
    "north-america": Style((112, 140, 172), (226, 232, 238), (84, 92, 104), (150, 156, 150), (150, 186, 226),
                           ("flat", "flat", "gable"), ("glass", "glass", "stripes"), ("conifer", "round"),
                           7, 6, 0.82, 0.0, 0.66, 0.38),
    "south-america": Style((150, 140, 128), (88, 66, 48), (128, 120, 110), (72, 132, 62), (190, 214, 206),
                           ("flat", "slab", "slab"), ("boards", "plain"), ("palm", "round"), 3, 2, 0.92, 0.0, 0.40, 0.66),
}  # fmt: skip

SUCCESSOR = {
    "africa": "south-america",
    "asia": "europe",
    "australia": "central-america",
    "central-america": "africa",
    "europe": "asia",
    "middle-east": "north-america",
    "north-america": "australia",
    "south-america": "middle-east",
}
"""Whose way of building a region takes over on the day of the sudden drift."""


def building(region: str, day: datetime.date, rng: random.Random) -> Style:
    """Draw one building's traits: its region's style on that date, some of them borrowed from another region."""
    style = _drifted(region, day)
    lender = _drifted(rng.choice([name for name in REGIONS if name != region]), day)
    borrowed = {name: getattr(lender, name) for name in _TRAITS if rng.random() < OVERLAP}
    style = replace(style, **borrowed)
    tone = rng.gauss(0, 12)
    return replace(
        style,
        wall=jitter(style.wall, rng, 13, tone),
        trim=jitter(style.trim, rng, 13, tone),
        roof_colour=jitter(style.roof_colour, rng, 13, tone),
        ground=jitter(style.ground, rng, 13, tone),
        sky=jitter(style.sky, rng, 13, tone),
        roofs=(rng.choice(style.roofs),),
        textures=(rng.choice(style.textures),),
        plants=(rng.choice(style.plants),),
        rows=max(1, style.rows + rng.choice((-1, 0, 0, 1))),
        columns=max(2, style.columns + rng.choice((-1, 0, 0, 1))),
        window=min(0.95, max(0.2, rng.gauss(style.window, 0.07))),
        arched=float(rng.random() < style.arched),
        height=min(0.72, max(0.22, rng.gauss(style.height, 0.05))),
        width=min(0.8, max(0.3, rng.gauss(style.width, 0.06))),
    )


_TRAITS = ("wall", "trim", "roof_colour", "ground", "sky", "roofs", "textures", "plants", "rows", "columns", "window", "arched")


def jitter(colour: Colour, rng: random.Random, spread: float, tone: float = 0.0) -> Colour:
    """Move a colour at random, ``tone`` being added to all three channels."""
    red, green, blue = (min(255, max(0, round(rng.gauss(channel + tone, spread)))) for channel in colour)
    return red, green, blue


def mix(first: Colour, second: Colour, share: float) -> Colour:
    """Mix two colours, ``share`` being the second's."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue


def _drifted(region: str, day: datetime.date) -> Style:
    """Return a region's style on a date."""
    style = REGIONS[region]
    turned = 0.22 * math.tanh((day - DAY_ONE).days / 180)
    style = replace(
        style,
        wall=_turn(style.wall, turned),
        roof_colour=_turn(style.roof_colour, -turned),
        window=min(0.92, style.window * (1 + turned / 2)),
    )
    return style if day < DRIFT_DAY else _sudden(style, _drifted_successor(region))


def _drifted_successor(region: str) -> Style:
    return REGIONS[SUCCESSOR[region]]


def _sudden(style: Style, successor: Style) -> Style:
    """Keep the proportions, take the successor's colours and shapes, and let the sun set."""
    sunset: Colour = (226, 112, 84)
    night: Colour = (60, 32, 64)
    return replace(
        successor,
        wall=_turn(successor.wall, 1.0),
        trim=mix(successor.trim, night, 0.15),
        roof_colour=mix(_turn(successor.roof_colour, -0.5), night, 0.15),
        ground=mix(_turn(successor.ground, -0.6), night, 0.2),
        sky=mix(_turn(successor.sky, -0.6), sunset, 0.42),
        height=style.height,
        width=style.width,
        dusk=True,
    )


def _turn(colour: Colour, share: float) -> Colour:
    """Turn a colour round the grey axis; a share of 1 moves each channel to the next."""
    red, green, blue = colour
    turned = (green, blue, red) if share >= 0 else (blue, red, green)
    return mix(colour, turned, abs(share))
