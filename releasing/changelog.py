"""A release's version and its part of the changelog."""

import argparse
import re
from datetime import UTC, datetime
from pathlib import Path

from perennial.errors import PerennialError, mistakes_told

ROOT = Path(__file__).parent.parent
CHANGELOG = Path("CHANGELOG.md")
VERSION = Path("perennial/__init__.py")
NOTES = Path("dist/notes.md")
_UNRELEASED = "## Unreleased"
_FORM = re.compile(r"(\d+)\.(\d+)\.(\d+)(?:rc(\d+))?")
_ASSIGNED = re.compile(r'(?m)^__version__ = "(.*)"$')


def prepare(version: str, root: Path = ROOT) -> None:
    """Give what is unreleased this version and today's date, and the package the version.

    Raises:
        PerennialError: the version isn't later than the last, or there is nothing to release.
    """
    new, code = _parsed(version), (root / VERSION).read_text(encoding="utf-8")
    parts = _parts(root)
    current = _current(root)
    if new < _parsed(current) or version in parts:
        raise PerennialError(
            f"{version} is not later than {current}, which is released or was written before. Choose a later version."
        )
    if not parts.get("Unreleased"):
        raise PerennialError(f"Nothing stands under '{_UNRELEASED}' of {CHANGELOG}, so there is nothing to release.")
    text = (root / CHANGELOG).read_text(encoding="utf-8")
    heading = f"{_UNRELEASED}\n\n## {version} ({datetime.now(UTC):%Y-%m-%d})"
    (root / CHANGELOG).write_text(text.replace(_UNRELEASED, heading, 1), encoding="utf-8")
    (root / VERSION).write_text(_ASSIGNED.sub(f'__version__ = "{version}"', code), encoding="utf-8")


def notes(version: str, root: Path = ROOT) -> Path:
    """Write a version's part of the changelog, and return the file.

    Raises:
        PerennialError: the package has another version, or the changelog doesn't know this one.
    """
    _parsed(version)
    if (current := _current(root)) != version:
        raise PerennialError(f"This checkout is version {current}, not {version}. 'make release VERSION={version}' changes it.")
    if not (text := _parts(root).get(version)):
        raise PerennialError(f"{CHANGELOG} has nothing under '## {version}'. 'make release VERSION={version}' writes it.")
    path = root / NOTES
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{text}\n", encoding="utf-8")
    return path


def _parsed(version: str) -> tuple[int, int, int, float]:
    if not (found := _FORM.fullmatch(version)):
        raise PerennialError(f"'{version}' is no version of the form 1.2.3 or 1.2.3rc1. Say VERSION=1.2.3.")
    major, minor, patch, candidate = found.groups()
    return int(major), int(minor), int(patch), float(candidate or "inf")


def _current(root: Path) -> str:
    found = _ASSIGNED.search((root / VERSION).read_text(encoding="utf-8"))
    if not found:
        raise PerennialError(f'{VERSION} has no line __version__ = "...". Write one.')
    return found[1]


def _parts(root: Path) -> dict[str, str]:
    """Return the changelog's parts by version."""
    text = (root / CHANGELOG).read_text(encoding="utf-8")
    _, *parts = re.split(r"(?m)^## ", text)
    return {part.split(maxsplit=1)[0]: part.partition("\n")[2].strip() for part in parts}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m releasing.changelog", description=__doc__)
    parser.add_argument("command", choices=("prepare", "notes"), help="what 'make release' and 'make notes' run")
    parser.add_argument("version")
    given = parser.parse_args()
    if given.command == "prepare":
        prepare(given.version)
    else:
        print(notes(given.version).relative_to(ROOT), "has the notes")  # noqa: T201


if __name__ == "__main__":
    with mistakes_told():
        main()
