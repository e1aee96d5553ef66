"""Take in what is new at the task's sources."""

from components.base import component


@component
def scrape(task: str, run: str) -> bool:
    """Return whether there is anything to learn, from now or left over from a run that didn't end."""
    from components.step import Step
    from perennial.operations.runs import begin, goes_on
    from perennial.sources.scrape import scrape as scrape_sources

    with Step("scrape", task, run) as step:
        unfinished = begin(step.run)
        found = scrape_sources(step.task, step.catalog, progress=step.progress)
        go = goes_on(step.run, step.task, new_images=found.images, unfinished=unfinished)
        sentence = f"{found.posts} new posts, {found.images} new images, {found.quarantined} quarantined"
        facts = {"posts": found.posts, "images": found.images, "quarantined": found.quarantined}
        step.done(sentence, go=go, unfinished=unfinished, **facts)
    return go
