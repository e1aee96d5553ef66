"""Take in what is new at the task's sources."""

from dataclasses import asdict
from typing import Any

from components.step import Step
from perennial.operations.definitions import settle
from perennial.operations.feedback import take_in
from perennial.operations.runs import begin, goes_on
from perennial.sources.label import waiting
from perennial.sources.scrape import scrape as scrape_sources


def scrape(task: str, run: str, definition: str) -> dict[str, Any]:
    """Settle the run's definition and scrape; ``go`` of the facts says whether there is anything to learn.

    There is with new posts, with images of its sources that have no label yet, since another task may have scraped them,
    and with what a run left that didn't end.
    """
    with Step("scrape", task, run) as step:
        if facts := step.over():
            return facts
        settle(step.run, definition, step.settings.tasks)
        unfinished = begin(step.run)
        found = scrape_sources(step.task, step.catalog, step.settings, progress=step.progress, say=step.note)
        new = found.posts or int(waiting(step.task, step.catalog))
        go = goes_on(step.run, step.task, new_posts=new, unfinished=unfinished)
        if not go:
            take_in(step.objects, step.task.endpoint_name)  # else what servers note would pile up until something new is there
        counts = {"posts": found.posts, "images": found.images, "quarantined": found.quarantined}
        sources = [asdict(source) for source in found.sources]
        return step.done(found.sentence, go=go, unfinished=unfinished, **counts, sources=sources)
