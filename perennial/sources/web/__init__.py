"""The web, for every source that lies there: one fetcher that is polite, bounded, and blind to the inside of the network."""

from perennial.sources.web.fetcher import Fetcher
from perennial.sources.web.limits import Limits
from perennial.sources.web.manners import Manners, contact_or_stop
from perennial.sources.web.trouble import Failing, LeftAlone
from perennial.sources.web.urls import place_of

__all__ = ["Failing", "Fetcher", "LeftAlone", "Limits", "Manners", "contact_or_stop", "place_of"]
