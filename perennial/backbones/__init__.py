"""Frozen networks that turn images into embeddings: exported once with torch, run without it."""
