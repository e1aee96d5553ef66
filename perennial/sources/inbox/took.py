"""What became of the objects of an inbox."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Took:
    """What became of objects: taken in, of which new in the catalog, refused, amended by a late sidecar, left where they lie.

    ``trouble`` says why some were left, if it isn't just too early.
    """

    taken: int = 0
    new: int = 0
    refused: int = 0
    amended: int = 0
    left: int = 0
    trouble: str = ""

    def __add__(self, other: "Took") -> "Took":
        return Took(
            self.taken + other.taken,
            self.new + other.new,
            self.refused + other.refused,
            self.amended + other.amended,
            self.left + other.left,
            other.trouble or self.trouble,
        )

    @property
    def did(self) -> bool:
        """Whether anything went from the inbox."""
        return bool(self.taken or self.refused or self.amended)

    @property
    def sentence(self) -> str:
        """What became of them, in words."""
        counts = (
            (self.taken, "taken in"),
            (self.new, "new"),
            (self.refused, "into quarantine"),
            (self.amended, "amended by a late sidecar"),
            (self.left, "left"),
        )
        told = ", ".join(f"{count} {what}" for count, what in counts if count) or "nothing"
        return f"{told}: {self.trouble}" if self.trouble else told
