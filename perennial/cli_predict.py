"""What ``perennial predict`` asks and prints."""

import base64
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from perennial.errors import EndpointError
from perennial.serving import client
from perennial.settings import Settings
from perennial.task import Task


def ask(
    task: Task, settings: Settings, files: Sequence[Path], *, explain: bool = False, overlay: Path | None = None
) -> dict[str, dict[str, Any]]:
    """Return the running endpoint's answer for each file, explained where that is asked for; save the overlay of the only one.

    Raises:
        EndpointError: nothing answers, or there is nothing to save as an overlay.
        ImageRejected: a file is no image that is taken in.
    """
    if overlay and len(files) != 1:
        raise EndpointError(f"--overlay saves one picture, and {len(files)} are asked about. Ask about them one by one.")
    url = client.address(task.endpoint_name, settings)
    if not explain and not overlay:
        return {str(file): client.predict(url, task.name, file.read_bytes()) for file in files}
    answers = {str(file): client.explain(url, task.name, file.read_bytes(), overlay=bool(overlay)) for file in files}
    if overlay:
        _save(next(iter(answers.values())), overlay)
    return answers


def lines(answers: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Yield a line for each picture, and below it one for each of the training images nearest to it."""
    for file, answer in answers.items():
        doubt = "  (unfamiliar)" if answer["unfamiliar"] else ""
        yield f"{file}: {answer['class']} {answer['probability']:.0%}{doubt}"
        for image in answer.get("neighbours", ()):
            yield f"  {image['similarity']:.2f}  {image['class']}  {_about(image)}"


def _about(image: Mapping[str, Any]) -> str:
    """Return where a training image comes from, whose it is and under which licence, as far as is known."""
    credit = ", ".join(part for part in (image["credit"], image["licence"]) if part)
    return "  ".join(part for part in (image["url"] or image["post"], credit and f"({credit})") if part)


def _save(answer: dict[str, Any], target: Path) -> None:
    """Take the overlay out of an answer and write it to a file."""
    found = answer["map"]
    if found is None:
        raise EndpointError(
            f"The backbone {answer['backbone'][:12]} gives no map, so there is no overlay: its network has none, or it was "
            "exported by an earlier version. Ask with --explain alone."
        )
    target.write_bytes(base64.b64decode(found.pop("overlay")))
