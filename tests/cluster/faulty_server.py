"""The server of the product's own image, gone wrong as FAULT says: pods run this file in place of ``perennial``.

Faults that only traffic shows spare requests that the prediction log doesn't get, such as golden images.
"""

import os
import time

FAULT = os.environ["FAULT"]


def answer_wrongly() -> None:
    """Give each class the probability of its neighbour."""
    import numpy as np

    from perennial.learning.head import Head

    right = Head.probabilities
    Head.probabilities = lambda self, vectors: np.roll(right(self, vectors), 1, axis=1)


def go_wrong_under_traffic() -> None:
    """Fail each third request, answer each six seconds late, or die at the fifth."""
    import asyncio
    from contextvars import ContextVar

    from perennial.serving.answers import Answers
    from perennial.serving.computing import Computing

    answer, see = Answers.answer, Computing.see
    real = ContextVar("real", default=False)
    seen = 0

    def noticed(self, *arguments, noted=True, **named):
        real.set(noted)
        return answer(self, *arguments, noted=noted, **named)

    async def worse(self, *arguments, **named):
        nonlocal seen
        seen += real.get()
        if real.get() and FAULT == "errors" and seen % 3 == 0:
            raise RuntimeError("a fault of the test's")
        if real.get() and FAULT == "slow":
            await asyncio.sleep(6)
        if real.get() and FAULT == "dies" and seen == 5:
            os._exit(1)
        return await see(self, *arguments, **named)

    Answers.answer, Computing.see = noticed, worse


def main() -> None:
    """Go wrong, then serve as ``perennial`` does."""
    if FAULT == "crashes":
        os._exit(1)
    if FAULT == "never-ready":
        time.sleep(3600)
    if FAULT == "wrong":
        answer_wrongly()
    else:
        go_wrong_under_traffic()
    from perennial.cli import main as perennial

    perennial()


if __name__ == "__main__":
    main()
