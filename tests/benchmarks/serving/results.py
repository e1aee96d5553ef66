"""Measurements as JSON lines: what was measured stays when the benchmark is killed, and ``--resume`` goes on after it."""

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

Key = tuple[str, str, int]
"""Contestant, what was measured, and the round."""


class OtherRun(Exception):
    """A file of another machine or other options, with which nothing may be mixed."""


class Results:
    """A file of measurements; a line that a kill cut short is as if it weren't there."""

    def __init__(self, path: Path, about: dict[str, Any]) -> None:
        """Open a file, new or to go on with.

        Raises:
            OtherRun: the file was begun on another machine or with other options.
        """
        self.path = path
        self._found: dict[Key, dict[str, Any]] = {}
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = _whole(path)
        if lines and lines[0] != about:
            changed = sorted(key for key in {*lines[0], *about} if lines[0].get(key) != about.get(key))
            raise OtherRun(f"{path} was begun with other values of {', '.join(changed)}; begin anew without --resume.")
        for line in lines[1:]:
            self._found[_key(line)] = line
        path.write_text("".join(json.dumps(line) + "\n" for line in lines or [about]))

    def __contains__(self, key: Key) -> bool:
        return key in self._found

    def add(self, key: Key, measured: dict[str, Any]) -> None:
        """Keep one measurement."""
        line = {"contestant": key[0], "what": key[1], "round": key[2], **measured}
        with self.path.open("a") as file:
            file.write(json.dumps(line) + "\n")
        self._found[key] = line

    def rounds(self, contestant: str, what: str, figure: str) -> dict[int, float]:
        """Return a figure of each round that has it."""
        wanted = {key: line for key, line in self._found.items() if key[:2] == (contestant, what)}
        return {key[2]: float(line[figure]) for key, line in wanted.items() if line.get(figure) is not None}

    def measured(self) -> dict[tuple[str, str], list[dict[str, Any]]]:
        """Return all measurements by contestant and what was measured."""
        grouped = defaultdict(list)
        for key, line in self._found.items():
            grouped[key[:2]].append(line)
        return dict(grouped)


def _whole(path: Path) -> list[dict[str, Any]]:
    lines = []
    for text in path.read_text().splitlines() if path.exists() else []:
        try:
            lines.append(json.loads(text))
        except ValueError:
            break
    return lines


def _key(line: dict[str, Any]) -> Key:
    return line["contestant"], line["what"], line["round"]
