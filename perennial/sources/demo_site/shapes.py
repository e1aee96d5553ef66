"""The parts of a drawn building: roofs, wall textures, windows and plants."""

import random

from PIL import ImageDraw

from perennial.sources.demo_site.styles import Colour, Style, mix

Box = tuple[float, float, float, float]


def roof(pen: ImageDraw.ImageDraw, shape: str, box: Box, fill: Colour, outline: Colour | None) -> None:
    """Draw a roof above the walls in ``box``."""
    left, top, right, _ = box
    wide = right - left
    rise = min(0.28 * wide, max(6.0, top - 4))
    if shape == "dome":
        pen.ellipse((left + 0.18 * wide, top - rise, right - 0.18 * wide, top + rise), fill=fill, outline=outline)
        pen.line((left + wide / 2, top - rise - 8, left + wide / 2, top - rise), fill=outline or fill, width=2)
        return
    outlines = {
        "flat": [(left - 2, top), (left - 2, top - 4), (right + 2, top - 4), (right + 2, top)],
        "slab": [(left - 16, top + 2), (left - 16, top - 9), (right + 16, top - 9), (right + 16, top + 2)],
        "gable": [(left - 5, top), (left + wide / 2, top - 1.25 * rise), (right + 5, top)],
        "cone": [(left - 16, top + 10), (left + wide / 2, top - 1.5 * rise), (right + 16, top + 10)],
        "hip": [
            (left - 6, top),
            (left + 0.25 * wide, top - 0.8 * rise),
            (right - 0.25 * wide, top - 0.8 * rise),
            (right + 6, top),
        ],
        "mono": [(left - 10, top), (left - 10, top - 0.3 * rise), (right + 12, top - rise), (right + 12, top)],
    }
    if shape != "pagoda":
        pen.polygon(outlines[shape], fill=fill, outline=outline)
        return
    for tier in range(3):
        inset, base = 0.16 * wide * tier, top - 0.34 * rise * tier
        eave = [(left - 14 + inset, base - 3), (left + inset + 6, base - 0.4 * rise), (right - inset - 6, base - 0.4 * rise)]
        pen.polygon([*eave, (right + 14 - inset, base - 3), (right - inset, base + 4), (left + inset, base + 4)], fill, outline)


def texture(pen: ImageDraw.ImageDraw, name: str, box: Box, light: Colour, dark: Colour) -> None:
    """Draw a wall's texture over ``box``."""
    left, top, right, bottom = (round(edge) for edge in box)
    rows, columns = {"brick": 6, "stripes": 4, "boards": 11}.get(name), {"timber": 6, "glass": 14}.get(name)
    fill = dark if name in ("stripes", "timber") else light
    if rows:
        for y in range(top + rows, bottom, rows):
            pen.line((left, y, right, y), fill=fill)
    if columns:
        for x in range(left, right, columns):
            pen.line((x, top, x, bottom), fill=fill)
    if name == "brick":
        _joints(pen, (left, top, right, bottom), fill)
    if name == "lattice":
        _lattice(pen, (left, top, right, bottom), fill)


def _joints(pen: ImageDraw.ImageDraw, box: tuple[int, int, int, int], fill: Colour) -> None:
    left, top, right, bottom = box
    for row, y in enumerate(range(top, bottom - 5, 6)):
        for x in range(left + 5 * (row % 2), right, 10):
            pen.line((x, y, x, y + 6), fill=fill)


def _lattice(pen: ImageDraw.ImageDraw, box: tuple[int, int, int, int], fill: Colour) -> None:
    left, top, right, bottom = box
    for x in range(left - (bottom - top), right, 9):
        _clipped(pen, (x, top), (x + bottom - top, bottom), (left, right), fill)
        _clipped(pen, (x + bottom - top, top), (x, bottom), (left, right), fill)


def _clipped(
    pen: ImageDraw.ImageDraw, first: tuple[int, int], last: tuple[int, int], sides: tuple[int, int], fill: Colour
) -> None:
    """Draw the part of a diagonal that lies between two sides."""
    (x0, y0), (x1, y1) = first, last
    slope = (y1 - y0) / ((x1 - x0) or 1)
    start, end = min(max(x0, sides[0]), sides[1]), min(max(x1, sides[0]), sides[1])
    if start != end:
        pen.line((start, y0 + (start - x0) * slope, end, y0 + (end - x0) * slope), fill=fill)


def windows(pen: ImageDraw.ImageDraw, style: Style, box: Box, glass: Colour, frame: Colour) -> None:
    """Draw a grid of windows on the walls in ``box``."""
    left, top, right, bottom = box
    wide, tall = (right - left) / style.columns, (bottom - top - 6) / style.rows
    across, down = wide * style.window, tall * 0.62
    for row in range(style.rows):
        for column in range(style.columns):
            x, y = left + column * wide + (wide - across) / 2, top + 4 + row * tall + (tall - down) / 2
            pen.rectangle((x, y, x + across, y + down), fill=glass, outline=frame)
            if style.arched:
                pen.pieslice((x, y - across / 2, x + across, y + across / 2), 180, 360, fill=glass, outline=frame)


def plant(pen: ImageDraw.ImageDraw, name: str, x: float, base: float, rng: random.Random, dusk: bool) -> None:
    """Draw a plant that stands at ``x``, ``base``."""
    if name == "none":
        return
    tall = rng.uniform(26, 52)
    night: Colour = (20, 24, 60)
    leaf = mix((60 + rng.randint(-15, 25), 118 + rng.randint(-20, 20), 58), night, 0.6 if dusk else 0)
    pen.line((x, base, x, base - tall), fill=mix((96, 68, 44), night, 0.5 if dusk else 0), width=3)
    top = base - tall
    if name == "round":
        pen.ellipse((x - 12, top - 12, x + 12, top + 14), fill=leaf)
    elif name == "acacia":
        pen.ellipse((x - 22, top - 5, x + 22, top + 5), fill=leaf)
    elif name == "conifer":
        pen.polygon([(x - 10, base - 8), (x, top - 10), (x + 10, base - 8)], fill=leaf)
    else:
        for tip_x, tip_y in ((-18, 6), (-14, -8), (0, -14), (14, -8), (18, 6)):
            pen.line((x, top, x + tip_x, top + tip_y), fill=leaf, width=4)
