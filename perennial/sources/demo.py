"""The bundled site on loopback: ArchDaily's adapter with that site's address."""

from dataclasses import replace
from urllib.parse import urlsplit

from perennial.errors import SourceError
from perennial.sources.archdaily import ArchDailySource
from perennial.sources.posts import ImageRef, Post, source_key
from perennial.sources.web import Fetcher, Manners, place_of


class DemoSource(ArchDailySource):
    """The demo site; addresses are remembered without host and port, which change with each start."""

    def __init__(self, base_url: str, *, images_per_post: int = 3, overlap_days: int = 3) -> None:
        """Read the site at ``base_url``; nothing is remembered of its host, whose port is another one each time.

        Raises:
            SourceError: there is no address.
        """
        if not base_url:
            raise SourceError("The demo source has no base_url: the demo's site isn't up. Run 'perennial demo', which starts it.")
        workers = 4
        fetch = Fetcher(None, Manners("", 0.0, None), allowed=[place_of(base_url)], connections=workers + 1)
        super().__init__(
            base_url, fetch, images_per_post=images_per_post, overlap_days=overlap_days, name="demo", workers=workers
        )
        self.key = source_key("demo", images_per_post)

    def complete(self, post: Post) -> Post:
        """Return the post with its images, its own address without the host."""
        return replace(super().complete(post), url=urlsplit(post.url).path)

    def address(self, image: ImageRef) -> str:
        """Return the picture's path on the site."""
        return urlsplit(image.location).path
