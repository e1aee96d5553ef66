"""The loop: scrape, label, embed, train, evaluate, gate, deploy, and a record of how it ended.

Conditions stand on steps with a single return value: kfp.local can't resolve a named output in a condition.
"""

from kfp import dsl

from components.deploy import deploy
from components.embed import embed
from components.evaluate import evaluate
from components.gate import gate
from components.label import label
from components.record import record
from components.scrape import scrape
from components.train import train


@dsl.pipeline(name="perennial-continual", description="Learn what is new, judge it against the champion, deploy what passes.")
def continual(task: str) -> None:
    """One run of the loop for one task."""
    run = dsl.PIPELINE_JOB_ID_PLACEHOLDER
    recorded = record(task=task, run=run)
    with dsl.ExitHandler(recorded, name="loop"):
        scraped = scrape(task=task, run=run)
        with dsl.If(scraped.output == True, name="something-new"):  # noqa: E712 (builds a condition, compares nothing)
            labelled = label(task=task, run=run)
            embedded = embed(task=task, run=run).after(labelled)
            trained = train(task=task, run=run).after(embedded)
            with dsl.If(trained.output != "", name="challenger"):
                evaluated = evaluate(task=task, run=run, challenger=trained.output)
                gated = gate(task=task, run=run).after(evaluated)
                with dsl.If(gated.outputs["Output"] == True, name="passed"):  # noqa: E712
                    deploy(task=task, run=run, challenger=trained.output)
