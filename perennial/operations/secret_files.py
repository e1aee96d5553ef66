"""Secrets of an installation on one host: a folder with a file for each value that nobody may know, ``SECRET.KEY``.

The folder is its owner's alone. The files in it may be read by anybody: they reach containers as they are, whose user is another.
Names, such as a bucket user's, are no secrets and have no files.
"""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from perennial.errors import SettingsError, mistakes_told
from perennial.operations.wanted import OWN, PIPELINES, random_password

FOLDER = Path(".secrets")
PLACES = ("AWS_ENDPOINT_URL", "PERENNIAL_STORE", "PERENNIAL_MLFLOW")
Values = dict[str, str]


def file_names() -> list[str]:
    """Return the names of all files."""
    return [f"{one.name}.{key}" for one in (*OWN, *PIPELINES) for key, make in one.made.items() if make is random_password]


class SecretFiles:
    """The Secrets of an installation, in a folder; where everything is, the environment says."""

    def __init__(self, folder: Path) -> None:
        """Take a folder, which is made with the first file."""
        self._folder = folder

    def config(self, namespace: str) -> Values:  # noqa: ARG002 (a host has none)
        """Return where everything is.

        Raises:
            SettingsError: a variable is missing.
        """
        if missing := [name for name in PLACES if not os.environ.get(name)]:
            raise SettingsError(f"Set {' and '.join(missing)}, which say where everything is on this host.")
        return {name: os.environ[name] for name in PLACES}

    def owner(self, namespace: str, account: str) -> None:
        """Return nobody: files go with their folder."""

    def called(self, namespace: str, name: str) -> str:  # noqa: ARG002
        """Return what people call a Secret."""
        return name

    def read(self, namespace: str, name: str) -> Values:  # noqa: ARG002
        """Return the values of a Secret that have files.

        Raises:
            SettingsError: a file can't be read.
        """
        try:
            files = self._folder.glob(f"{name}.*")
            return {file.name.removeprefix(f"{name}."): file.read_text(encoding="utf-8").strip() for file in files}
        except OSError as error:
            raise SettingsError(
                f"The secret {error.filename} can't be read ({error.strerror}). Let this user read it, and try again."
            ) from None

    def ensure(
        self,
        namespace: str,
        name: str,
        *,
        made: Mapping[str, Callable[[], str]],
        fixed: Mapping[str, str] | None = None,  # noqa: ARG002 (what isn't secret stands in compose.yaml)
        owner: Any = None,  # noqa: ARG002
    ) -> tuple[Values, str]:
        """Make the files that a Secret lacks, and return its values, names included, and whether it was "made" or "kept".

        Raises:
            SettingsError: a file can't be read or written.
        """
        old = self.read(namespace, name)
        lacking = {key: make() for key, make in made.items() if not old.get(key)}
        secret = {key: value for key, value in lacking.items() if made[key] is random_password}
        for key, value in secret.items():
            self._write(f"{name}.{key}", value)
        return old | lacking, "made" if secret else "kept"

    def _write(self, name: str, value: str) -> None:
        partial = self._folder / f"{name}.new"
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            partial.write_text(value + "\n", encoding="utf-8")
            partial.chmod(0o444)
            partial.replace(self._folder / name)
        except OSError as error:
            raise SettingsError(
                f"The secret {self._folder / name} is missing and can't be made here ({error.strerror}). Run 'make secrets'."
            ) from None


def make(folder: Path = FOLDER) -> None:
    """Make the files that are missing, and print what was done.

    Raises:
        SettingsError: one can't be written.
    """
    files = SecretFiles(folder)
    if folder.is_dir():
        folder.chmod(0o700)  # its files may be read by all
    for wanted in (*OWN, *PIPELINES):
        _, done = files.ensure("", wanted.name, made=wanted.made)
        print(f"{folder / wanted.name}: {done}")  # noqa: T201


if __name__ == "__main__":
    with mistakes_told():
        make()
