"""ArchDaily, and sites with the same shape: a parser for each of its pages, and the source that walks through them."""

from perennial.sources.archdaily.opening import open_archdaily
from perennial.sources.archdaily.source import ArchDailySource

__all__ = ["ArchDailySource", "open_archdaily"]
