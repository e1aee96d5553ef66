"""The demo site's pages about a building or an article, and its listing, in the shapes that ArchDaily's have."""

import html
import json

from perennial.sources.demo_site.articles import DemoArticle
from perennial.sources.demo_site.posts import DemoPost, image_id

PAGE_POSTS = 18
_SIZES = ("large", "medium", "small", "thumb", "newsletter", "slideshow", "mini")


def listing(posts: list[DemoPost], page: int, seed: int, url: str) -> str:
    """Return one page of the listing as JSON; ``posts`` are all, newest first.

    One entry in 16 doesn't say where the building stands, though its page does.
    """
    shown = posts[(page - 1) * PAGE_POSTS : page * PAGE_POSTS]
    results = [
        {
            "document_id": str(post.id),
            "title": f"{post.title} / {post.office}",
            "url": f"{url}/{post.id}/{post.slug}",
            "location": {3: "", 11: "0"}.get(post.id % 32, post.place),
            "year": str(post.day.year),
            "publication_date": post.published,
            "document_type": "Project",
            "project_type": "Built",
            "categories": [{"name": post.category}],
            "tags": [post.style],
            "offices": [{"name": post.office}],
            "photographers": [{"name": post.photographer}],
            "featured_images": _addresses(post, seed, 0, url),
            "miniatures": [_addresses(post, seed, index, url) for index in range(1, len(post.kinds))],
        }
        for post in shown
    ]
    return json.dumps({"total_results": len(posts), "results": results}, ensure_ascii=False)


def project(post: DemoPost, seed: int, url: str) -> str:
    """Return a project page: meta tags, specifications and the link to the gallery."""
    city, _, country = post.place.partition(", ")
    metas = {
        "articleid": str(post.id),
        "publishtime": post.published,
        "project-location": f"{city},{city},{country}",
        "project-year": str(post.day.year),
        "project-office": post.office,
        "project-category-tier-1": post.category,
        "project-photographer": post.photographer,
    }
    specs = {"Architects": post.office, "Year": str(post.day.year), "Photographs": post.photographer, "Style": post.style}
    links = "\n".join(
        f'<a class="gallery-thumbs-link" href="{_gallery_page(post, seed, index, url)}">'
        f'<img src="{picture_address(post, seed, index, "thumb_jpg", url)}" alt=""></a>'
        for index in range(len(post.kinds))
    )
    items = "".join(
        f'<li class="afd-specs__item"><span class="afd-specs__key">{key}:</span> '
        f'<span class="afd-specs__value">{html.escape(value)}</span></li>'
        for key, value in specs.items()
    )
    return (
        f"{_head(post.title, 'Selected Projects', metas)}"
        f'<body><h1 class="afd-title-big">{html.escape(f"{post.title} / {post.office}")}</h1>\n'
        f'<p class="afd-specs__header-location">{html.escape(post.place)}</p>\n'
        f'<p class="afd-specs__header-category"><a href="{url}/search/projects">{html.escape(post.category)}</a></p>\n'
        f'<ul>{items}</ul>\n<div id="gallery-thumbs">{links}</div></body></html>\n'
    )


def article(found: DemoArticle) -> str:
    """Return an article's page, which says that it is none of a project."""
    head = _head(found.title, "Articles", {"articleid": str(found.id), "publishtime": found.published})
    return f'{head}<body><h1 class="afd-title-big">{html.escape(found.title)}</h1><p>Words, no pictures.</p></body></html>\n'


def gallery(post: DemoPost, seed: int, url: str) -> str:
    """Return the gallery page, whose data attribute lists all pictures."""
    items = [
        {
            "type": "MediaPlan" if kind == "drawing" else "MediaPicture",
            "caption": _caption(post, index),
            "link": _gallery_page(post, seed, index, url),
            "url_large": picture_address(post, seed, index, "large_jpg", url),
            "url_slideshow": picture_address(post, seed, index, "slideshow", url),
        }
        for index, kind in enumerate(post.kinds)
    ]
    data = html.escape(json.dumps(items), quote=True)
    title = html.escape(post.title)
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><title>{title}</title></head>\n'
        f'<body><div id="gallery-items" data-images="{data}"></div></body></html>\n'
    )


def picture_address(post: DemoPost, seed: int, index: int, size: str, url: str) -> str:
    """Return a picture's address: its id in six parts, a size, a file name."""
    name = image_id(seed, post.id, index)
    parts = "/".join(name[at : at + 4] for at in range(0, 24, 4))
    return f"{url}/media/images/{parts}/{size}/{post.slug}-{_type(post, index)}-{index + 1:02d}.jpg"


def _caption(post: DemoPost, index: int) -> str:
    if post.kinds[index] == "drawing":
        return f"Elevation, {post.title}"
    said = "" if post.silent[index] else f"{post.kinds[index].capitalize()} Photography, "
    return f"{said}{post.title}. © {post.photographer}"


def _addresses(post: DemoPost, seed: int, index: int, url: str) -> dict[str, str]:
    return {f"url_{size}": picture_address(post, seed, index, f"{size}_jpg", url) for size in _SIZES}


def _type(post: DemoPost, index: int) -> str:
    return "elevation" if post.kinds[index] == "drawing" else "photo"


def _gallery_page(post: DemoPost, seed: int, index: int, url: str) -> str:
    return f"{url}/{post.id}/{post.slug}/{image_id(seed, post.id, index)}-{post.slug}-{_type(post, index)}"


def _head(title: str, kind: str, metas: dict[str, str]) -> str:
    tags = "\n".join(f'<meta name="cXenseParse:{name}" content="{html.escape(value)}">' for name, value in metas.items())
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>\n{tags}\n'
        f'<meta property="archdaily:type" content="{kind}">\n<script type="application/ld+json"></script></head>\n'
    )
