"""The pod that looks for what is new: scrape and label."""

from components.base import component


@component
def scrape(task: str, definition: str, run: str) -> str:
    """Return the way on: nothing, learn, fan-out, export or finetune."""
    from components.steps.scrape import scrape as scrape_sources

    if not scrape_sources(task, run, definition)["go"]:
        return "nothing"
    from components.steps.label import label

    return label(task, run)["route"]
