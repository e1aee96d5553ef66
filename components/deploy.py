"""Release the challenger: canary, verify, shift, alias."""

from components.base import component


@component
def deploy(task: str, run: str, challenger: str) -> None:
    """Serve the challenger, or take it back with a reason; the run's outcome is recorded while MLflow is at hand."""
    from components.step import Step
    from perennial.deployment.deploy import deploy as release
    from perennial.operations.runs import conclude

    with Step("deploy", task, run) as step:
        champion = step.run.read("train")["champion"]
        deployed = release(
            step.task,
            step.catalog,
            step.registry,
            step.settings,
            challenger,
            champion,
            run_id=step.run.id,
            progress=step.progress,
        )
        step.done(
            deployed.sentence,
            outcome=deployed.outcome,
            version=deployed.version,
            release=deployed.release,
            reason=deployed.reason,
        )
        conclude(step.run, lambda: step.task, lambda: step.catalog, lambda: step.registry)
