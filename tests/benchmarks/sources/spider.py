"""The site of ``site.py`` as Scrapy reads it, with its images pipeline: ``python spider.py URL FOLDER``.

Settings are Scrapy's own, but for those that make it polite; the log is off, and items go to a file of JSON lines.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import scrapy
from scrapy.crawler import CrawlerProcess


class Houses(scrapy.Spider):
    """Listing → project page → gallery → item with its pictures."""

    name = "houses"

    def __init__(self, url: str) -> None:
        super().__init__()
        self.url = url
        self.start_urls = [self.listing(1)]

    def listing(self, page: int) -> str:
        return f"{self.url}/search/api/v1/us/projects?page={page}"

    def parse(self, response: Any) -> Iterator[Any]:
        found = json.loads(response.text)["results"]
        for entry in found:
            yield scrapy.Request(entry["url"], self.project, cb_kwargs={"entry": entry})
        if found:
            yield scrapy.Request(self.listing(int(response.url.rpartition("=")[2]) + 1))

    def project(self, response: Any, entry: dict[str, Any]) -> Any:
        said = {meta.attrib["name"]: meta.attrib["content"] for meta in response.css('meta[name^="cXenseParse:"]')}
        link = response.css("#gallery-thumbs a.gallery-thumbs-link::attr(href)").get()
        return scrapy.Request(response.urljoin(link), self.gallery, cb_kwargs={"entry": entry | said})

    def gallery(self, response: Any, entry: dict[str, Any]) -> dict[str, Any]:
        items = json.loads(response.css("#gallery-items::attr(data-images)").get())
        return {**entry, "image_urls": [item["url_large"] for item in items], "captions": [item["caption"] for item in items]}


def main() -> None:
    """Crawl."""
    url, folder = sys.argv[1], Path(sys.argv[2])
    settings = {
        "DOWNLOAD_DELAY": 0,
        "ROBOTSTXT_OBEY": True,
        "LOG_ENABLED": False,
        "ITEM_PIPELINES": {"scrapy.pipelines.images.ImagesPipeline": 1},
        "IMAGES_STORE": str(folder / "images"),
        "FEEDS": {str(folder / "items.jsonl"): {"format": "jsonlines"}},
    }
    process = CrawlerProcess(settings)
    process.crawl(Houses, url=url)
    process.start()


if __name__ == "__main__":
    main()
