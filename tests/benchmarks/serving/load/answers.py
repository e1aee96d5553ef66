"""Judging one answer while releases change: right, wrong, dropped, or bad input that was refused.

What is expected travels as JSON: ``{"releases": {digest: {"class", "probability", "version"}}}`` for a picture that every
release answers, ``{"refused": [400]}`` for bad input.
"""

import json
from typing import Any

TOLERANCE = 1e-3
"""Largest difference between a served and an offline probability: on one machine both are the same integers, rounding aside."""

Verdict = tuple[str, str]


def judged(expected: dict[str, Any], status: int, body: str) -> Verdict:
    """Return the verdict, and the release that answered or a sentence on what was wrong.

    Args:
        expected: what the request should get.
        status: HTTP status, 0 where the connection broke.
        body: the answer's text.
    """
    if status == 503:
        return "dropped", f"{status}: {body[:200]}"
    if "refused" in expected:
        if status in expected["refused"] and _sentence(body):
            return "refused", ""
        return "wrong", f"bad input got {status}: {body[:200]}"
    if status != 200:
        return "dropped", f"{status}: {body[:200]}"
    try:
        answer = _answer(json.loads(body))
        named = expected["releases"].get(answer["release"])
        if named is None:
            return "wrong", f"the answer names the release {answer['release']}, which never served"
        said = {"class": answer["class"], "version": answer["model_version"]}
        if said != {"class": named["class"], "version": named["version"]}:
            return "wrong", f"{answer['release'][:12]} answers {named['class']} by version {named['version']}, got {said}"
        if abs(answer["probability"] - named["probability"]) > TOLERANCE:
            return "wrong", f"{answer['release'][:12]} gives {named['probability']:.4f}, got {answer['probability']:.4f}"
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        return "wrong", f"the answer has another shape ({type(error).__name__}: {error}): {body[:200]}"
    return "right", str(answer["release"])


def _answer(document: dict[str, Any]) -> dict[str, Any]:
    """Return the first answer of a V1 or a V2 response."""
    if "outputs" in document:
        texts = {output["name"]: output["data"] for output in document["outputs"]}
        return dict(json.loads(texts["answer"][0]))
    return dict(document["predictions"][0])


def _sentence(body: str) -> bool:
    """Return whether an error's body is JSON with one sentence."""
    try:
        return isinstance(json.loads(body)["error"], str)
    except (ValueError, KeyError, TypeError):
        return False
