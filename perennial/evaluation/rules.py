"""Gate rules: each a small named function of the limits and the evaluation; add a new one to ``RULES``.

A rule that finds no ground to judge on says so (``passed`` None) and stops nothing. Rules in ``SUSPICION`` hold batches back;
those in ``ADVICE`` stop nothing either way: they say what the next run should do.
"""

from collections.abc import Callable, Sequence

from perennial.evaluation.batch import BatchFigures
from perennial.evaluation.bootstrap import Interval
from perennial.evaluation.figures import Check, Evaluation
from perennial.task import GateSpec

Rule = Callable[[GateSpec, Evaluation], Check]
SAME_STYLE = 0.7
NOISE_MS = 1.0
BATCH_POSTS = 15


def enough_new_images(gate: GateSpec, found: Evaluation) -> Check:
    """An update must be worth a release; another backbone is by itself, and so is what people corrected."""
    if found.champion and found.champion.backbone != found.challenger.backbone:
        return _not_judged("enough new images", "The challenger has another backbone than the champion, which is news enough.")
    if found.corrections:
        return _not_judged("enough new images", f"{_many(found.corrections)} by people, which is reason enough for a release.")
    passed = found.new_images >= gate.min_new_images
    sentence = f"{found.new_images} new images; at least {gate.min_new_images} are wanted."
    return Check(name="enough new images", passed=passed, value=found.new_images, limit=gate.min_new_images, sentence=sentence)


def enough_held_out(gate: GateSpec, found: Evaluation) -> Check:
    """A comparison needs images that neither model learnt."""
    passed = found.images >= gate.min_held_out
    sentence = f"{found.images} held-out images of {found.posts} posts; at least {gate.min_held_out} images are wanted."
    return Check(name="enough held-out images", passed=passed, value=found.images, limit=gate.min_held_out, sentence=sentence)


def first_model_floor(gate: GateSpec, found: Evaluation) -> Check:
    """A first model has nobody to beat, so it must reach a floor."""
    name, value, limit = "balanced accuracy of a first model", found.challenger.balanced_accuracy, gate.first_balanced_accuracy
    if found.champion:
        return _not_judged(name, "There is a champion to compare with.")
    sentence = f"Balanced accuracy {value:.3f}; a first model needs {limit:.3f}."
    return Check(name=name, passed=value >= limit, value=value, limit=limit, sentence=sentence)


def not_worse(gate: GateSpec, found: Evaluation) -> Check:
    """A challenger may not be worse than the champion beyond the interval of their difference."""
    name = "not worse than the champion"
    if found.difference is None:
        return _not_judged(name, "There is no champion or no held-out image to compare on.")
    sentence = (
        f"Balanced accuracy on images of the last {gate.window_days} days and of the new batches differs by "
        f"{_said(found.difference)} from the champion's; the upper end may not be below 0."
    )
    passed = found.difference.high >= 0
    return Check(name=name, passed=passed, value=found.difference.value, limit=0.0, sentence=sentence)


def recall_floor(gate: GateSpec, found: Evaluation) -> Check:
    """No class with enough held-out images may fall below the floor, unless the champion does no better on it."""
    name = "recall floor"
    judged = {cls: recall for cls, recall in found.challenger.recall.items() if recall is not None and _enough(gate, found, cls)}
    if not judged:
        return _not_judged(name, f"No class has {gate.recall_min_images} held-out images.")
    low = {cls: recall for cls, recall in judged.items() if recall < gate.recall_floor}
    worse = [cls for cls, recall in low.items() if not found.champion or recall < (found.champion.recall.get(cls) or 0.0)]
    worst = min(judged, key=lambda cls: judged[cls])
    sentence = (
        f"Lowest recall {judged[worst]:.3f} ({worst}) among {len(judged)} classes with at least {gate.recall_min_images} images."
    )
    if low and not worse:
        sentence += " The champion does no better on it."
    return Check(name=name, passed=not worse, value=judged[worst], limit=gate.recall_floor, sentence=sentence)


def forgetting(gate: GateSpec, found: Evaluation) -> Check:
    """What was known of older images may not be lost."""
    name = "forgetting"
    if found.older_difference is None or found.older_images < gate.min_held_out:
        return _not_judged(name, f"Only {found.older_images} older held-out images, or no champion, to compare on.")
    lost = -found.older_difference.value
    sentence = (
        f"Accuracy on {found.older_images} older images differs by {_said(found.older_difference)} from the champion's; "
        f"at most {gate.max_forgetting:.3f} may be lost."
    )
    return Check(name=name, passed=lost <= gate.max_forgetting, value=lost, limit=gate.max_forgetting, sentence=sentence)


def latency(gate: GateSpec, found: Evaluation) -> Check:
    """An answer may not take much longer than the champion's."""
    name, limit = "latency", gate.max_latency_ratio
    new, old = found.challenger, found.champion
    if old is None or new.head_ms is None or old.head_ms is None:
        return _not_judged(name, "There is no champion or no image to measure on.")
    times = [new.head_ms, old.head_ms]
    if new.backbone != old.backbone:
        if new.backbone_ms is None or old.backbone_ms is None:
            return _not_judged(name, "The models have different backbones, whose times aren't known.")
        times = [new.head_ms + new.backbone_ms, old.head_ms + old.backbone_ms]
    if abs(times[0] - times[1]) < NOISE_MS:
        return _not_judged(name, f"The models' times an image differ by less than {NOISE_MS} ms: too little to measure well.")
    ratio = times[0] / times[1]
    sentence = f"{times[0]:.3f} ms an image, {ratio:.2f} times the champion's; at most {limit:.2f} times is allowed."
    return Check(name=name, passed=ratio <= limit, value=ratio, limit=limit, sentence=sentence)


def labels_agree(gate: GateSpec, found: Evaluation) -> Check:
    """Labels of a batch in the known style must agree with the champion as its held-out images do."""
    del gate
    judged = [one for one in found.batches if one.agreement_difference and one.domain < SAME_STYLE and one.posts >= BATCH_POSTS]
    pairs = [(one, one.agreement_difference) for one in judged if one.agreement_difference]
    return _suspicion(
        "labels agree with the champion",
        "labels agree with the champion's answers",
        pairs,
        "No new batch is large enough and in the style that the champion learnt.",
    )


def labels_reproduce(gate: GateSpec, found: Evaluation) -> Check:
    """A batch's labels must follow from its own images as well as those of learnt images do."""
    del gate
    pairs = [
        (one, one.reproduction_difference) for one in found.batches if one.reproduction_difference and one.posts >= BATCH_POSTS
    ]
    return _suspicion(
        "labels can be reproduced",
        "labels follow from its own images",
        pairs,
        "No new batch is large enough to reproduce its labels from its own images.",
    )


def backbone_suffices(gate: GateSpec, found: Evaluation) -> Check:
    """Where even the better model stays below the floor, its backbone should go on learning."""
    name, limit = "backbone suffices", gate.finetune_below
    if not limit:
        return _not_judged(name, "The task sets no floor for it (gate.finetune_below).")
    if found.images < gate.min_held_out:
        return _not_judged(name, f"Only {found.images} held-out images; at least {gate.min_held_out} are wanted.")
    best = max(model.balanced_accuracy for model in (found.challenger, found.champion) if model)
    sentence = f"Balanced accuracy {best:.3f} of the better model; below {limit:.3f} the backbone should be fine-tuned."
    return Check(name=name, passed=best >= limit, value=best, limit=limit, sentence=sentence)


SUSPICION: tuple[Rule, ...] = (labels_agree, labels_reproduce)
RULES: tuple[Rule, ...] = (
    enough_new_images,
    enough_held_out,
    first_model_floor,
    not_worse,
    recall_floor,
    forgetting,
    latency,
    *SUSPICION,
)
ADVICE: tuple[Rule, ...] = (backbone_suffices,)


def _suspicion(name: str, what: str, pairs: Sequence[tuple[BatchFigures, Interval]], otherwise: str) -> Check:
    """Fail for the batches whose figure lies below the usual level with its whole interval."""
    if not pairs:
        return _not_judged(name, otherwise)
    failed = tuple(one.batch for one, difference in pairs if difference.high < 0)
    worst, difference = min(pairs, key=lambda pair: pair[1].high)
    sentence = f"In batch {worst.batch[:12]} ({worst.counted} images), {what} {_points(difference)}"
    sentence += "." if failed else ", which may be chance." if difference.value < 0 else "."
    return Check(name=name, passed=not failed, value=difference.value, limit=0.0, sentence=sentence, batches=failed)


def _many(corrections: int) -> str:
    return f"{corrections} new images are corrections" if corrections > 1 else "One new image is a correction"


def _points(difference: Interval) -> str:
    """Say a difference of two shares in words."""
    low, high = sorted((abs(difference.low), abs(difference.high)))
    if difference.high < 0:
        return f"{-difference.value:.0%} less often than is usual (99.7 % interval: {low:.0%} to {high:.0%} less)"
    return f"{abs(difference.value):.0%} {'less' if difference.value < 0 else 'more'} often than is usual"


def _enough(gate: GateSpec, found: Evaluation, cls: str) -> bool:
    return found.support[cls] >= gate.recall_min_images


def _not_judged(name: str, why: str) -> Check:
    return Check(name=name, passed=None, value=None, limit=None, sentence=f"Not judged: {why[0].lower()}{why[1:]}")


def _said(interval: Interval) -> str:
    return f"{interval.value:+.3f} ({interval.low:+.3f} … {interval.high:+.3f})"
