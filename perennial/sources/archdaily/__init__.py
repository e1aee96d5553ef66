"""ArchDaily, and sites with the same shape: a parser for each of its pages, and the source that walks through them."""

from perennial.sources.archdaily.source import ArchDailySource

__all__ = ["ArchDailySource"]
