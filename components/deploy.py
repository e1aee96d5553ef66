"""The pod that releases a challenger."""

from components.base import component


@component
def deploy(task: str, run: str) -> None:
    """Serve the run's challenger, or take it back with a reason."""
    from components.steps.deploy import deploy as release

    release(task, run)
