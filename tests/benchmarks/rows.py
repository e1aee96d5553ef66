"""One figure of a benchmark."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """A figure and the goal it is held against, such as ``≤ 1.1`` or ``≥ 2``; ``note`` says what was compared, and how."""

    name: str
    value: float
    goal: str
    unit: str
    note: str

    @property
    def kept(self) -> bool:
        """Whether the figure reaches its goal."""
        sign, limit = self.goal.split()
        return self.value <= float(limit) if sign == "≤" else self.value >= float(limit)
