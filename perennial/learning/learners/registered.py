"""The learners that a task can name; add a new one to the list."""

from perennial.errors import TaskError
from perennial.learning.learners.base import Learner
from perennial.learning.learners.ncm import Ncm
from perennial.learning.learners.slda import Slda

LEARNERS: dict[str, type[Learner]] = {learner.name: learner for learner in (Slda, Ncm)}


def learner_named(name: str) -> type[Learner]:
    """Return a learner's class.

    Raises:
        TaskError: no learner has this name.
    """
    if name not in LEARNERS:
        raise TaskError(f"There is no learner '{name}'. Choose one of {', '.join(sorted(LEARNERS))} under 'learner: name'.")
    return LEARNERS[name]
