"""What the benchmark of sources asks and compares with: a site in a process of its own, and Scrapy."""
