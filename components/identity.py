"""Which run a pod belongs to."""

import os

import psutil

from perennial.errors import StepFailed

LOCAL = "PERENNIAL_RUN"
"""Variable by which a local run tells its steps its id, which kfp.local makes for itself too."""

_UNRESOLVED = "{{$"


def run_id(given: str) -> str:
    """Return the id of the run that a step belongs to.

    Older KFP back ends hand the placeholder for it on as it is, but name the run to the launcher, an ancestor of this process.

    Raises:
        StepFailed: nothing says which run this is; steps of different runs would take each other's facts for their own.
    """
    found = os.environ.get(LOCAL) or given
    if not found.startswith(_UNRESOLVED):
        return found
    for parent in psutil.Process().parents():
        command = parent.cmdline()
        if "--run_id" in command[:-1]:
            return command[command.index("--run_id") + 1]
    raise StepFailed(
        "The pipeline's back end doesn't say which run this step belongs to. Perennial needs Kubeflow Pipelines 2.0.5 or later."
    )
