"""The demo site as a process of its own, as a pod runs it."""

import os
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from perennial.processes import free_port
from perennial.sources.demo_site.posts import day


def listed(url: str, pages_url: str) -> list[str]:
    """Return the newest page's days of publication, having checked where its links point."""
    found = httpx.get(f"{url}/search/api/v1/us/projects", params={"page": 1}).raise_for_status()
    assert pages_url in found.text
    assert url not in found.text
    return [entry["publication_date"][:10] for entry in found.json()["results"]]


def test_days_pass_and_pages_name_the_given_address(tmp_path: Path) -> None:
    port = free_port()
    url, named = f"http://127.0.0.1:{port}", "http://demo-site.perennial:8000"
    command = [sys.executable, "-m", "perennial.sources.demo_site", "--port", str(port), "--url", named, "--every", "2"]
    site = subprocess.Popen(command, env={**os.environ, "DEMO_DAY": "1"}, cwd=tmp_path)
    try:
        seen: set[str] = set()
        deadline = time.monotonic() + 30
        while len(seen) < 2 and time.monotonic() < deadline:
            try:
                seen.add(max(listed(url, named)))
            except httpx.ConnectError:
                time.sleep(0.05)
        assert seen == {str(day(1)), str(day(2))}
    finally:
        site.terminate()
        assert site.wait(10) == 0


@pytest.mark.parametrize(
    ("arguments", "newest", "told"),
    [
        (["--port", "70000"], "0", "'70000' is no port"),
        (["--day", "99999999"], "0", "'99999999' is no number of a day"),
        ([], "tomorrow", "'tomorrow' is no number of a day"),
        (["--every", "-1"], "0", "'-1' is no number of seconds"),
        (["--host", "192.0.2.1", "--port", "0"], "0", "can't listen on 192.0.2.1:0: cannot assign requested address"),
    ],
)
def test_what_cannot_be_is_told_in_a_sentence(arguments: list[str], newest: str, told: str) -> None:
    command = [sys.executable, "-m", "perennial.sources.demo_site", *arguments]
    ended = subprocess.run(command, env={**os.environ, "DEMO_DAY": newest}, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 2
    assert told in ended.stderr
    assert "Traceback" not in ended.stderr
