"""Whether a canary did worse than the stable release while it was watched: rules on what servers counted since it began.

A rule speaks only where chance doesn't explain what it sees, at the level that the task asks for (``release.confidence``).
"""

import math
from collections.abc import Sequence

from perennial.deployment.figures import Figures
from perennial.errors import ReleaseRejected
from perennial.evaluation.proportions import Count, difference, share
from perennial.task import ReleaseSpec

LEAST_REQUESTS, LEAST_PAIRS = 20, 10
"""Fewer requests aren't judged by their latency, fewer images not by their names."""

ERRORS_ALONE = 0.01
"""Share of errors up to which a release passes that has no stable one beside it."""

NOISE_S = 0.05
"""Up to here no latency is too long a multiple: a busy machine alone makes a few milliseconds so many."""

_BEYOND_P95 = 0.05


def judge(canary: Figures, stable: Figures | None, bounds: Sequence[float], rules: ReleaseSpec) -> None:
    """Pass a canary, or say what is wrong with it; ``bounds``, in seconds, are those of the latencies.

    Raises:
        ReleaseRejected: it errs more often than the stable release, answers more slowly, or finds more pictures unfamiliar.
    """
    _errors(canary, stable, rules)
    _too_slow(canary, bounds, rules)
    if stable is not None:
        _slower(canary, stable, bounds, rules)
        _unfamiliar(canary, stable, rules)


def disagreement(pairs: Sequence[tuple[str, str]], rules: ReleaseSpec) -> float:
    """Return the share of images that two releases name differently; ``pairs`` are both names of each image.

    Raises:
        ReleaseRejected: it is above the limit.
    """
    count = sum(one != other for one, other in pairs), len(pairs)
    found = share(count, level=rules.confidence)
    if found is None:
        return 0.0
    if count[1] >= LEAST_PAIRS and found.low > rules.max_disagreement:
        raise ReleaseRejected(
            f"It names {_of(count)} images otherwise than the stable release, "
            f"of which at most {_percent(rules.max_disagreement)} are allowed"
        )
    return found.value


def _errors(canary: Figures, stable: Figures | None, rules: ReleaseSpec) -> None:
    mine, theirs = _failed(canary), _failed(stable or Figures())
    more, alone = difference(mine, theirs, level=rules.confidence), share(mine, level=rules.confidence)
    if more is not None and more.low > 0:
        raise ReleaseRejected(
            f"It failed {_of(mine)} requests, the stable release {_of(theirs)}: "
            f"more by at least {_percent(more.low)} at {_percent(rules.confidence)} confidence, where none is allowed"
        )
    if more is None and alone is not None and alone.low > ERRORS_ALONE:
        raise ReleaseRejected(
            f"It failed {_of(mine)} requests; without a stable release to compare with, at most {_percent(ERRORS_ALONE)} may fail"
        )


def _too_slow(canary: Figures, bounds: Sequence[float], rules: ReleaseSpec) -> None:
    if slow := _beyond(canary, bounds, rules.max_p95_s, rules):
        raise ReleaseRejected(
            f"It took {_p95(canary, bounds)} for 95 of 100 requests, at most {rules.max_p95_s:g} s are allowed: "
            f"{_of(slow)} took longer"
        )


def _slower(canary: Figures, stable: Figures, bounds: Sequence[float], rules: ReleaseSpec) -> None:
    usual = stable.p95(bounds)
    if usual is None or math.isinf(usual) or sum(stable.latency) < LEAST_REQUESTS:
        return
    limit = max(rules.max_p95_ratio * usual, NOISE_S)
    if slow := _beyond(canary, bounds, limit, rules):
        raise ReleaseRejected(
            f"It took {_p95(canary, bounds)} for 95 of 100 requests, the stable release {_p95(stable, bounds)}; "
            f"at most {rules.max_p95_ratio:g} times that are allowed: {_of(slow)} took longer than {limit:g} s"
        )


def _unfamiliar(canary: Figures, stable: Figures, rules: ReleaseSpec) -> None:
    mine, theirs = _count(canary.unfamiliar, canary.images), _count(stable.unfamiliar, stable.images)
    more = difference(mine, theirs, level=rules.confidence)
    if more is not None and more.low > rules.max_unfamiliar:
        raise ReleaseRejected(
            f"It finds {_of(mine)} pictures unfamiliar, the stable release {_of(theirs)}; "
            f"a share larger by at most {_percent(rules.max_unfamiliar)} is allowed"
        )


def _beyond(figures: Figures, bounds: Sequence[float], seconds: float, rules: ReleaseSpec) -> Count | None:
    """Return how many of how many requests took longer, where these are surely more than 5 of 100."""
    slow = figures.slower(bounds, seconds), sum(figures.latency)
    found = share(slow, level=rules.confidence)
    return slow if found is not None and slow[1] >= LEAST_REQUESTS and found.low > _BEYOND_P95 else None


def _failed(figures: Figures) -> Count:
    return _count(figures.errors, figures.requests)


def _count(hits: int, of: int) -> Count:
    """Return a count, also where what is counted first was read before the rest."""
    return min(hits, of), of


def _of(count: Count) -> str:
    return f"{count[0]} of {count[1]}"


def _percent(part: float) -> str:
    return f"{100 * part:.3g} %"


def _p95(figures: Figures, bounds: Sequence[float]) -> str:
    seconds = figures.p95(bounds) or 0.0
    return f"more than {bounds[-1]:g} s" if math.isinf(seconds) else f"up to {seconds:g} s"
