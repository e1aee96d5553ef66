"""What all parts of a task's file have in common."""

from pydantic import BaseModel, ConfigDict


class Part(BaseModel):
    """A part of a task: it doesn't change, and refuses keys that it doesn't know."""

    model_config = ConfigDict(frozen=True, extra="forbid")
