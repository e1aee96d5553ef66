"""A release takes what is unreleased, once."""

import re
from pathlib import Path

import pytest

from perennial.errors import PerennialError
from releasing.changelog import CHANGELOG, NOTES, ROOT, VERSION, notes, prepare


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / "perennial").mkdir()
    (tmp_path / VERSION).write_text('"""Words."""\n\n__version__ = "0.1.0"\n')
    (tmp_path / CHANGELOG).write_text("# Changelog\n\n## Unreleased\n\n- One thing.\n- Another.\n")
    return tmp_path


def test_a_release_has_a_version_a_date_and_notes(checkout: Path) -> None:
    prepare("0.1.0", checkout)
    text = (checkout / CHANGELOG).read_text()
    assert re.fullmatch(r"# Changelog\n\n## Unreleased\n\n## 0\.1\.0 \(\d{4}-\d\d-\d\d\)\n\n- One thing\.\n- Another\.\n", text)
    assert notes("0.1.0", checkout) == checkout / NOTES
    assert (checkout / NOTES).read_text() == "- One thing.\n- Another.\n"


def test_the_next_release_has_what_came_since(checkout: Path) -> None:
    prepare("0.1.0", checkout)
    text = (checkout / CHANGELOG).read_text()
    (checkout / CHANGELOG).write_text(text.replace("## Unreleased\n", "## Unreleased\n\n- A third.\n"))
    prepare("0.2.0rc1", checkout)
    assert '__version__ = "0.2.0rc1"' in (checkout / VERSION).read_text()
    notes("0.2.0rc1", checkout)
    assert (checkout / NOTES).read_text() == "- A third.\n"


@pytest.mark.parametrize("version", ["0.1.0", "0.0.9", "0.1.0rc2"])
def test_an_earlier_version_is_refused(checkout: Path, version: str) -> None:
    prepare("0.1.0", checkout)
    before = (checkout / CHANGELOG).read_text()
    with pytest.raises(PerennialError, match=f"{version} is not later than 0.1.0"):
        prepare(version, checkout)
    assert (checkout / CHANGELOG).read_text() == before


def test_nothing_new_is_no_release(checkout: Path) -> None:
    prepare("0.1.0", checkout)
    with pytest.raises(PerennialError, match="there is nothing to release"):
        prepare("0.2.0", checkout)


@pytest.mark.parametrize("version", ["", "v1.2.3", "1.2", "1.2.3; true", "1.2.3.dev1"])
def test_a_version_has_a_form(checkout: Path, version: str) -> None:
    for command in (prepare, notes):
        with pytest.raises(PerennialError, match=r"no version of the form 1\.2\.3 or 1\.2\.3rc1"):
            command(version, checkout)


def test_notes_of_another_version_are_refused(checkout: Path) -> None:
    with pytest.raises(
        PerennialError, match=r"This checkout is version 0.1.0, not 0.2.0. 'make release VERSION=0.2.0' changes it"
    ):
        notes("0.2.0", checkout)
    with pytest.raises(PerennialError, match=r"has nothing under '## 0.1.0'"):
        notes("0.1.0", checkout)


def test_this_checkout_can_be_released() -> None:
    assert "\n## Unreleased\n" in (ROOT / CHANGELOG).read_text()
    assert '\n__version__ = "' in (ROOT / VERSION).read_text()
