"""The demo site's pages, in the shapes that ArchDaily's have."""

import html
import json

from perennial.sources.demo_site.posts import DemoPost, image_id

PAGE_POSTS = 18
_TYPES = {"exterior": "photo", "interior": "photo", "drawing": "elevation"}


def listing(posts: list[DemoPost], page: int, url: str) -> str:
    """Return one page of the listing as JSON; ``posts`` are all, newest first."""
    shown = posts[(page - 1) * PAGE_POSTS : page * PAGE_POSTS]
    results = [
        {
            "document_id": str(post.id),
            "title": f"{post.title} / {post.office}",
            "url": f"{url}/{post.id}/{post.slug}",
            "location": post.place,
            "year": str(post.day.year),
            "publication_date": post.published,
            "document_type": "project",
            "offices": [{"name": post.office}],
        }
        for post in shown
    ]
    return json.dumps({"total_results": len(posts), "results": results}, ensure_ascii=False)


def project(post: DemoPost, seed: int, url: str) -> str:
    """Return a project page: meta tags, specifications and the link to the gallery."""
    city, _, country = post.place.partition(", ")
    metas = {
        "cXenseParse:articleid": str(post.id),
        "cXenseParse:publishtime": post.published,
        "cXenseParse:project-location": f"{city},{city},{country}",
        "cXenseParse:project-year": str(post.day.year),
        "cXenseParse:project-office": post.office,
    }
    tags = "\n".join(f'<meta name="{name}" content="{html.escape(value)}">' for name, value in metas.items())
    links = "\n".join(
        f'<a class="gallery-thumbs-link" href="{_gallery_page(post, seed, index, url)}">'
        f'<img src="{picture_address(post, seed, index, "thumb_jpg", url)}" alt=""></a>'
        for index in range(len(post.kinds))
    )
    title, office, place = html.escape(post.title), html.escape(post.office), html.escape(post.place)
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>\n{tags}\n'
        f'<meta property="archdaily:type" content="Selected Projects"></head>\n'
        f'<body><h1 class="afd-title-big">{title} / {office}</h1>\n<p class="afd-specs__header-location">{place}</p>\n'
        f'<ul><li class="afd-specs__item"><span class="afd-specs__key">Year:</span> '
        f'<span class="afd-specs__value">{post.day.year}</span></li></ul>\n<div id="gallery-thumbs">{links}</div></body></html>\n'
    )


def gallery(post: DemoPost, seed: int, url: str) -> str:
    """Return the gallery page, whose data attribute lists all pictures."""
    items = [
        {
            "type": "MediaPlan" if kind == "drawing" else "MediaPicture",
            "caption": f"{kind.capitalize()}{'' if kind == 'drawing' else ' Photography'}, {post.title}",
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
    return f"{url}/media/images/{parts}/{size}/{post.slug}-{_TYPES[post.kinds[index]]}-{index + 1:02d}.jpg"


def _gallery_page(post: DemoPost, seed: int, index: int, url: str) -> str:
    return f"{url}/{post.id}/{post.slug}/{image_id(seed, post.id, index)}-{post.slug}-{_TYPES[post.kinds[index]]}"
