"""Images and label events drawn for tests, the same for the same number."""

import datetime
import os
import subprocess
import sys
import textwrap
from pathlib import Path

from perennial.catalog.digests import digest_of_bytes
from perennial.catalog.rows import Image, LabelEvent

TASK = "regions"
DAY = datetime.date(2024, 3, 1)
ROOT = Path(__file__).parents[2]


def picture(number: int, *, post: str = "") -> tuple[Image, bytes]:
    """Return an image and its pixels (any bytes: the catalog doesn't decode them)."""
    pixels = f"pixels {number}".encode()
    image = Image(
        id=digest_of_bytes(pixels),
        source=post.partition("/")[0] or "demo",
        post=post or f"demo/{number // 2}",
        url=f"http://demo/{number}.jpg",
        published=DAY + datetime.timedelta(days=number),
        title=f"House {number}",
        place="Porto, Portugal",
        kind="photo",
        metadata={"place": "Porto, Portugal"},
        width=640,
        height=480,
    )
    return image, pixels


def said(number: int, cls: str | None = "Europe", *, origin: str = "source", task: str = TASK) -> LabelEvent:
    """Return what a source, or a person, says about an image."""
    image, _ = picture(number)
    at = image.published if origin == "source" else DAY + datetime.timedelta(days=400)
    return LabelEvent(image.id, task, cls, origin, "demo" if origin == "source" else "ana", at)  # type: ignore[arg-type]


def start_python(code: str, *arguments: str) -> "subprocess.Popen[bytes]":
    """Start a Python process that runs ``code``; its errors go to this process's."""
    command = [sys.executable, "-W", "error", "-c", textwrap.dedent(code), *arguments]
    return subprocess.Popen(command, cwd=ROOT)


def run_python(code: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run ``code`` in a Python process and return what it said."""
    command = [sys.executable, "-W", "error", "-c", textwrap.dedent(code), *arguments]
    return subprocess.run(command, cwd=ROOT, text=True, capture_output=True, timeout=120, check=False)


def become_nobody() -> None:
    """Give up root's rights in this process, so that permissions of files count."""
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
