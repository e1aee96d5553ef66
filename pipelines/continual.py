"""The loop: scrape what is new, learn it, deploy what passes, and record how it ended.

Conditions stand on what a pod returns: kfp.local can't resolve another output in a condition. The ways are spelt out: what waits
for a ParallelFor is refused on clusters, and a pod that waits for a way not taken would never start.
"""

from collections.abc import Callable
from typing import Any

from kfp import dsl

from components.deploy import deploy
from components.embed import embed
from components.export import export
from components.finetune import finetune
from components.learn import learn
from components.record import record
from components.scrape import scrape
from perennial.operations.ways import SHARDS

Pod = Any
"""A task of KFP's: one component with its arguments."""


def as_it_is(pod: Pod) -> Pod:
    """Leave a pod as it is: on this machine each is a process."""
    return pod


def pipeline(fit: Callable[[Pod], Pod] = as_it_is) -> Any:
    """Return the pipeline; ``fit`` gives each pod what it needs where it will run."""

    @dsl.pipeline(name="perennial-continual", description="Learn what is new, judge it against the champion, deploy what passes.")
    def continual(task: str, definition: str = "") -> None:
        """One run of the loop for one task, whose ``definition`` is YAML or JSON; without one, what is known of it is taken."""
        run = dsl.PIPELINE_JOB_ID_PLACEHOLDER

        def learn_and_deploy(*prepared: Pod) -> None:
            learned = fit(learn(task=task, run=run)).after(*prepared)
            with dsl.If(learned.outputs["Output"] == True, name="passed"):  # noqa: E712 (builds a condition, compares nothing)
                fit(deploy(task=task, run=run))

        with dsl.ExitHandler(fit(record(task=task, run=run)), name="loop"):
            scraped = fit(scrape(task=task, definition=definition, run=run))
            with dsl.If(scraped.output != "nothing", name="something-new"):
                with dsl.If(scraped.output == "learn", name="learn-at-once"):
                    learn_and_deploy()
                with dsl.If(scraped.output == "fan-out", name="embed-side-by-side"):
                    learn_and_deploy(*(fit(embed(task=task, run=run, shard=shard, of=SHARDS)) for shard in range(SHARDS)))
                with dsl.If(scraped.output == "export", name="new-backbone"):
                    learn_and_deploy(fit(export(task=task, run=run)))
                with dsl.If(scraped.output == "finetune", name="finetuned-backbone"):
                    learn_and_deploy(fit(finetune(task=task, run=run)))

    return continual
