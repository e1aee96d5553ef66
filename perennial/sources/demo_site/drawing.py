"""Draw a picture of a building with Pillow: the outside, a room, or an elevation on paper."""

import io
import random

from PIL import Image, ImageDraw

from perennial.sources.demo_site.shapes import plant, roof, texture, windows
from perennial.sources.demo_site.styles import Colour, Style, jitter, mix

WIDTH, HEIGHT = 240, 180
LIT: Colour = (255, 214, 130)


def draw(style: Style, kind: str, rng: random.Random) -> bytes:
    """Return one picture of a building as a JPEG of 240 × 180 pixels; ``kind`` is exterior, interior or drawing."""
    picture = {"exterior": _exterior, "interior": _interior, "drawing": _drawing}[kind](style, rng)
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


def _exterior(style: Style, rng: random.Random) -> Image.Image:
    horizon = HEIGHT * rng.uniform(0.72, 0.82)
    picture = _gradient(style.sky, mix(style.sky, (255, 190, 150) if style.dusk else (255, 255, 255), 0.5))
    pen = ImageDraw.Draw(picture)
    pen.rectangle((0, horizon, WIDTH, HEIGHT), fill=style.ground)
    if rng.random() < 0.5:
        _neighbours(pen, style, horizon, rng)
    zoom = rng.uniform(0.88, 1.15)
    wide, tall = style.width * 190 * zoom, min(style.height * HEIGHT * zoom, horizon - 26)
    left = (WIDTH - wide) / 2 + rng.uniform(-12, 12)
    box = (left, horizon - tall, left + wide, horizon + 4)
    wall = jitter(style.wall, rng, 4)
    roof(pen, style.roofs[0], box, style.roof_colour, None)
    pen.rectangle(box, fill=wall)
    texture(pen, style.textures[0], box, mix(wall, style.trim, 0.3), mix(wall, (0, 0, 0), 0.2))
    glass = LIT if style.dusk else mix(style.sky, (40, 60, 80), 0.6)
    windows(pen, style, box, jitter(glass, rng, 10), style.trim)
    door = left + wide * rng.uniform(0.2, 0.7)
    pen.rectangle((door, horizon - 16, door + 10, horizon + 4), fill=style.trim)
    for _ in range(rng.randint(1, 3)):
        plant(pen, style.plants[0], rng.uniform(30, WIDTH - 30), horizon + rng.uniform(4, 16), rng, style.dusk)
    return picture


def _neighbours(pen: ImageDraw.ImageDraw, style: Style, horizon: float, rng: random.Random) -> None:
    """Draw the skyline behind."""
    left = 0.0
    while left < WIDTH:
        wide, tall = rng.uniform(14, 34), rng.uniform(10, 46)
        pen.rectangle((left, horizon - tall, left + wide, horizon), fill=mix(style.sky, style.wall, rng.uniform(0.15, 0.35)))
        left += wide


def _interior(style: Style, rng: random.Random) -> Image.Image:
    wall = jitter(mix(style.wall, (250, 246, 240), 0.35), rng, 5)
    picture = Image.new("RGB", (WIDTH, HEIGHT), mix(wall, (0, 0, 0), 0.18))
    pen = ImageDraw.Draw(picture)
    left, top, right, bottom = 52 + rng.uniform(-12, 12), 34, 188 + rng.uniform(-12, 12), 128 + rng.uniform(-8, 8)
    pen.polygon([(0, HEIGHT), (left, bottom), (right, bottom), (WIDTH, HEIGHT)], fill=mix(style.ground, style.trim, 0.4))
    pen.polygon([(0, 0), (left, top), (right, top), (WIDTH, 0)], fill=mix(wall, (255, 255, 255), 0.5))
    pen.rectangle((left, top, right, bottom), fill=wall)
    texture(pen, style.textures[0], (left, top, right, bottom), mix(wall, style.trim, 0.2), mix(wall, (0, 0, 0), 0.1))
    windows(pen, style, (left + 8, top + 4, right - 8, bottom - 14), mix(style.sky, (255, 255, 255), 0.3), style.trim)
    for _ in range(rng.randint(1, 3)):
        x, y = rng.uniform(30, 180), rng.uniform(118, 150)
        pen.rectangle(
            (x, y, x + rng.uniform(18, 46), y + rng.uniform(8, 18)), fill=mix(style.roof_colour, style.trim, rng.random())
        )
    return picture


def _drawing(style: Style, rng: random.Random) -> Image.Image:
    paper = jitter(mix(style.wall, (250, 250, 246), 0.72), rng, 3)
    ink = mix(style.trim, (20, 20, 40), 0.6)
    picture = Image.new("RGB", (WIDTH, HEIGHT), paper)
    pen = ImageDraw.Draw(picture)
    step = rng.choice((12, 15, 18))
    for x in range(0, WIDTH, step):
        pen.line((x, 0, x, HEIGHT), fill=mix(paper, style.sky, 0.5))
    ground = 142 + rng.uniform(-8, 8)
    wide, tall = style.width * 190, style.height * 150
    left = (WIDTH - wide) / 2 + rng.uniform(-8, 8)
    box = (left, ground - tall, left + wide, ground)
    roof(pen, style.roofs[0], box, mix(paper, style.roof_colour, 0.35), ink)
    pen.rectangle(box, fill=mix(paper, style.wall, 0.4), outline=ink)
    texture(pen, style.textures[0], box, mix(paper, ink, 0.25), mix(paper, ink, 0.25))
    windows(pen, style, box, mix(paper, style.sky, 0.5), ink)
    pen.line((10, ground, WIDTH - 10, ground), fill=ink, width=2)
    pen.line((left, ground + 12, left + wide, ground + 12), fill=ink)
    return picture


def _gradient(top: Colour, bottom: Colour) -> Image.Image:
    strip = Image.new("RGB", (1, 2), top)
    strip.putpixel((0, 1), bottom)
    return strip.resize((WIDTH, HEIGHT), Image.Resampling.BILINEAR)
