"""The serving benchmark: Perennial's endpoint beside the usual path and four frameworks, in one interleaved run, and a soak."""
