"""Which images a model learns from, is calibrated on, or is judged on."""

import hashlib
from typing import Literal

Split = Literal["train", "calibrate", "hold_out"]


def split_of(post: str) -> Split:
    """Return a post's split: 70 % train, 10 % calibrate, 20 % hold out, by its hash.

    All pictures of one post fall on the same side, in every task and for ever.
    """
    share = int.from_bytes(hashlib.sha256(post.encode()).digest()[:8]) % 100
    if share < 70:
        return "train"
    return "calibrate" if share < 80 else "hold_out"
