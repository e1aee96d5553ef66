"""The verdict as one small self-contained HTML page."""

from collections.abc import Iterable
from html import escape

from perennial.evaluation.figures import Check, Evaluation, ModelFigures, Verdict

_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222;background:#fff}
table{border-collapse:collapse;margin:1rem 0}
th,td{padding:.3rem .6rem;border-bottom:1px solid #ddd;text-align:left;vertical-align:top}
.number{text-align:right;font-variant-numeric:tabular-nums}.heat td,.heat th{border:1px solid #fff;font-size:13px}
.promote,.yes{color:#176b2c}.refuse,.no{color:#a3161c}.hold{color:#8a5a00}.none{color:#666}
"""
_FIGURES = (
    ("Balanced accuracy", "balanced_accuracy"),
    ("Accuracy", "accuracy"),
    ("Macro F1", "macro_f1"),
    ("Among the three likeliest", "top_3"),
    ("Expected calibration error", "calibration_error"),
    ("Accuracy on older images", "older_accuracy"),
)


def html(evaluation: Evaluation, verdict: Verdict) -> str:
    """Return the page: verdict, checks, both models' figures, and the challenger's confusion matrix as a heat table."""
    parts = [
        f"<h1>{escape(evaluation.task)}: <span class={verdict.outcome}>{verdict.outcome}</span></h1>",
        f"<p>{escape(verdict.sentence)}</p>",
        f"<p>{evaluation.new_images} new images, {evaluation.corrections} of them corrections by people.</p>",
        "<h2>Checks</h2>",
        _table(("Check", "Passed", "Value", "Limit", "Reason"), map(_check, verdict.checks)),
        f"<h2>Figures on {evaluation.images} held-out images of {evaluation.posts} posts</h2>",
        _figures(evaluation),
        "<h2>Confusion matrix of the challenger</h2><p>A row for each true class, a column for each answer.</p>",
        _heat(evaluation),
    ]
    body = "\n".join(parts)
    title = f"{escape(evaluation.task)}: {verdict.outcome}"
    head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    head += f"<title>{title}</title><style>{_STYLE}</style>"
    return f'<!doctype html>\n<html lang="en"><head>{head}</head><body>\n{body}\n</body></html>\n'


def _check(check: Check) -> str:
    mark = {True: "yes", False: "no", None: "not judged"}[check.passed]
    return (
        f"<td>{escape(check.name)}</td><td class={mark if check.passed is not None else 'none'}>{mark}</td>"
        f"{_number(check.value)}{_number(check.limit)}<td>{escape(check.sentence)}</td>"
    )


def _figures(evaluation: Evaluation) -> str:
    models = [model for model in (evaluation.challenger, evaluation.champion) if model]
    rows = [f"<td>{name}</td>{''.join(_number(getattr(model, field)) for model in models)}" for name, field in _FIGURES]
    rows += [
        f"<td>Recall of {escape(cls)}</td>{''.join(_number(model.recall[cls]) for model in models)}" for cls in evaluation.classes
    ]
    return _table(("", "Challenger", "Champion")[: len(models) + 1], rows)


def _heat(evaluation: Evaluation) -> str:
    model: ModelFigures = evaluation.challenger
    rows, blue = [], "background:rgba(31,95,191,{:.2f})"
    for cls, counts in zip(evaluation.classes, model.confusion, strict=True):
        total = max(sum(counts), 1)
        cells = "".join(f'<td class=number style="{blue.format(count / total * 0.8)}">{count}</td>' for count in counts)
        rows.append(f"<th>{escape(cls)}</th>{cells}")
    return _table(("", *evaluation.classes), rows, kind="heat")


def _table(heads: Iterable[str], rows: Iterable[str], kind: str = "plain") -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in heads)
    return f"<table class={kind}><tr>{head}</tr>{''.join(f'<tr>{row}</tr>' for row in rows)}</table>"


def _number(value: float | None) -> str:
    return f"<td class=number>{'–' if value is None else f'{value:.3f}'}</td>"
