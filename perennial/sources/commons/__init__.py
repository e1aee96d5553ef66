"""Buildings of Wikidata, and their photographs on Wikimedia Commons under free licences.

Neither service was ever asked by the tests: they answer on loopback, in the shapes that their public documentation gives.
"""

from perennial.sources.commons.source import CommonsSource

__all__ = ["CommonsSource"]
