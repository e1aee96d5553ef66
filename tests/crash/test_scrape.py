"""kill -9 of scraping, ten times: the catalog is that of an undisturbed run, and no image was fetched twice."""

import datetime
from pathlib import Path

import pytest

from perennial.sources.demo_site.posts import CATALOGUE_POSTS_A_DAY, first_day
from tests.sources.conftest import CountingSite
from tests.sources.killing import scraped_though_killed

pytestmark = pytest.mark.crash


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", [7, 8])
def test_five_hundred_posts(tmp_path: Path, seed: int) -> None:
    today = first_day() + datetime.timedelta(days=500 // CATALOGUE_POSTS_A_DAY - 1)
    with CountingSite(seed=seed, today=today, delay_s=0.005) as site:
        assert len(site.posts()) == 500
        scraped_though_killed(site, tmp_path, kills=10, seed=seed)
