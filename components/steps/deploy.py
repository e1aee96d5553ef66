"""Release the challenger: canary, verify, shift, alias."""

from components.step import Step
from perennial.deployment.deploy import deploy as release
from perennial.errors import PerennialError
from perennial.operations.runs import conclude


def deploy(task: str, run: str) -> None:
    """Serve the challenger, or take it back with a reason; the run's outcome is recorded while MLflow is at hand."""
    with Step("deploy", task, run) as step:
        if step.over() is None:
            trained = step.run.read("train")
            deployed = release(
                step.task,
                step.catalog,
                step.registry,
                step.settings,
                trained["challenger"],
                trained["champion"],
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
        try:
            conclude(step.run, lambda: step.task, lambda: step.catalog, lambda: step.registry)
        except PerennialError:
            return  # what was deployed stays so; the exit handler tries again, and says it
