"""The dashboard in a real browser, beside a real endpoint."""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from dashboard.endpoint import NEIGHBOURS
from perennial.learning.model import model_prefix
from perennial.operations.dashboard import address, start
from perennial.processes import free_port
from perennial.task import save_task
from tests.small_world import CLASSES, World, picture, server, template

CHROMIUM = next((path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None)
CHART = "[data-testid=stVegaLiteChart]"
SLOW_MS = 60_000

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs a chromium on the PATH (Debian: apt install chromium)")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A task with two versions, the second of which is champion and serves."""
    made = template(tmp_path_factory.getbasetemp()).copy(tmp_path_factory.mktemp("browser") / "home")
    found = World(made.settings.model_copy(update={"tasks": made.settings.home / "tasks"}), made.task, made.models)
    save_task(found.task, found.settings.tasks / "colours.yaml")
    for digest in found.models[:2]:
        source = f"{found.objects.url}/{model_prefix('colours', digest)}"
        version = found.registry.register("colours", digest, source, run_id=digest[:8])
    found.registry.point("colours", "champion", version.number)
    found.write_record(stable=found.release(2))
    return found


@pytest.fixture(scope="module")
def url(world: World) -> Iterator[str]:
    port = free_port()
    process = start(world.settings, "colours", port)
    yield address(world.settings, port)
    process.kill()
    process.wait()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield launched
        launched.close()


@contextmanager
def opened(browser: Browser, scheme: Literal["light", "dark"]) -> Iterator[Page]:
    """Open a tab for someone who prefers light or dark pages; it asks nobody but the dashboard for anything."""
    expect.set_options(timeout=SLOW_MS)
    with browser.new_context(color_scheme=scheme, viewport={"width": 1280, "height": 900}) as context:
        page = context.new_page()
        page.set_default_timeout(SLOW_MS)
        hosts: set[str | None] = set()
        page.on("request", lambda request: hosts.add(urlsplit(request.url).hostname))
        yield page
        assert hosts - {None} == {"127.0.0.1"}  # pictures within the page have none


def drop(page: Page, file: Path, content: bytes) -> None:
    file.write_bytes(content)
    page.locator("input[type=file]").set_input_files(file)


def test_a_dropped_picture_gets_its_probabilities(browser: Browser, url: str, world: World, tmp_path: Path) -> None:
    with opened(browser, "light") as page, server(world):
        page.goto(f"{url}/predict")
        drop(page, tmp_path / "picture.jpg", picture("green", 7))
        expect(page.get_by_text(re.compile("Probability .* by version 2 of the model"))).to_be_visible()
        expect(page.get_by_role("heading", name=re.compile(f"^({'|'.join(CLASSES)})$"))).to_be_visible()
        expect(page.locator(CHART)).to_have_count(1)
        expect(page.get_by_text(re.compile(f"What spoke for ({'|'.join(CLASSES)})"))).to_be_visible()
        expect(page.get_by_text("Nearest training images")).to_be_visible()
        expect(page.locator("[data-testid=stImage] img")).to_have_count(2 + NEIGHBOURS)
        page.get_by_role("button", name="Take an example").click()
        expect(page.get_by_text("The image's label is")).to_be_visible()
        drop(page, tmp_path / "notes.jpg", b"no picture")
        expect(page.get_by_text("Convert it to one of these")).to_be_visible()


def test_it_follows_a_dark_system_and_an_endpoint_that_is_down(browser: Browser, url: str) -> None:
    with opened(browser, "dark") as page:
        page.goto(url)
        expect(page.get_by_role("heading", name="Last runs")).to_be_visible()
        expect(page.get_by_text("Version 2", exact=True)).to_be_visible()
        expect(page.locator(CHART)).to_have_count(4)
        ground = page.locator(".stApp").evaluate("element => getComputedStyle(element).backgroundColor")
        assert max(int(part) for part in re.findall(r"\d+", ground)[:3]) < 64
        page.get_by_role("link", name="Predict").click()
        page.get_by_role("button", name="Take an example").click()
        expect(page.get_by_text("perennial serve colours")).to_be_visible()
