"""Ask for the pages of a listing: the JSON, or the front page where that isn't there any more."""

from collections.abc import Sequence

from perennial.errors import SourceError
from perennial.sources.archdaily.listing import Reshaped, parse_front_page, parse_listing
from perennial.sources.posts import Gone, Known, NotFound, Post
from perennial.sources.web import Fetcher


class Pages:
    """The listing of the site at ``base`` during one run; ``said`` gets a sentence where it isn't what it was."""

    def __init__(self, base: str, fetch: Fetcher, name: str, said: list[str]) -> None:
        self._base, self._fetch, self._name, self._said = base, fetch, name, said
        self._first: Sequence[Post] = ()
        self._front = False

    def changed(self, known: Known) -> bool:
        """Read the first page; False where it is as it was when nothing on it was new.

        Raises:
            SourceError: neither the listing JSON nor the front page is what it was.
        """
        url = self._address(1)
        try:
            data = self._fetch.get(url) if known.watermark is None else self._fetch.get_if_changed(url)
            if data is None:
                return False
            self._first = parse_listing(data, self._base).posts
        except (Gone, Reshaped) as error:
            self._fall_back(url, str(error).rstrip("."))
        return True

    def confirm(self) -> None:
        """Remember that all posts of the first page are known, so that only another first page is read."""
        if not self._front:
            self._fetch.confirm(self._address(1))

    def page(self, number: int) -> Sequence[Post]:
        """Return a page's posts; none past the end.

        Raises:
            SourceError: it isn't in the shape of those before it.
        """
        if number == 1:
            return self._first
        url = self._address(number)
        try:
            return self._read(url)
        except NotFound:
            return ()
        except (Gone, Reshaped) as error:
            raise SourceError(f"{url} isn't the listing that was expected: {str(error).rstrip('.')}. {self._advice}") from None

    def _fall_back(self, url: str, why: str) -> None:
        """Read the front page from now on."""
        self._front = True
        reason = "it links to no post"
        try:
            self._first = self._read(self._address(1))
        except Gone as error:
            reason = str(error).rstrip(".")
        if not self._first:
            raise SourceError(
                f"{url} isn't the listing that was expected ({why}), and the front page doesn't help ({reason}). "
                f"The site may have changed shape. {self._advice}"
            )
        self._said.append(f"{self._name}: the listing JSON isn't what it was ({why}), so the front page was read instead.")

    def _read(self, url: str) -> Sequence[Post]:
        if self._front:
            return parse_front_page(self._fetch.get(url, expect="html"), self._base).posts
        return parse_listing(self._fetch.get(url), self._base).posts

    def _address(self, number: int) -> str:
        if not self._front:
            return f"{self._base}/search/api/v1/us/projects?page={number}"
        return f"{self._base}/page/{number}" if number > 1 else f"{self._base}/"

    @property
    def _advice(self) -> str:
        return f"'perennial sources check {self._name}' says what is still there."
